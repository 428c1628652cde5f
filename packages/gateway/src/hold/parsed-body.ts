/**
 * A copy of a request's body to be read: decoded and parsed, beside the bytes that go up as they came. It says whether
 * the text gives a member twice, because of two a provider may take the other. Judges nothing.
 */

import { isObject } from "../dialects/readings.ts";
import { decodeChunks, parseContentEncoding } from "../encoding.ts";
import type { KeptBody } from "../exchange.ts";

export interface ParsedBody {
  readonly value: Readonly<Record<string, unknown>>;
  /** Decoded. */
  readonly bytes: number;
  readonly hasRepeats: boolean;
  /** Its text has a backslash: some string of it is not written as it is read. */
  readonly hasEscapes: boolean;
}

/** null: it is no JSON object. At once where it is not encoded. */
export function parsedBody(body: KeptBody): ParsedBody | null | Promise<ParsedBody | null> {
  const text = decoded(body);
  return text instanceof Promise ? text.then(parsed) : parsed(text);
}

function parsed(text: Buffer): ParsedBody | null {
  try {
    const value: unknown = JSON.parse(text.toString("utf8"));
    if (!isObject(value)) return null;
    return {
      value,
      bytes: text.byteLength,
      hasRepeats: membersWritten(text) !== membersOf(value),
      hasEscapes: text.includes(backslash),
    };
  } catch {
    return null;
  }
}

function decoded(body: KeptBody): Buffer | Promise<Buffer> {
  const encodings = body.contentEncoding === "" ? [] : (parseContentEncoding(body.contentEncoding) ?? []);
  if (encodings.length > 0) return decodedBy(body, encodings);
  const [first, ...more] = body.chunks();
  if (first === undefined) return Buffer.alloc(0);
  if (more.length > 0) return Buffer.concat([first, ...more]);
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}

/** The receive step has decoded it once within its bound. */
async function decodedBy(body: KeptBody, encodings: Parameters<typeof decodeChunks>[1]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const bounds = { maxDecodedBytes: Number.MAX_SAFE_INTEGER };
  for await (const chunk of decodeChunks(body.chunks(), encodings, bounds)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
/** Looking for the end of a string byte by byte is faster where strings are short, and slower where they are long. */
const shortString = 48;

/** Members as they stand in a JSON text: every colon outside of a string is one. */
export function membersWritten(text: Buffer): number {
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at];
    if (byte === quote) at = endOfString(text, at + 1);
    else if (byte === colon) members += 1;
  }
  return members;
}

/** Where the quote stands that ends the string which begins at `from`; the text's length where none does. */
function endOfString(text: Buffer, from: number): number {
  let at = from;
  const shortEnd = Math.min(text.length, from + shortString);
  for (; at < shortEnd; at++) {
    const byte = text[at];
    if (byte === quote) return at;
    if (byte === backslash) at += 1;
  }
  for (;;) {
    const end = text.indexOf(quote, at);
    if (end === -1) return text.length;
    // A quote is a part of the string when an odd number of backslashes stands before it, inside what is left of it.
    let first = end;
    while (first > at && text[first - 1] === backslash) first -= 1;
    if ((end - first) % 2 === 0) return end;
    at = end + 1;
  }
}

function membersOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const element of value) members += membersOf(element);
    return members;
  }
  for (const member of Object.values(value)) members += 1 + membersOf(member);
  return members;
}
