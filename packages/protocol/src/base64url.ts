/**
 * Base64url without padding (RFC 4648 section 5), as tokens and API keys use it. Decoding takes canonical
 * text only: one byte sequence has one spelling, so a text can stand for what it encodes.
 */

const ALPHABET = /^[A-Za-z0-9_-]*$/;

/** Encodes bytes, without padding. */
export function encodeBase64url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Decodes canonical text, or gives null: for any other character (padding and white space too), an
 * impossible length, or a last character with bits that no byte uses.
 */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!ALPHABET.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
  return encodeBase64url(bytes) === text ? bytes : null;
}
