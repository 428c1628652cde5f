/**
 * From what came over the wire to what a schema promises. A refusal names the place and what is wrong with
 * it, and quotes no value: it could be a secret.
 */

import type { z } from "zod";
import { ApiFault } from "./fault.ts";

/** Larger than any body of the API; a limit only because there must be one. */
export const MAX_BODY_BYTES: number = 1024 * 1024;

/** Deeper than anybody's data; what reads and writes values calls itself once a level. */
export const MAX_DEPTH = 64;

/** Throws `invalid_request`. A parameter that is given twice is refused, because only one of them could count. */
export function parseQuery<T>(schema: z.ZodType<T>, search: URLSearchParams): T {
  const names = [...search.keys()];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ApiFault("invalid_request", "A parameter is given twice.");
  return check(schema, Object.fromEntries(search));
}

/** Throws `invalid_request`, `request_too_large`. No body at all reads as an empty object. */
export async function parseBody<T>(schema: z.ZodType<T>, request: Request): Promise<T> {
  const text = await readText(request);
  return check(schema, text.trim() === "" ? {} : parseJson(text));
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  throw new ApiFault("invalid_request", problems.join("; "));
}

function parseJson(text: string): unknown {
  const value = parseText(text);
  if (isDeeperThan(value, MAX_DEPTH)) {
    throw new ApiFault("invalid_request", `The body is nested more than ${MAX_DEPTH} levels deep.`);
  }
  return value;
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The engine's message quotes the text.
    throw new ApiFault("invalid_request", "The body is no JSON.");
  }
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((member) => isDeeperThan(member, levels - 1));
}

async function readText(request: Request): Promise<string> {
  if (request.body === null) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) {
      throw new ApiFault("request_too_large", `The body is larger than ${MAX_BODY_BYTES} bytes.`);
    }
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new ApiFault("invalid_request", "The body is no UTF-8.");
  }
}
