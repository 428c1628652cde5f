/** What the readers of forms share with those who read what they found: a found field, its bounds, header parameters. */

import type { FieldPlace } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";

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

/** Is shown the content of one part of a form, whatever its size. */
export interface FileWatch {
  readonly field: string;
  push(content: Uint8Array): void;
  /** The content cannot be read as it stands: the part is encoded, or there is another of its name. */
  spoil(): void;
}

/** Longer values of wanted fields are told by their presence alone. */
export const MAX_FIELD_BYTES: number = 64 * 1024;

/** A form with more of them is refused: every wanted field may be given once. */
export const MAX_FIELDS_FOUND = 1000;

/** An `invalid_body` for a form that cannot be read in one way alone. */
export function invalidForm(what: string): GatewayError {
  return new GatewayError(
    "invalid_body",
    `The form cannot be read: ${what}. Send it as multipart/form-data (RFC 7578).`,
  );
}

/** The parameters of a header value such as `form-data; name="a"`, in order, names in lower case. Throws `invalid_body`. */
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
