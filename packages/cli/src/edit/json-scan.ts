/**
 * Reads a JSON object, also one with comments and trailing commas, and says where its members stand, so that
 * an edit can leave every other byte alone. What it is not sure of it refuses. It never writes.
 */

export interface JsonMember {
  readonly key: string;
  readonly value: JsonNode;
}

export interface JsonNode {
  /** Offsets into the text. */
  readonly start: number;
  readonly end: number;
  /** The members of an object; null for anything else. */
  readonly members: readonly JsonMember[] | null;
  /** The value of a string; null for anything else. */
  readonly text: string | null;
}

/** The text is not JSON as this reader knows it. */
export class JsonScanError extends Error {
  override readonly name = "JsonScanError";
}

/** The one value of the text. Throws a JsonScanError that names the line. */
export function scanJson(text: string): JsonNode {
  return new Scanner(text).document();
}

/** The member of this name; throws a JsonScanError when there are two, because readers differ in which one they take. */
export function findMember(node: JsonNode, key: string): JsonMember | null {
  const found = (node.members ?? []).filter((member) => member.key === key);
  if (found.length > 1) throw new JsonScanError(`"${key}" is there twice`);
  return found[0] ?? null;
}

const MAX_DEPTH = 200;

class Scanner {
  readonly #text: string;
  #at: number;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith("\ufeff") ? 1 : 0;
  }

  document(): JsonNode {
    const value = this.#value();
    this.#skip();
    if (this.#at < this.#text.length) this.#refuse("something stands behind the end");
    return value;
  }

  #value(): JsonNode {
    this.#skip();
    if (++this.#depth > MAX_DEPTH) this.#refuse("nested too deep");
    const value = this.#anyValue();
    this.#depth--;
    return value;
  }

  #anyValue(): JsonNode {
    const start = this.#at;
    const mark = this.#text[start];
    if (mark === "{") return { start, members: this.#members(), end: this.#at, text: null };
    if (mark === "[") {
      this.#items("]", () => this.#value());
      return { start, end: this.#at, members: null, text: null };
    }
    if (mark === '"') {
      const text = this.#string();
      return { start, end: this.#at, members: null, text };
    }
    const word = this.#take(/true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (word === undefined) this.#refuse("expected a value");
    return { start, end: this.#at, members: null, text: null };
  }

  #members(): JsonMember[] {
    const members: JsonMember[] = [];
    this.#items("}", () => {
      const key = this.#string();
      this.#skip();
      if (this.#text[this.#at] !== ":") this.#refuse('expected ":"');
      this.#at++;
      members.push({ key, value: this.#value() });
    });
    return members;
  }

  /** What stands between brackets, with commas; one more at the end is let pass. */
  #items(closing: string, readItem: () => void): void {
    this.#at++;
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] === closing) break;
      readItem();
      this.#skip();
      if (this.#text[this.#at] === closing) break;
      if (this.#text[this.#at] !== ",") this.#refuse(`expected "," or "${closing}"`);
      this.#at++;
    }
    this.#at++;
  }

  #string(): string {
    const quoted = this.#take(/"(?:[^"\\\r\n]|\\.)*"/y) ?? this.#refuse("expected a string");
    try {
      return String(JSON.parse(quoted));
    } catch {
      return this.#refuse("a string has a bad escape");
    }
  }

  #skip(): void {
    this.#take(/(?:[ \t\r\n]+|\/\/[^\r\n]*|\/\*[^]*?\*\/)*/y);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const taken = pattern.exec(this.#text)?.[0];
    if (taken !== undefined) this.#at += taken.length;
    return taken;
  }

  #refuse(problem: string): never {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    throw new JsonScanError(`line ${line}: ${problem}`);
  }
}
