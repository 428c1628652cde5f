/**
 * JSON that can be read in one way only. RFC 8259 section 4 leaves open what a member given twice means,
 * and parsers differ; a token that two parsers read differently is refused. No text of the input gets into
 * an error.
 */

/** Why a text was not read, in words that follow "is" or "it". */
export class StrictJsonError extends Error {
  override readonly name = "StrictJsonError";
}

/**
 * Decodes UTF-8 and parses JSON. Throws `StrictJsonError` for bad UTF-8, a byte order mark, bad JSON or a
 * member given twice.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be secret: it is not passed on as the cause.
    throw new StrictJsonError("is not JSON");
  }
  if (hasDuplicateMember(text)) throw new StrictJsonError("names a member twice");
  return value;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new StrictJsonError("is not UTF-8");
  }
}

/** Takes a text that is known to be JSON, so that a string before a colon is always a member's name. */
function hasDuplicateMember(text: string): boolean {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{") open.push(new Set());
    if (char === "}") open.pop();
    if (char !== '"') continue;
    const start = at;
    at = endOfString(text, start);
    if (!isFollowedByColon(text, at + 1)) continue;
    const members = open.at(-1);
    // Parsed, because an escape spells the same name differently: "kid" and "k\u0069d".
    const name = String(JSON.parse(text.slice(start, at + 1)));
    if (members?.has(name) === true) return true;
    members?.add(name);
  }
  return false;
}

/** The offset of the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at;
}

/** An odd number of backslashes stands before the character. */
function isEscaped(text: string, at: number): boolean {
  let from = at;
  while (text[from - 1] === "\\") from--;
  return (at - from) % 2 === 1;
}

function isFollowedByColon(text: string, from: number): boolean {
  let at = from;
  while (" \t\n\r".includes(text[at] ?? "x")) at++;
  return text[at] === ":";
}
