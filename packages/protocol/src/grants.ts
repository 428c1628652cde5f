/**
 * Grants: the permissions inside a participant token, how they are read, and what they allow. Checks no
 * signature and knows no store. Whatever could be a restriction that this version does not know is refused,
 * never read as "everything allowed".
 */

import { capNames, type LlmCaps, parseCaps } from "./llm-caps.ts";
import { matchesModel } from "./model-pattern.ts";
import { findNameProblem, quoted } from "./name.ts";
import { TokenError } from "./token-error.ts";

/** `llm` inside the `api` grant. `models: null` allows every model, `[]` none. */
export interface LlmGrant {
  /** `provider/model`, exact or ending in `*`; case-sensitive, not trimmed. */
  readonly models: readonly string[] | null;
  /** What the token narrows beside its models; absent when it has no cap. */
  readonly caps?: LlmCaps;
}

/** The grants of one token, parsed. */
export interface Grants {
  readonly room: string;
  /** `agent`, `user`, `tool`, or "" when the token has no role grant. */
  readonly role: string;
  /** null: the token may not use the proxy. */
  readonly llm: LlmGrant | null;
}

/** Whether `models` covers the model that a provider will really be asked for. */
export function allowsModel(grant: LlmGrant, provider: string, model: string): boolean {
  if (grant.models === null) return true;
  return grant.models.some((pattern) => matchesModel(pattern, `${provider}/${model}`));
}

/**
 * Reads the `grants` claim: a list of `{name, scope}`, with a room and no name twice. Grants of other names
 * belong to other parts of MeshAgent and are left alone. Throws `TokenError` (`malformed`).
 */
export function parseGrants(value: unknown): Grants {
  if (!Array.isArray(value)) throw malformed("The token has no list of `grants`.");
  const scopes = new Map<string, unknown>();
  for (const grant of value) {
    const name = parseGrantName(grant);
    if (scopes.has(name))
      throw malformed(`The token has two grants named ${quoted(name)}; which one counts is not defined.`);
    scopes.set(name, grant.scope);
  }
  if (!scopes.has("room"))
    throw malformed("The token has no `room` grant; a participant token is scoped to one room.");
  return {
    room: parseNameScope("room", scopes.get("room")),
    role: scopes.has("role") ? parseNameScope("role", scopes.get("role")) : "",
    llm: scopes.has("api") ? parseApiScope(scopes.get("api")) : null,
  };
}

/** True for what JSON calls an object: no list and not null. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseGrantName(grant: unknown): string {
  if (!isJsonObject(grant) || typeof grant["name"] !== "string") {
    throw malformed("A grant of the token is no object with a `name`.");
  }
  const unknown = Object.keys(grant).find((member) => member !== "name" && member !== "scope");
  if (unknown !== undefined) {
    throw malformed(
      `A grant of the token has a member ${quoted(unknown)}; a grant has \`name\` and \`scope\`.`,
    );
  }
  return grant["name"];
}

function parseNameScope(grant: "room" | "role", scope: unknown): string {
  const problem = findNameProblem(scope);
  if (problem !== null || typeof scope !== "string") {
    throw malformed(`The scope of the token's \`${grant}\` grant ${problem}.`);
  }
  return scope;
}

function parseApiScope(scope: unknown): LlmGrant | null {
  if (!isJsonObject(scope)) throw malformed("The scope of the token's `api` grant is no object.");
  if (!Object.hasOwn(scope, "llm")) return null;
  const llm = scope["llm"];
  if (!isJsonObject(llm))
    throw malformed("`llm` in the token's `api` grant is no object; `{}` allows every model.");
  const known: readonly string[] = ["models", ...capNames];
  const unknown = Object.keys(llm).find((member) => !known.includes(member));
  if (unknown !== undefined) {
    // A slip such as `model` must not turn a narrow grant into one for everything.
    throw malformed(
      `\`llm\` in the token's \`api\` grant has a member ${quoted(unknown)}; those that there are are ` +
        `${known.map((name) => `\`${name}\``).join(", ")}.`,
    );
  }
  const caps = parseCaps(llm, (name, problem) => {
    throw malformed(`\`llm.${name}\` in the token's \`api\` grant ${problem}.`);
  });
  return { models: parseModels(llm), ...(caps === undefined ? {} : { caps }) };
}

function parseModels(llm: Readonly<Record<string, unknown>>): readonly string[] | null {
  if (!Object.hasOwn(llm, "models")) return null;
  const models: unknown = llm["models"];
  if (!Array.isArray(models) || !models.every((model): model is string => typeof model === "string")) {
    throw malformed(
      "`llm.models` in the token's `api` grant is no list of texts; leave it out to allow every model.",
    );
  }
  return models;
}

function malformed(message: string): TokenError {
  return new TokenError("malformed", message);
}
