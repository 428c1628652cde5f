/**
 * Looks into forms (`multipart/form-data`, RFC 7578, and `application/x-www-form-urlencoded`) for a few fields
 * while the bytes pass. Files are skipped and not held; nothing is altered.
 */

import { GatewayError } from "../errors.ts";

export interface FormField {
  readonly name: string;
  /** At most `maxFieldBytes` of it. */
  readonly value: string;
}

export interface FormPeek {
  push(chunk: Uint8Array): void;
  /** Every occurrence of the names looked for. Throws `invalid_body` when the form is broken. */
  end(): readonly FormField[];
}

const maxFieldBytes = 4096;
const maxPartHeadBytes = 16 * 1024;
const maxUrlencodedBytes = 1024 * 1024;

export function createFormPeek(contentType: string, names: readonly string[]): FormPeek {
  if (/^\s*application\/x-www-form-urlencoded/i.test(contentType)) return new UrlencodedPeek(names);
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw broken("its content type names no boundary");
  return new MultipartPeek(boundary, names);
}

class UrlencodedPeek implements FormPeek {
  readonly #names: readonly string[];
  readonly #chunks: Uint8Array[] = [];
  #byteLength = 0;

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  push(chunk: Uint8Array): void {
    this.#byteLength += chunk.byteLength;
    if (this.#byteLength > maxUrlencodedBytes) throw broken("it is too large for its encoding; send a multipart form");
    this.#chunks.push(chunk);
  }

  end(): readonly FormField[] {
    const pairs = new URLSearchParams(Buffer.concat(this.#chunks).toString("utf8"));
    return [...pairs].filter(([name]) => this.#names.includes(name)).map(([name, value]) => ({ name, value }));
  }
}

type State = "preamble" | "head" | "value" | "epilogue";

class MultipartPeek implements FormPeek {
  readonly #names: readonly string[];
  readonly #delimiter: Buffer;
  readonly #fields: FormField[] = [];
  #state: State = "preamble";
  /** Bytes that are not decided yet: a delimiter or a part's head may begin in them. A line break stands in front, so that the first delimiter looks like the others. */
  #pending: Buffer = Buffer.from("\r\n");
  /** The part at hand; name null for one that nobody looks for. */
  #name: string | null = null;
  #value: Buffer[] = [];
  #valueBytes = 0;

  constructor(boundary: string, names: readonly string[]) {
    this.#names = names;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  }

  push(chunk: Uint8Array): void {
    if (this.#state === "epilogue") return;
    this.#pending = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk]);
    while (this.#step());
  }

  end(): readonly FormField[] {
    if (this.#state !== "epilogue") throw broken("it ends before its last boundary");
    return this.#fields;
  }

  /** One transition; false when more bytes are needed. */
  #step(): boolean {
    switch (this.#state) {
      case "preamble":
      case "value":
        return this.#takeContent();
      case "head":
        return this.#takeHead();
      case "epilogue":
        return false;
    }
  }

  #takeContent(): boolean {
    const at = this.#pending.indexOf(this.#delimiter);
    if (at === -1) {
      const decided = Math.max(0, this.#pending.length - this.#delimiter.length - 2);
      this.#keep(this.#pending.subarray(0, decided));
      this.#pending = Buffer.from(this.#pending.subarray(decided));
      return false;
    }
    const rest = this.#pending.subarray(at + this.#delimiter.length);
    if (rest.length < 2) return false;
    this.#keep(this.#pending.subarray(0, at));
    this.#finishPart();
    const isLast = rest[0] === 0x2d && rest[1] === 0x2d;
    this.#state = isLast ? "epilogue" : "head";
    this.#pending = isLast ? Buffer.alloc(0) : Buffer.from(rest);
    return !isLast;
  }

  #takeHead(): boolean {
    const end = this.#pending.indexOf("\r\n\r\n");
    if (end === -1) {
      if (this.#pending.length > maxPartHeadBytes) throw broken("a part's head is too long");
      return false;
    }
    const head = this.#pending.toString("utf8", 0, end);
    const { name, isFile } = parseDisposition(head);
    this.#name = !isFile && this.#names.includes(name) ? name : null;
    // The value begins after the blank line; its own line break stays in front of an empty value's delimiter.
    this.#pending = Buffer.from(this.#pending.subarray(end + 2));
    this.#value = [];
    this.#valueBytes = -2;
    this.#state = "value";
    return true;
  }

  #keep(bytes: Buffer): void {
    this.#valueBytes += bytes.length;
    if (this.#state !== "value" || this.#name === null) return;
    if (this.#valueBytes > maxFieldBytes) throw broken(`the field ${this.#name} is too long`);
    this.#value.push(Buffer.from(bytes));
  }

  #finishPart(): void {
    if (this.#state !== "value" || this.#name === null) return;
    const value = Buffer.concat(this.#value).subarray(2).toString("utf8");
    this.#fields.push({ name: this.#name, value });
  }
}

/** RFC 7578 section 4.2: a quoted name, `"` in it as `%22` or `\"`. A part with a file name is a file. */
function parseDisposition(head: string): { readonly name: string; readonly isFile: boolean } {
  const line = head.split("\r\n").find((each) => /^content-disposition\s*:/i.test(each)) ?? "";
  const match = /[;\s]name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(line);
  if (match === null) throw broken("a part has no name");
  const quoted = match[1]?.replaceAll(/\\(.)/g, "$1").replaceAll(/%22/g, '"');
  return { name: quoted ?? match[2] ?? "", isFile: /[;\s]filename\*?\s*=/i.test(line) };
}

function broken(reason: string): GatewayError {
  return new GatewayError("invalid_body", `The form cannot be read: ${reason}.`);
}
