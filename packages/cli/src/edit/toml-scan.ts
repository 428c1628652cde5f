/**
 * Reads TOML (https://toml.io/en/v1.0.0) and says where in the text each table and value stands, so that an
 * edit can leave every other byte alone. It is stricter than it needs to be: what it is not sure of it
 * refuses, because a wrong guess would damage somebody's settings. It never writes.
 */

export type TomlValue =
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "scalar"; readonly text: string }
  | { readonly kind: "array"; readonly items: readonly TomlValue[] }
  | { readonly kind: "table"; readonly entries: readonly TomlInlineEntry[] };

export interface TomlInlineEntry {
  readonly path: readonly string[];
  readonly value: TomlValue;
}

/** `key = value`, with offsets into the text. */
export interface TomlEntry extends TomlInlineEntry {
  readonly valueStart: number;
  readonly valueEnd: number;
  /** After the value and any comment, before the line break. */
  readonly lineEnd: number;
}

/** The root (`path` empty) or what stands under one header. */
export interface TomlTable {
  readonly path: readonly string[];
  /** Under `[[header]]`. */
  readonly isArrayElement: boolean;
  /** Where the header's line begins and where it ends before its line break; both 0 (or after a BOM) for the root. */
  readonly headerStart: number;
  readonly headerEnd: number;
  readonly entries: readonly TomlEntry[];
}

/** The text is not TOML as this reader knows it. */
export class TomlError extends Error {
  override readonly name = "TomlError";
}

/** All tables in the order of the text, the root first. Throws a TomlError that names the line. */
export function scanToml(text: string): readonly TomlTable[] {
  return new Scanner(text).document();
}

const SCALARS: readonly RegExp[] = [
  /^(true|false)$/,
  /^[+-]?(0|[1-9](_?\d)*)$/,
  /^0x[\dA-Fa-f](_?[\dA-Fa-f])*$/,
  /^0o[0-7](_?[0-7])*$/,
  /^0b[01](_?[01])*$/,
  /^[+-]?(0|[1-9](_?\d)*)(\.\d(_?\d)*)?([eE][+-]?\d(_?\d)*)?$/,
  /^[+-]?(inf|nan)$/,
  /^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?)?$/,
  /^\d\d:\d\d:\d\d(\.\d+)?$/,
];

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  t: "\t",
  n: "\n",
  f: "\f",
  r: "\r",
  '"': '"',
  "\\": "\\",
};

/** What a comment or a one-line string may not hold. */
const CONTROL = /[^\P{Cc}\t\u0080-\u009f]/u;
const MAX_DEPTH = 64;

function scopeName(parent: string, path: readonly string[]): string {
  return `${parent}${path.map((part) => JSON.stringify(part)).join("/")}/`;
}

class Scanner {
  readonly #text: string;
  readonly #defined = new Set<string>();
  readonly #latestElement = new Map<string, string>();
  #at: number;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith("\ufeff") ? 1 : 0;
  }

  document(): readonly TomlTable[] {
    const root = this.#at;
    const tables: TomlTable[] = [
      {
        path: [],
        isArrayElement: false,
        headerStart: root,
        headerEnd: root,
        entries: this.#entriesUnder(""),
      },
    ];
    while (this.#at < this.#text.length) tables.push(this.#table());
    return tables;
  }

  #table(): TomlTable {
    const headerStart = this.#at;
    const isArrayElement = this.#text.startsWith("[[", this.#at);
    this.#at += isArrayElement ? 2 : 1;
    const path = this.#keyPath();
    this.#expect(isArrayElement ? "]]" : "]");
    const headerEnd = this.#endOfLine();
    const scope = this.#scopeOf(path, isArrayElement ? `#${headerStart}` : "");
    return { path, isArrayElement, headerStart, headerEnd, entries: this.#entriesUnder(scope) };
  }

  /** What a header opens. Below `[[a]]`, the name `a` means its latest element, so `[a.b]` may come once per element. */
  #scopeOf(path: readonly string[], mark: string): string {
    let parent = "";
    for (const part of path.slice(0, -1)) {
      const name = scopeName(parent, [part]);
      parent = name + (this.#latestElement.get(name) ?? "");
    }
    const own = scopeName(parent, path.slice(-1));
    if (mark === "") return this.#define(own, path);
    this.#latestElement.set(own, mark);
    return own + mark;
  }

  #entriesUnder(scope: string): TomlEntry[] {
    const entries: TomlEntry[] = [];
    for (;;) {
      this.#skipBlankLines();
      if (this.#at >= this.#text.length || this.#peek() === "[") return entries;
      const path = this.#keyPath();
      this.#expect("=");
      this.#skipBlanks();
      const valueStart = this.#at;
      const value = this.#value();
      const valueEnd = this.#at;
      this.#define(scopeName(scope, path), path);
      entries.push({ path, value, valueStart, valueEnd, lineEnd: this.#endOfLine() });
    }
  }

  /** Refuses the second definition of a name. */
  #define(name: string, path: readonly string[]): string {
    if (this.#defined.has(name)) this.#refuse(`${path.join(".")} is defined twice`);
    this.#defined.add(name);
    return name;
  }

  #keyPath(): string[] {
    const path: string[] = [];
    for (;;) {
      this.#skipBlanks();
      path.push(this.#key());
      this.#skipBlanks();
      if (this.#peek() !== ".") return path;
      this.#at++;
    }
  }

  #key(): string {
    if (this.#peek() === '"') return this.#basicString();
    if (this.#peek() === "'") return this.#literalString();
    return this.#take(/[A-Za-z0-9_-]+/y) ?? this.#refuse("expected a key");
  }

  #value(): TomlValue {
    if (++this.#depth > MAX_DEPTH) this.#refuse("nested too deep");
    const value = this.#anyValue();
    this.#depth--;
    return value;
  }

  #anyValue(): TomlValue {
    const start = this.#text.slice(this.#at, this.#at + 3);
    if (start === '"""' || start === "'''") return { kind: "string", text: this.#multiLineString(start) };
    if (start.startsWith('"')) return { kind: "string", text: this.#basicString() };
    if (start.startsWith("'")) return { kind: "string", text: this.#literalString() };
    if (start.startsWith("[")) return this.#array();
    if (start.startsWith("{")) return this.#inlineTable();
    const text =
      this.#take(/\d{4}-\d\d-\d\d \d\d:[\d:.+Zz-]*|[\w+.:-]+/y) ?? this.#refuse("expected a value");
    if (!SCALARS.some((form) => form.test(text))) this.#refuse(`"${text}" is no value`);
    return { kind: "scalar", text };
  }

  #array(): TomlValue {
    const items: TomlValue[] = [];
    this.#at++;
    for (;;) {
      this.#skipBlankLines();
      if (this.#peek() === "]") break;
      items.push(this.#value());
      this.#skipBlankLines();
      if (this.#peek() === "]") break;
      this.#expect(",");
    }
    this.#at++;
    return { kind: "array", items };
  }

  #inlineTable(): TomlValue {
    const entries: TomlInlineEntry[] = [];
    this.#at++;
    this.#skipBlanks();
    while (this.#peek() !== "}") {
      const path = this.#keyPath();
      this.#expect("=");
      this.#skipBlanks();
      entries.push({ path, value: this.#value() });
      this.#skipBlanks();
      if (this.#peek() === "}") break;
      this.#expect(",");
      this.#skipBlanks();
      if (this.#peek() === "}") this.#refuse("an inline table ends in a comma");
    }
    this.#at++;
    return { kind: "table", entries };
  }

  #literalString(): string {
    const quoted = this.#take(/'[^'\r\n]*'/y) ?? this.#refuse("a string has no end");
    return this.#plain(quoted.slice(1, -1));
  }

  #basicString(): string {
    const quoted = this.#take(/"(?:[^"\\\r\n]|\\.)*"/y) ?? this.#refuse("a string has no end");
    return this.#unescape(this.#plain(quoted.slice(1, -1)));
  }

  #plain(text: string): string {
    return CONTROL.test(text) ? this.#refuse("a string holds a control character") : text;
  }

  #multiLineString(quote: string): string {
    const form =
      quote === '"""' ? /"""((?:[^"\\]|\\[^]|"(?!"")|"(?="""))*)"""/y : /'''((?:[^']|'(?!'')|'(?='''))*)'''/y;
    const quoted = this.#take(form) ?? this.#refuse("a multi-line string has no end");
    const text = quoted.slice(3, -3).replace(/^\r?\n/, "");
    if (/[^\P{Cc}\t\r\n\u0080-\u009f]|\r(?!\n)/u.test(text))
      this.#refuse("a string holds a control character");
    return quote === "'''" ? text : this.#unescape(text.replace(/\\[ \t]*\r?\n\s*/g, ""));
  }

  #unescape(text: string): string {
    return text.replace(/\\(u[\dA-Fa-f]{4}|U[\dA-Fa-f]{8}|[^])/g, (_, escape: string) => {
      if (escape.length === 1) return ESCAPES[escape] ?? this.#refuse(`\\${escape} is no escape`);
      const codePoint = Number.parseInt(escape.slice(1), 16);
      const isScalarValue = codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
      return isScalarValue ? String.fromCodePoint(codePoint) : this.#refuse(`\\${escape} is no character`);
    });
  }

  #skipBlanks(): void {
    this.#take(/[ \t]*/y);
  }

  /** Blanks, comments and line breaks, where they mean nothing. */
  #skipBlankLines(): void {
    while (this.#take(/[ \t]+|\r?\n/y) !== undefined || this.#comment());
  }

  #comment(): boolean {
    const comment = this.#take(/#[^\n]*/y);
    if (comment === undefined) return false;
    // A CR belongs to the line break after it.
    if (CONTROL.test(comment.replace(/\r$/, ""))) this.#refuse("a comment holds a control character");
    if (comment.endsWith("\r")) this.#at--;
    return true;
  }

  /** Where the line ends, before its line break; the cursor goes behind it. */
  #endOfLine(): number {
    this.#skipBlanks();
    this.#comment();
    const lineEnd = this.#at;
    if (this.#at < this.#text.length && this.#take(/\r?\n/y) === undefined)
      this.#refuse("expected the end of the line");
    return lineEnd;
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #expect(mark: string): void {
    if (!this.#text.startsWith(mark, this.#at)) this.#refuse(`expected "${mark}"`);
    this.#at += mark.length;
  }

  /** What the sticky pattern matches here, with the cursor moved behind it. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const taken = pattern.exec(this.#text)?.[0];
    if (taken !== undefined) this.#at += taken.length;
    return taken;
  }

  #refuse(problem: string): never {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    throw new TomlError(`line ${line}: ${problem}`);
  }
}
