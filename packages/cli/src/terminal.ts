/**
 * Where a command reads and prints. Data goes to stdout, talk to stderr, and a question is asked only where
 * a person sits at both ends. No command touches `process` for that.
 */

import { Writable } from "node:stream";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline/promises";
import { UsageFailure } from "./failure.ts";
import { cleanCell, renderTable } from "./table.ts";
import type { Column } from "./table.ts";

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow";

const STYLE_CODES: Readonly<Record<Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

export class Terminal {
  readonly #streams: Streams;
  readonly #hasColour: (stream: { readonly isTTY?: boolean }) => boolean;
  #stdinTaken = false;

  constructor(streams: Streams, env: Readonly<Record<string, string | undefined>>) {
    this.#streams = streams;
    // https://no-color.org: present and not empty, whatever its value.
    const isPlain = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
    this.#hasColour = (stream) => stream.isTTY === true && !isPlain;
  }

  /** Whether a question can be asked. */
  get isInteractive(): boolean {
    return this.#streams.stdin.isTTY === true && this.#streams.stderr.isTTY === true;
  }

  /** Data, exactly as given, to stdout. */
  print(text: string): void {
    this.#streams.stdout.write(text);
  }

  /** One JSON document, to stdout. */
  printJson(value: unknown): void {
    this.print(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** A table with its titles in bold where the terminal can, to stdout. */
  printTable(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const text = renderTable(columns, rows);
    const titlesEnd = text.indexOf("\n");
    this.print(this.paint("bold", text.slice(0, titlesEnd)) + text.slice(titlesEnd));
  }

  /** A line of talk, to stderr. */
  say(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
  }

  /** A line of talk that should be noticed. */
  warn(text: string): void {
    this.say(`${this.#paintFor(this.#streams.stderr, "yellow", "warning:")} ${text}`);
  }

  /** Why the command ends. */
  fail(text: string, hint: string | null): void {
    this.say(`${this.#paintFor(this.#streams.stderr, "red", "error:")} ${text}`);
    if (hint !== null) this.say(hint);
  }

  /** The text in a style, for stdout; unchanged where stdout shows no colours. */
  paint(style: Style, text: string): string {
    return this.#paintFor(this.#streams.stdout, style, text);
  }

  #paintFor(stream: { readonly isTTY?: boolean }, style: Style, text: string): string {
    return this.#hasColour(stream) ? `\u001b[${STYLE_CODES[style]}m${text}\u001b[0m` : text;
  }

  /** Asks on stderr and waits for a line. Only where `isInteractive`. */
  ask(question: string): Promise<string> {
    return this.#askThrough(this.#streams.stderr, question);
  }

  /** As `ask`, and what is typed does not show. */
  async askSecret(question: string): Promise<string> {
    this.#streams.stderr.write(cleanCell(question));
    const answer = await this.#askThrough(new Writable({ write: (_chunk, _encoding, done) => done() }), "");
    this.#streams.stderr.write("\n");
    return answer;
  }

  async #askThrough(output: Writable, question: string): Promise<string> {
    const reader = createInterface({ input: this.#streams.stdin, output, terminal: true });
    // A Ctrl-C that the line editor swallowed must end the command like any other.
    reader.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
    try {
      return (await reader.question(cleanCell(question))).trim();
    } finally {
      reader.close();
    }
  }

  /** A yes-or-no question, with what a bare Enter means. */
  async confirm(question: string, byDefault: boolean): Promise<boolean> {
    const answer = (await this.ask(`${question} ${byDefault ? "[Y/n]" : "[y/N]"} `)).toLowerCase();
    return answer === "" ? byDefault : answer === "y" || answer === "yes";
  }

  /**
   * `value` itself, or, when it is `-`, what stands on stdin without the line break at its end. stdin can
   * be read once per command; a second `-` is a UsageFailure.
   */
  async readArgument(value: string, what: string): Promise<string> {
    if (value !== "-") return value;
    if (this.#stdinTaken)
      throw new UsageFailure(`${what}: only one argument can be "-", because stdin is read once.`);
    this.#stdinTaken = true;
    const chunks: Buffer[] = [];
    for await (const chunk of this.#streams.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks)
      .toString("utf8")
      .replace(/\r?\n$/, "");
  }
}
