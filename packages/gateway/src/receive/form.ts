/**
 * Reads the few wanted fields out of a form while its bytes pass: `multipart/form-data` (RFC 7578) and
 * `application/x-www-form-urlencoded`.
 *
 * Where two parsers could read a form differently, it is refused rather than guessed at: a bare line feed, a
 * field without a name, a second name. Files are walked over without being copied.
 */

import {
  type FileWatch,
  type FormPeek,
  type GivenField,
  headerParameters,
  invalidForm,
  MAX_FIELD_BYTES,
  MAX_FIELDS_FOUND,
} from "./form-field.ts";
import { createMultipartPeek } from "./multipart.ts";

/** The peek for a form of this content type; null when it is no form. Throws `invalid_body` for a bad boundary. */
export function createFormPeek(
  contentType: string,
  wanted: ReadonlySet<string>,
  file: FileWatch | null = null,
): FormPeek | null {
  const mediaType = contentType.split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType === "multipart/form-data") return createMultipartPeek(boundaryOf(contentType), wanted, file);
  if (mediaType === "application/x-www-form-urlencoded") return new UrlencodedPeek(wanted);
  return null;
}

/** RFC 2046 section 5.1.1: 1 to 70 characters, the last no space. */
function boundaryOf(contentType: string): string {
  const boundaries = headerParameters(contentType).filter(([name]) => name === "boundary");
  const boundary = boundaries[0]?.[1] ?? "";
  if (boundaries.length !== 1 || !/^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/.test(boundary)) {
    throw invalidForm("its content-type names no valid boundary");
  }
  return boundary;
}

const AMPERSAND = 0x26;

class UrlencodedPeek implements FormPeek {
  readonly #wanted: ReadonlySet<string>;
  readonly #found: GivenField[] = [];
  /** The pair that is arriving, up to its bound. */
  #parts: Uint8Array[] = [];
  #pairBytes = 0;

  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    for (let to = chunk.indexOf(AMPERSAND); to !== -1; to = chunk.indexOf(AMPERSAND, from)) {
      this.#take(chunk.subarray(from, to));
      this.#endPair();
      from = to + 1;
    }
    this.#take(chunk.subarray(from));
  }

  end(): readonly GivenField[] {
    this.#endPair();
    return this.#found;
  }

  #take(part: Uint8Array): void {
    const room = MAX_FIELD_BYTES - Math.min(this.#pairBytes, MAX_FIELD_BYTES);
    this.#pairBytes += part.length;
    if (room > 0 && part.length > 0) this.#parts.push(Buffer.from(part.subarray(0, room)));
  }

  #endPair(): void {
    if (this.#pairBytes === 0) return;
    const [pair] = new URLSearchParams(Buffer.concat(this.#parts).toString("latin1"));
    const isWhole = this.#pairBytes <= MAX_FIELD_BYTES;
    this.#parts = [];
    this.#pairBytes = 0;
    if (pair === undefined || !this.#wanted.has(pair[0])) return;
    if (this.#found.length === MAX_FIELDS_FOUND) throw invalidForm("it gives its fields too often");
    this.#found.push({ place: "form", name: pair[0], value: isWhole ? pair[1] : undefined });
  }
}
