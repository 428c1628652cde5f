/**
 * What may be the name of a room, a participant or a role, and how a text of somebody else's is quoted in
 * a message. The rule is the same wherever a name comes in: a token, a token spec, a header.
 */

/** Longest name, in UTF-16 units. */
export const MAX_NAME_LENGTH = 200;

// C0, DEL and C1 controls, and the two line separators that some log viewers break at.
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
const CONTROLS = /[\p{Cc}\u2028\u2029]/gu;

/** Why the value cannot be a name, in words that follow "it", or null when it can. */
export function findNameProblem(value: unknown): string | null {
  if (typeof value !== "string") return "is not a string";
  if (value === "") return "is empty";
  if (value.length > MAX_NAME_LENGTH) return `is longer than ${MAX_NAME_LENGTH} characters`;
  if (CONTROL.test(value)) return "has a control character in it";
  if (!value.isWellFormed()) return "has half a surrogate pair in it";
  if (value.trim() !== value) return "begins or ends with white space";
  return null;
}

/** The text without control characters, cut at `maxLength`. */
export function printable(text: string, maxLength: number = MAX_NAME_LENGTH): string {
  return text.replace(CONTROLS, "").slice(0, maxLength).toWellFormed();
}

/** A text for a message: in double quotes, without control characters, cut at 100 characters. */
export function quoted(text: string): string {
  return text.length > 100 ? `"${printable(text, 100)}..."` : `"${printable(text)}"`;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The UUID in lower case, or null for anything that is not 32 hexadecimal digits grouped 8-4-4-4-12. */
export function findUuid(value: unknown): string | null {
  return typeof value === "string" && UUID.test(value) ? value.toLowerCase() : null;
}
