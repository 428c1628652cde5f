/**
 * Request header values as text for people: names and labels that callers put in headers. Never a
 * credential.
 */

/**
 * Request headers by lower-case name, each with the values of its lines
 * (`IncomingMessage.headersDistinct`).
 */
export type DistinctHeaders = Readonly<Record<string, readonly string[] | undefined>>;

/**
 * Node gives header bytes as Latin-1 (RFC 9110 section 5.5 leaves them opaque); clients that put other
 * characters in write UTF-8. Gives the UTF-8 text where the bytes are UTF-8, and the value as it is where not.
 */
export function decodeHeaderText(value: string): string {
  // ASCII is the same in both, and nearly every header is that.
  if (!/[^\0-\x7f]/.test(value)) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(value, "latin1"));
  } catch {
    return value;
  }
}
