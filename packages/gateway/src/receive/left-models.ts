/**
 * Tools and stored prompts whose model the request does not name (`OfferedEndpoint.leftModels`): nobody knows beforehand
 * whether a token covers it. The few bodies that may have one are parsed.
 */

import type { LeftModels } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";
import type { PolicyFields } from "../exchange.ts";
import { parseStrictJson, StrictJsonError } from "@meshagent/llm-proxy-protocol/strict-json";

/** Spells a letter of a type's name in another way. */
const SPELLED_LETTER = /\\u00[2-7]/;

export function withLeftModels(policy: PolicyFields, isLeft: boolean): PolicyFields {
  return isLeft ? { ...policy, hasUnknownModel: true } : policy;
}

/** Whether the JSON body uses a model that it does not name. Throws `invalid_body` for JSON that can be read in two ways. */
export function leavesModel(left: LeftModels, chunks: readonly Uint8Array[]): boolean {
  const [first] = chunks;
  const isOne = chunks.length === 1 && first !== undefined;
  const bytes = isOne ? Buffer.from(first.buffer, first.byteOffset, first.byteLength) : Buffer.concat(chunks);
  const isNamed = [...left.tools, ...left.members].some((name) => bytes.includes(`"${name}"`));
  return (isNamed || isSpelled(bytes)) && hasLeftModel(left, parsed(bytes));
}

/** The same of a parsed body. */
export function hasLeftModel({ tools, members }: LeftModels, body: unknown): boolean {
  // A text of that name, as a legacy completion has, names nothing that is kept.
  if (isMembers(body) && members.some((name) => isMembers(body[name]) && !Array.isArray(body[name])))
    return true;
  return hasTool(body, (tool) => tools.includes(String(tool["type"])) && !tool["model"]);
}

function isSpelled(bytes: Buffer): boolean {
  return bytes.includes("\\u00") && SPELLED_LETTER.test(bytes.toString("latin1"));
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    const message = `The request body ${error.message}. Send one JSON object.`;
    throw new GatewayError("invalid_body", message, { cause: error });
  }
}

type Members = Readonly<Record<string, unknown>>;

/** A tool stands in a list `tools`, of the body or of something in it; what is chosen of them repeats their types. */
function hasTool(body: unknown, isMeant: (tool: Members) => boolean): boolean {
  const open: unknown[] = [body];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    for (const [name, member] of Object.entries(value)) {
      if (name === "tool_choice") continue;
      if (
        name === "tools" &&
        Array.isArray(member) &&
        member.some((tool) => isMembers(tool) && isMeant(tool))
      )
        return true;
      open.push(member);
    }
  }
  return false;
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null;
}
