/**
 * Reads the few wanted fields out of a form while its bytes pass: `multipart/form-data` (RFC 7578) and
 * `application/x-www-form-urlencoded`.
 *
 * Where two parsers could read a form differently, it is refused rather than guessed at: a bare line feed, a
 * field without a name, a second name. Files are walked over without being copied.
 */

import { GatewayError } from "../errors.ts";
import { createMultipartPeek } from "./multipart.ts";
import type { FieldPlace } from "../dialects/dialect.ts";

/** One occurrence of a field in a request. */
export interface GivenField {
  readonly place: FieldPlace;
  readonly name: string;
  /** `undefined` when it is too long to be a policy field's, or no text. */
  readonly value: unknown;
}

export interface FormPeek {
  /** Throws `invalid_body`. */
  push(chunk: Uint8Array): void;
  /** Every occurrence of a wanted field, in order. Throws `invalid_body` when the form is incomplete. */
  end(): readonly GivenField[];
}

/** Longer values of wanted fields are told by their presence alone. */
export const MAX_FIELD_BYTES: number = 64 * 1024;

/** A form with more of them is refused: every wanted field may be given once. */
export const MAX_FIELDS_FOUND = 1000;

/** The peek for a form of this content type; null when it is no form. Throws `invalid_body` for a bad boundary. */
export function createFormPeek(contentType: string, wanted: ReadonlySet<string>): FormPeek | null {
  const mediaType = contentType.split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType === "multipart/form-data") return createMultipartPeek(boundaryOf(contentType), wanted);
  if (mediaType === "application/x-www-form-urlencoded") return new UrlencodedPeek(wanted);
  return null;
}

export function invalidForm(what: string): GatewayError {
  return new GatewayError("invalid_body", `The form cannot be read: ${what}. Send it as multipart/form-data (RFC 7578).`);
}

/** The parameters of a header value such as `form-data; name="a"`, in order, names in lower case. */
export function headerParameters(value: string): readonly (readonly [name: string, value: string])[] {
  const parameters: [string, string][] = [];
  const from = value.indexOf(";");
  let rest = from === -1 ? "" : value.slice(from);
  while (rest.trim() !== "") {
    const match = /^\s*;\s*([!#$%&'*+\-.^_`|~\w]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/s.exec(rest);
    if (match === null) {
      // A lone or last semicolon says nothing.
      if (/^\s*;\s*(?=;|$)/.test(rest)) {
        rest = rest.replace(/^\s*;/, "");
        continue;
      }
      throw invalidForm(`a header's parameters are malformed at "${rest.trim().slice(0, 20)}"`);
    }
    parameters.push([(match[1] ?? "").toLowerCase(), match[2] ?? match[3] ?? ""]);
    rest = rest.slice(match[0].length);
  }
  return parameters;
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
