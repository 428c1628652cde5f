/**
 * What one streamed chunk has at its top level that is there only because usage was asked for. It looks at
 * places, not at values: nothing is parsed or built, and a text it cannot follow is left alone.
 */

/** Bytes `[start, end)`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What is to be done with a chunk: `drop` all of it, `remove` a range of it, or null for nothing. */
export type ChunkEdit = "drop" | { readonly remove: ByteRange } | null;

interface Member {
  /** "" for every member that does not matter here. */
  readonly name: "usage" | "choices" | "";
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/**
 * Judges the JSON text of one chunk. The extra chunk (`choices` empty, `usage` there) is dropped; from the
 * others a `"usage":null` of the top level goes, with one comma. A chunk that has choices is never dropped.
 */
export function editOf(text: Buffer): ChunkEdit {
  const members = membersOf(text);
  if (members === null) return null;
  const usages = members.filter((member) => member.name === "usage");
  const usage = usages.at(-1);
  if (usage === undefined) return null;
  if (!isNull(text, usage)) {
    const choices = members.findLast((member) => member.name === "choices");
    return choices !== undefined && isEmptyArray(text, choices) ? "drop" : null;
  }
  return usages.length === 1 ? { remove: withComma(members, members.indexOf(usage)) } : null;
}

/** The member up to the next one, or, when it is the last, from the end of the one before. */
function withComma(members: readonly Member[], index: number): ByteRange {
  const member = members[index];
  const next = members[index + 1];
  const previous = members[index - 1];
  const start = member?.keyStart ?? 0;
  if (next !== undefined) return { start, end: next.keyStart };
  return { start: previous?.valueEnd ?? start, end: member?.valueEnd ?? start };
}

/** The members of a JSON object; null when the text is not one. */
function membersOf(text: Buffer): Member[] | null {
  const members: Member[] = [];
  let at = skipSpace(text, 0);
  if (text[at] !== OPEN_BRACE) return null;
  at = skipSpace(text, at + 1);
  while (text[at] === QUOTE) {
    const keyStart = at;
    const keyEnd = skipString(text, at);
    at = skipSpace(text, keyEnd);
    if (text[at] !== COLON) return null;
    const valueStart = skipSpace(text, at + 1);
    const valueEnd = skipValue(text, valueStart);
    if (valueEnd === valueStart) return null;
    members.push({ name: nameAt(text, keyStart, keyEnd), keyStart, valueStart, valueEnd });
    at = skipSpace(text, valueEnd);
    if (text[at] === CLOSE_BRACE) return skipSpace(text, at + 1) === text.length ? members : null;
    if (text[at] !== COMMA) return null;
    at = skipSpace(text, at + 1);
  }
  return null;
}

const USAGE_KEY: Buffer = Buffer.from('"usage"');
const NULL: Buffer = Buffer.from("null");
const CHOICES_KEY: Buffer = Buffer.from('"choices"');

function nameAt(text: Buffer, start: number, end: number): Member["name"] {
  if (standsAt(text, start, end, USAGE_KEY)) return "usage";
  return standsAt(text, start, end, CHOICES_KEY) ? "choices" : "";
}

function standsAt(text: Buffer, start: number, end: number, expected: Buffer): boolean {
  if (end - start !== expected.length) return false;
  for (let i = 0; i < expected.length; i++) {
    if (text[start + i] !== expected[i]) return false;
  }
  return true;
}

function skipSpace(text: Buffer, from: number): number {
  let at = from;
  while (isSpace(text[at])) at++;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 32 || byte === 9 || byte === 10 || byte === 13;
}

function skipString(text: Buffer, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1;
  return Math.min(text.length, at + 1);
}

function skipValue(text: Buffer, from: number): number {
  const first = text[from];
  if (first === QUOTE) return skipString(text, from);
  let at = from;
  let depth = 0;
  while (at < text.length) {
    const byte = text[at];
    if (byte === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth--;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) {
      return at;
    }
    at++;
    if (depth === 0 && (first === OPEN_BRACE || first === OPEN_BRACKET)) return at;
  }
  return at;
}

function isNull(text: Buffer, member: Member): boolean {
  return standsAt(text, member.valueStart, member.valueEnd, NULL);
}

function isEmptyArray(text: Buffer, member: Member): boolean {
  return (
    text[member.valueStart] === OPEN_BRACKET && skipSpace(text, member.valueStart + 1) === member.valueEnd - 1
  );
}
