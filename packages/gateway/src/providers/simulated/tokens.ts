/**
 * How the simulated provider counts: one token for every four bytes of UTF-8, rounded up. No tokenizer
 * counts so; it is near enough for English text and JSON, and a test can do the sum by hand.
 */

const BYTES_PER_TOKEN = 4;

/** Tokens of a text. */
export function tokensOf(text: string): number {
  return tokensOfBytes(Buffer.byteLength(text));
}

/** Tokens of so many bytes. */
export function tokensOfBytes(byteLength: number): number {
  return Math.ceil(byteLength / BYTES_PER_TOKEN);
}

/** The longest start of `text` that is at most so many tokens. Never splits a character. */
export function firstTokens(text: string, tokens: number): string {
  return firstBytes(text, tokens * BYTES_PER_TOKEN);
}

/** The longest start of `text` that is at most so many bytes. Never splits a character. */
export function firstBytes(text: string, byteLength: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= byteLength) return text;
  let end = byteLength;
  // A continuation byte (10xxxxxx) right after the end means that the end is inside a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}

/** Cuts a text into pieces as a model streams them: a few bytes each, more where there would be too many. */
export function piecesOf(text: string): readonly string[] {
  const byteLength = Buffer.byteLength(text);
  const pieceBytes = Math.max(24, Math.ceil(byteLength / 256));
  const pieces: string[] = [];
  if (byteLength === text.length) {
    for (let at = 0; at < text.length; at += pieceBytes) pieces.push(text.slice(at, at + pieceBytes));
    return pieces;
  }
  let piece = "";
  let filled = 0;
  for (const character of text) {
    piece += character;
    filled += Buffer.byteLength(character);
    if (filled < pieceBytes) continue;
    pieces.push(piece);
    piece = "";
    filled = 0;
  }
  if (piece !== "") pieces.push(piece);
  return pieces;
}
