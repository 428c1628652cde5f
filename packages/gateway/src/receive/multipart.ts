/**
 * Walks the parts of a `multipart/form-data` body (RFC 2046 section 5.1, RFC 7578) and keeps the values of
 * wanted fields. Stricter than the RFC where parsers differ; it never copies a part that is not wanted.
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

/** More than any client writes into the header of a part. */
const MAX_HEADER_BYTES = 16 * 1024;

const HEADER_END = Buffer.from("\r\n\r\n");

type State = "start" | "delimiter" | "header" | "content" | "epilogue";

/** A peek for a body that is divided by this boundary. */
export function createMultipartPeek(
  boundary: string,
  wanted: ReadonlySet<string>,
  file: FileWatch | null = null,
): FormPeek {
  return new MultipartPeek(boundary, wanted, file);
}

/** The wanted part that is passing. */
interface OpenField {
  readonly name: string;
  /** null when its value is no text, or became too long. */
  parts: Buffer[] | null;
  byteLength: number;
}

class MultipartPeek implements FormPeek {
  /** What ends a part's content. The first one may stand without its line break. */
  readonly #delimiter: Buffer;
  readonly #wanted: ReadonlySet<string>;
  readonly #found: GivenField[] = [];
  #state: State = "start";
  /** Bytes of the last chunk that cannot be judged without the next. */
  #pending: Buffer = Buffer.alloc(0);
  #field: OpenField | null = null;
  readonly #file: FileWatch | null;
  #isFileOpen = false;
  #filesSeen = 0;

  constructor(boundary: string, wanted: ReadonlySet<string>, file: FileWatch | null) {
    this.#file = file;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
    this.#wanted = wanted;
  }

  push(chunk: Uint8Array): void {
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let data = this.#pending.length === 0 ? view : Buffer.concat([this.#pending, view]);
    for (let used = this.#step(data); used !== null; used = this.#step(data)) data = data.subarray(used);
    this.#pending = data.length === 0 ? data : Buffer.from(data);
  }

  end(): readonly GivenField[] {
    const tail = this.#state === "epilogue" ? this.#pending.toString("latin1") : null;
    if (tail === null) throw invalidForm("it ends before its closing boundary");
    if (tail !== "" && tail !== "\r\n") throw invalidForm("something follows its closing boundary");
    return this.#found;
  }

  /** Works off the front of `data`: how many bytes of it are done, or null when more have to come. */
  #step(data: Buffer): number | null {
    switch (this.#state) {
      case "start":
        return this.#start(data);
      case "delimiter":
        return this.#afterDelimiter(data);
      case "header":
        return this.#header(data);
      case "content":
        return this.#content(data);
      case "epilogue":
        if (data.length > 2) throw invalidForm("something follows its closing boundary");
        return null;
    }
  }

  #start(data: Buffer): number | null {
    const isBare = data[0] !== 0x0d;
    const first = isBare ? this.#delimiter.subarray(2) : this.#delimiter;
    const length = Math.min(first.length, data.length);
    if (!data.subarray(0, length).equals(first.subarray(0, length)))
      throw invalidForm("it does not begin with its boundary");
    if (data.length < first.length) return null;
    this.#state = "delimiter";
    return first.length;
  }

  #afterDelimiter(data: Buffer): number | null {
    if (data.length < 2) return null;
    const next = data.toString("latin1", 0, 2);
    if (next !== "\r\n" && next !== "--") throw invalidForm("a boundary is followed by something else");
    this.#state = next === "--" ? "epilogue" : "header";
    return 2;
  }

  #header(data: Buffer): number | null {
    const end = data.indexOf(HEADER_END);
    if (end > MAX_HEADER_BYTES || (end === -1 && data.length > MAX_HEADER_BYTES)) {
      throw invalidForm("the header of a part is too long");
    }
    if (end === -1) return null;
    this.#field = this.#openField(data.toString("utf8", 0, end));
    this.#state = "content";
    // The line break before the delimiter of an empty part is not the one that ends the header.
    return end + HEADER_END.length;
  }

  #openField(header: string): OpenField | null {
    const lines = headerLines(header);
    const names = fieldNames(lines);
    this.#openFile(lines, names);
    const name = names.find((candidate) => this.#wanted.has(candidate));
    if (name === undefined) return null;
    return { name, parts: isPlainText(lines) ? [] : null, byteLength: 0 };
  }

  #openFile(lines: PartHeader, names: readonly string[]): void {
    this.#isFileOpen = this.#file !== null && names.includes(this.#file.field);
    if (!this.#isFileOpen) return;
    this.#filesSeen += 1;
    const isEncoded = lines.some(
      ({ name }) => name === "content-transfer-encoding" || name === "content-encoding",
    );
    if (isEncoded || this.#filesSeen > 1) this.#file?.spoil();
  }

  #content(data: Buffer): number | null {
    const end = data.indexOf(this.#delimiter);
    if (end !== -1) {
      this.#take(data.subarray(0, end));
      this.#closeField();
      this.#state = "delimiter";
      return end + this.#delimiter.length;
    }
    const sure = data.length - this.#beginningOfDelimiter(data);
    if (sure === 0) return null;
    this.#take(data.subarray(0, sure));
    return sure;
  }

  /** How many bytes at the end of `data` may be the beginning of a delimiter. */
  #beginningOfDelimiter(data: Buffer): number {
    const from = Math.max(0, data.length - this.#delimiter.length + 1);
    for (let at = data.indexOf(0x0d, from); at !== -1; at = data.indexOf(0x0d, at + 1)) {
      if (data.subarray(at).equals(this.#delimiter.subarray(0, data.length - at))) return data.length - at;
    }
    return 0;
  }

  #take(content: Buffer): void {
    if (this.#isFileOpen) this.#file?.push(content);
    const field = this.#field;
    if (field === null || field.parts === null) return;
    field.byteLength += content.length;
    if (field.byteLength > MAX_FIELD_BYTES) field.parts = null;
    else field.parts.push(Buffer.from(content));
  }

  #closeField(): void {
    const field = this.#field;
    if (field === null) return;
    if (this.#found.length === MAX_FIELDS_FOUND) throw invalidForm("it gives its fields too often");
    const value = field.parts === null ? undefined : Buffer.concat(field.parts).toString("utf8");
    this.#found.push({ place: "form", name: field.name, value });
    this.#field = null;
  }
}

type PartHeader = readonly { readonly name: string; readonly value: string }[];

function headerLines(header: string): PartHeader {
  return header.split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    // A folded line, a bare line break or a space before the colon is read one way here and another there.
    if (colon < 1 || /[\r\n\0]/.test(line) || !/^[!#$%&'*+\-.^_`|~\w]+$/.test(line.slice(0, colon))) {
      throw invalidForm("a part has a malformed header");
    }
    return { name: line.slice(0, colon).toLowerCase(), value: line.slice(colon + 1).trim() };
  });
}

/** The names that one parser or another takes the field for. */
function fieldNames(lines: PartHeader): readonly string[] {
  const dispositions = lines.filter((line) => line.name === "content-disposition");
  const value = dispositions[0]?.value ?? "";
  if (dispositions.length !== 1 || !/^form-data\s*(;|$)/i.test(value))
    throw invalidForm("a part is not of form-data");
  const parameters = headerParameters(value);
  const names = parameters.filter(([name]) => name === "name");
  // RFC 7578 section 4.2 has no `name*`; a parser that knows it would take it before `name`.
  if (names.length !== 1 || parameters.some(([name]) => name.startsWith("name*"))) {
    throw invalidForm("a part does not have one name");
  }
  const raw = names[0]?.[1] ?? "";
  // Older clients escape a quote with a backslash, browsers with %22.
  return [raw, raw.replace(/\\(.)/gs, "$1"), percentDecoded(raw)];
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** False for a file, and for a text that its reader may decode in another way than as UTF-8. */
function isPlainText(lines: PartHeader): boolean {
  const of = (name: string): string[] => lines.filter((line) => line.name === name).map((line) => line.value);
  const isFile = of("content-disposition").some((value) =>
    headerParameters(value).some(([name]) => name.startsWith("filename")),
  );
  const isEncoded = of("content-transfer-encoding").some((value) => !/^(7bit|8bit|binary)$/i.test(value));
  const hasOtherCharset = of("content-type").some((value) =>
    headerParameters(value).some(
      ([name, charset]) => name === "charset" && !/^(utf-?8|us-ascii)$/i.test(charset),
    ),
  );
  return !isFile && !isEncoded && !hasOtherCharset;
}
