/**
 * The token spec: what a participant token shall say, in a file that is safe to commit. Takes the parsed
 * YAML or JSON, gives a checked spec, and names every problem at its path. Reads no file and signs nothing.
 */

import { isJsonObject, type LlmGrant } from "./grants.ts";
import { capNames, parseCaps } from "./llm-caps.ts";
import { findNameProblem, quoted } from "./name.ts";
import { findNearestName } from "./nearest-name.ts";

/** The roles that a token spec may give. */
export type Role = "agent" | "user" | "tool";

/** A checked token spec. */
export interface TokenSpec {
  readonly room: string;
  /** The participant; becomes the token's `name`. */
  readonly identity: string;
  readonly role: Role;
  /** null: the token may not use the proxy. */
  readonly llm: LlmGrant | null;
}

/**
 * The spec cannot be used. `problems` has one sentence for each thing that is wrong, the message all of
 * them.
 */
export class TokenSpecError extends Error {
  override readonly name = "TokenSpecError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

const ROLES: readonly Role[] = ["agent", "user", "tool"];
const MEMBERS = ["version", "kind", "room", "identity", "role", "api"];
// What people write for a member that has another name here.
const OTHER_WORDS: Readonly<Record<string, string>> = {
  name: "identity",
  participant: "identity",
  llm: "api.llm",
  models: "api.llm.models",
  ...Object.fromEntries(capNames.map((name) => [name, `api.llm.${name}`])),
};

/** Checks a parsed token spec. Throws `TokenSpecError` with every problem found. */
export function parseTokenSpec(value: unknown): TokenSpec {
  if (!isJsonObject(value)) {
    throw new TokenSpecError([
      "The token spec is no mapping; it begins with `version: v1` and `kind: ParticipantToken`.",
    ]);
  }
  const problems: string[] = [];
  refuseUnknownMembers(value, { path: "", known: MEMBERS, problems });
  requireConstant(value, { member: "version", expected: "v1", problems });
  requireConstant(value, { member: "kind", expected: "ParticipantToken", problems });
  const spec: TokenSpec = {
    room: parseName(value, "room", problems),
    identity: parseName(value, "identity", problems),
    role: parseRole(value["role"], problems),
    llm: parseApi(value["api"], problems),
  };
  if (problems.length > 0) throw new TokenSpecError(problems);
  return spec;
}

interface Expectation {
  readonly member: string;
  readonly expected: string;
  readonly problems: string[];
}

function requireConstant(
  spec: Readonly<Record<string, unknown>>,
  { member, expected, problems }: Expectation,
): void {
  const value = spec[member];
  if (value === expected) return;
  if (value === undefined) problems.push(`${member}: is missing; write \`${member}: ${expected}\`.`);
  else problems.push(`${member}: is ${describe(value)}; the only one there is is \`${expected}\`.`);
}

function parseName(
  spec: Readonly<Record<string, unknown>>,
  member: "room" | "identity",
  problems: string[],
): string {
  const value = spec[member];
  if (value === undefined) {
    problems.push(
      `${member}: is missing; ` +
        `${member === "room" ? "name the room that the token is for" : "name who acts with the token"}.`,
    );
    return "";
  }
  const problem = findNameProblem(value);
  if (problem === null && typeof value === "string") return value;
  const hint =
    typeof value === "number" || typeof value === "boolean" ? `; put it in quotes: "${value}"` : "";
  problems.push(`${member}: ${problem}${hint}.`);
  return "";
}

function parseRole(value: unknown, problems: string[]): Role {
  if (value === undefined) return "agent";
  const role = ROLES.find((known) => known === value);
  if (role !== undefined) return role;
  problems.push(`role: is ${describe(value)}; it is one of ${ROLES.join(", ")}.${didYouMean(value, ROLES)}`);
  return "agent";
}

function parseApi(value: unknown, problems: string[]): LlmGrant | null {
  if (value === undefined) return null;
  if (!isJsonObject(value)) {
    problems.push(
      `api: is ${describe(value)}; write \`api: { llm: {} }\` to let the participant use the proxy.`,
    );
    return null;
  }
  refuseUnknownMembers(value, { path: "api.", known: ["llm"], problems });
  if (!Object.hasOwn(value, "llm")) return null;
  const llm = value["llm"];
  if (!isJsonObject(llm)) {
    problems.push(
      `api.llm: is ${describe(llm)}; write \`llm: {}\` for every model, or \`llm: { models: [...] }\`.`,
    );
    return null;
  }
  refuseUnknownMembers(llm, { path: "api.llm.", known: ["models", ...capNames], problems });
  const caps = parseCaps(llm, (name, problem) => problems.push(`api.llm.${name}: ${problem}.`));
  return {
    models: Object.hasOwn(llm, "models") ? parseModels(llm["models"], problems) : null,
    ...(caps === undefined ? {} : { caps }),
  };
}

function parseModels(value: unknown, problems: string[]): readonly string[] {
  if (!Array.isArray(value)) {
    problems.push(`api.llm.models: is ${describe(value)}, not a list; leave it out to allow every model.`);
    return [];
  }
  return value.map((pattern: unknown, index) => {
    const problem = findPatternProblem(pattern);
    if (problem !== null) problems.push(`api.llm.models[${index}]: ${problem}`);
    return String(pattern);
  });
}

function findPatternProblem(pattern: unknown): string | null {
  if (typeof pattern !== "string") return `is ${describe(pattern)}, not a text.`;
  const problem = findNameProblem(pattern);
  if (problem !== null) return `${problem}.`;
  if (pattern.slice(0, -1).includes("*")) return `is ${quoted(pattern)}; \`*\` may only stand at the end.`;
  if (pattern !== "*" && !/^[^/]+\/.+$/.test(pattern)) {
    return `is ${quoted(pattern)}, which no model matches; write \`provider/model\`, or \`provider/*\` for all of a provider's.`;
  }
  return null;
}

interface KnownMembers {
  /** What stands before a member's name in a message: "" or `api.`. */
  readonly path: string;
  readonly known: readonly string[];
  readonly problems: string[];
}

function refuseUnknownMembers(
  value: Readonly<Record<string, unknown>>,
  { path, known, problems }: KnownMembers,
): void {
  for (const member of Object.keys(value)) {
    if (known.includes(member)) continue;
    const other = path === "" && Object.hasOwn(OTHER_WORDS, member) ? OTHER_WORDS[member] : undefined;
    const hint = other === undefined ? didYouMean(member, known) : ` Did you mean \`${other}\`?`;
    problems.push(
      `${path}${quoted(member).slice(1, -1)}: is unknown here; known are ${known.join(", ")}.${hint}`,
    );
  }
}

function didYouMean(written: unknown, candidates: readonly string[]): string {
  const nearest = typeof written === "string" ? findNearestName(written, candidates) : null;
  return nearest === null ? "" : ` Did you mean \`${nearest}\`?`;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return quoted(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "a mapping";
}
