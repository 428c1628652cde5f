/** Cuts a long text into its lines while its bytes pass, and holds one line at a time. */

const NEWLINE = 0x0a;

/** One answer of a batch; what is longer is passed over. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

export class Lines {
  readonly #onLine: (line: Uint8Array) => void;
  #parts: Uint8Array[] = [];
  #byteLength = 0;

  /** `onLine` gets no empty line. */
  constructor(onLine: (line: Uint8Array) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Uint8Array): void {
    let from = 0;
    for (let to = bytes.indexOf(NEWLINE); to !== -1; to = bytes.indexOf(NEWLINE, from)) {
      this.#keep(bytes.subarray(from, to));
      this.end();
      from = to + 1;
    }
    this.#keep(bytes.subarray(from));
  }

  /** The last line may have no line end. */
  end(): void {
    const line = Buffer.concat(this.#parts);
    const isWhole = this.#byteLength === line.length;
    this.#parts = [];
    this.#byteLength = 0;
    if (isWhole && line.some((byte) => byte > 0x20)) this.#onLine(line);
  }

  #keep(part: Uint8Array): void {
    this.#byteLength += part.length;
    if (part.length > 0 && this.#byteLength <= MAX_LINE_BYTES) this.#parts.push(Buffer.from(part));
  }
}
