import assert from "node:assert/strict";
import { test } from "node:test";
import { createJsonPicker } from "./json-pick.ts";
import type { Picked, PickPath, PickResult } from "./json-pick.ts";

/** A small generator with a seed, so that a failure can be repeated (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const seed = Number(process.env["FUZZ_SEED"] ?? 20261124);
const rounds = Number(process.env["FUZZ_ROUNDS"] ?? 6000);

/** Picks with every chunk in the same buffer, which is overwritten in between. */
function pick(bytes: Uint8Array, paths: readonly PickPath[], cuts: readonly number[] = []): PickResult {
  const picker = createJsonPicker(paths);
  const reused = Buffer.alloc(bytes.length);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const chunk = reused.subarray(0, to - from);
    chunk.set(bytes.subarray(from, to));
    picker.push(chunk);
    reused.fill(0x22);
    from = to;
  }
  return picker.end();
}

function pickText(text: string, ...paths: PickPath[]): PickResult {
  return pick(Buffer.from(text), paths);
}

function jsonParseAccepts(bytes: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(bytes).toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

// The reference: a plain recursive parser that keeps duplicates and places. It reads valid JSON only, one
// character per byte, so that places are byte offsets.

interface RefValue {
  readonly start: number;
  readonly end: number;
  readonly members: readonly { readonly key: string; readonly keyStart: number; readonly value: RefValue }[];
  readonly elements: readonly RefValue[];
}

function referenceParse(text: string): RefValue {
  let at = 0;
  const skip = (): void => {
    while (" \t\r\n".includes(text.charAt(at)) && at < text.length) at++;
  };
  const string = (): string => {
    const start = at++;
    while (text.charAt(at) !== '"') at += text.charAt(at) === "\\" ? 2 : 1;
    at++;
    return JSON.parse(Buffer.from(text.slice(start, at), "latin1").toString("utf8")) as string;
  };
  const value = (): RefValue => {
    skip();
    const start = at;
    const members: { key: string; keyStart: number; value: RefValue }[] = [];
    const elements: RefValue[] = [];
    const first = text.charAt(at);
    if (first === '"') string();
    else if (first !== "{" && first !== "[") while (/[-+.\w]/.test(text.charAt(at))) at++;
    else {
      at++;
      for (skip(); text.charAt(at) !== "}" && text.charAt(at) !== "]"; skip()) {
        if (text.charAt(at) === ",") at++;
        skip();
        if (first === "[") {
          elements.push(value());
          continue;
        }
        const keyStart = at;
        const key = string();
        skip();
        at++;
        members.push({ key, keyStart, value: value() });
      }
      at++;
    }
    return { start, end: at, members, elements };
  };
  return value();
}

function referencePick(bytes: Uint8Array, paths: readonly PickPath[]): Picked[] {
  const text = Buffer.from(bytes).toString("latin1");
  const found: Picked[] = [];
  const walk = (
    value: RefValue,
    keyStart: number,
    steps: readonly string[],
    indexes: readonly number[],
  ): void => {
    const path = paths.find(
      (candidate) => candidate.join("\0") === steps.join("\0") && candidate.length === steps.length,
    );
    if (path !== undefined) {
      const parsed = JSON.parse(
        Buffer.from(bytes.subarray(value.start, value.end)).toString("utf8"),
      ) as unknown;
      found.push({ path, indexes, value: parsed, keyStart, valueStart: value.start, valueEnd: value.end });
    }
    for (const member of value.members) {
      if (member.key !== "*") walk(member.value, member.keyStart, [...steps, member.key], indexes);
    }
    value.elements.forEach((element, index) =>
      walk(element, element.start, [...steps, "*"], [...indexes, index]),
    );
  };
  const root = referenceParse(text);
  walk(root, root.start, [], []);
  return found;
}

// The generator of documents.

const keys = [
  "model",
  "stream",
  "a",
  "b",
  "",
  "*",
  "mod",
  "models",
  "größe",
  "😀",
  "include_usage",
  "x\ty",
  "\u2028",
];
const atoms = [
  "true",
  "false",
  "null",
  "0",
  "-0",
  "1",
  "-12.5e+3",
  "1E9",
  "0.0",
  "123456789",
  "1e-2",
  "1e999",
];

function randomString(random: (below: number) => number, text: string): string {
  let written = "";
  for (const unit of text.split("")) {
    const mustEscape = unit < " " || unit === '"' || unit === "\\" || (unit >= "\ud800" && unit <= "\udfff");
    const hex = unit.charCodeAt(0).toString(16).padStart(4, "0");
    if (unit === "\t" && random(2) === 0) written += "\\t";
    else if (mustEscape || random(6) === 0) written += `\\u${random(2) === 0 ? hex : hex.toUpperCase()}`;
    else written += unit;
  }
  if (random(3) === 0) written += ["\\n", "\\/", "\\\\", '\\"', "é", "😀", "\\ud800", "\u2029"][random(8)];
  return `"${random(4) === 0 ? written : written.replace(/\\u0061/g, "a")}"`;
}

function randomKey(random: (below: number) => number): string {
  const key = keys[random(keys.length)] as string;
  return random(2) === 0
    ? JSON.stringify(key)
    : randomString(random, key).replace(/(?<=.)(\\[n/\\"]|é|\\ud800|\u2029)(?="$)/u, "");
}

function randomDocument(random: (below: number) => number, depth = 0): string {
  const space = (): string => ["", "", "", " ", "\n", "\t\r ", "  "][random(7)] as string;
  const kind = depth === 0 ? 5 + random(8) : random(depth > 4 ? 5 : 11);
  if (depth > 0 && kind < 3) return atoms[random(atoms.length)] as string;
  if (depth > 0 && kind < 5)
    return randomString(
      random,
      ["", "gpt-5.5", "a", "\u0000\u001f", "long ".repeat(random(9))][random(5)] as string,
    );
  const count = random(5);
  const parts = Array.from({ length: count }, () => {
    const value = space() + randomDocument(random, depth + 1) + space();
    return kind < 7 ? value : `${space()}${randomKey(random)}${space()}:${value}`;
  });
  const inner = parts.length === 0 ? space() : parts.join(",");
  return space() + (kind < 7 ? `[${inner}]` : `{${inner}}`) + space();
}

const mutants = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "0",
  "1",
  "-",
  ".",
  "e",
  "+",
  " ",
  "\n",
  "\u0001",
  "t",
  "u",
  "\xff",
  "\xef\xbb\xbf",
  "/*",
];

function mutate(random: (below: number) => number, bytes: Buffer): Buffer {
  const at = random(bytes.length + 1);
  const piece = Buffer.from(mutants[random(mutants.length)] as string, "latin1");
  const cut = random(3);
  return Buffer.concat([
    bytes.subarray(0, at),
    random(3) === 0 ? Buffer.alloc(0) : piece,
    bytes.subarray(at + cut),
  ]);
}

const fuzzPaths: readonly PickPath[] = [
  ["model"],
  ["stream"],
  ["a"],
  ["a", "b"],
  ["a", "*"],
  ["a", "*", "model"],
  ["*", "a"],
  ["*", "*", "größe"],
  ["😀"],
  ["b", "include_usage"],
  [""],
];

test("accepts what JSON.parse accepts, refuses what it refuses, and picks what a full parse finds", () => {
  const random = randomFrom(seed);
  let accepted = 0;
  let picked = 0;
  for (let round = 0; round < rounds; round++) {
    let bytes: Buffer = Buffer.from(randomDocument(random));
    if (round % 2 === 1) for (let times = 1 + random(2); times > 0; times--) bytes = mutate(random, bytes);
    const cuts = Array.from({ length: random(6) }, () => random(bytes.length + 1)).sort(
      (one, other) => one - other,
    );
    const result = pick(bytes, fuzzPaths, cuts);
    const where = `FUZZ_SEED=${seed} round ${round}: ${JSON.stringify(bytes.toString("latin1"))} cut at ${cuts.join(" ")}`;
    assert.equal(result.malformed === null, jsonParseAccepts(bytes), `${where}: ${result.malformed}`);
    if (result.malformed !== null) continue;
    accepted++;
    const expected = referencePick(bytes, fuzzPaths);
    picked += expected.length;
    assert.deepEqual(result.found, expected, where);
  }
  assert.ok(
    accepted > rounds / 2 && accepted < rounds && picked > rounds / 3,
    `the fuzz is too tame: ${accepted} accepted, ${picked} picked`,
  );
});

test("a split between any two bytes changes nothing", () => {
  const texts = [
    ' {"mod\\u0065l" : "gé\\n😀","a":[1,{"model":-1.5e+3},[true,null]],"a":{"b":{}} , "stream":false}\r\n',
    '[{"a":"x"},{"a":"y\\"z"},3]',
    '{"model":nul}',
    '{"a":"\\u12g4"}',
    "-0.5E-2",
  ];
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const whole = pick(bytes, fuzzPaths);
    for (let one = 0; one <= bytes.length; one++) {
      for (let two = one; two <= bytes.length; two++)
        assert.deepEqual(pick(bytes, fuzzPaths, [one, two]), whole, `${text} at ${one}, ${two}`);
    }
    assert.deepEqual(pick(bytes, fuzzPaths, Array.from(bytes.keys())), whole, `${text} byte by byte`);
  }
});

test("a key is compared after unescaping, and every occurrence is there in the order of the text", () => {
  const { found } = pickText(
    '{"model":"one","x":{"model":"nested"},"mod\\u0065l":"two","\\u006d\\u006F\\u0064\\u0065\\u006c":"three"}',
    ["model"],
  );
  assert.deepEqual(
    found.map((one) => one.value),
    ["one", "two", "three"],
  );
  assert.deepEqual([found[0]?.keyStart, found[0]?.valueStart, found[0]?.valueEnd], [1, 9, 14]);
});

test("a value and what lies in it can both be picked, the outer one first", () => {
  const { found } = pickText(
    '{"stream_options":{"include_usage":true}}',
    ["stream_options", "include_usage"],
    ["stream_options"],
  );
  assert.deepEqual(
    found.map((one) => [one.path.length, one.value]),
    [
      [1, { include_usage: true }],
      [2, true],
    ],
  );
});

test("`*` goes through every element and tells the indexes", () => {
  const { found } = pickText('{"o":[[{"t":1}],7,[{"t":2},{"u":0},{"t":3}]]}', ["o", "*", "*", "t"]);
  assert.deepEqual(
    found.map((one) => [one.indexes, one.value]),
    [
      [[0, 0], 1],
      [[2, 0], 2],
      [[2, 2], 3],
    ],
  );
});

test("`*` is no member name, and a member name is no index", () => {
  assert.deepEqual(pickText('{"o":{"*":1}}', ["o", "*"]).found, []);
  assert.deepEqual(pickText('{"o":[1]}', ["o", "0"]).found, []);
});

test("the empty path is the whole text", () => {
  const { found } = pickText(" [1, 2] ", []);
  assert.deepEqual(found, [
    { path: [], indexes: [], value: [1, 2], keyStart: 1, valueStart: 1, valueEnd: 7 },
  ]);
});

test("a value over the bound is told by its place alone, what lies in it still by its value", () => {
  const picker = createJsonPicker([["big"], ["big", "a"], ["small"]], { maxValueBytes: 10 });
  const text = `{"big":{"x":"${"y".repeat(50)}","a":1},"small":"12345678"}`;
  for (const byte of Buffer.from(text)) picker.push(Uint8Array.of(byte));
  assert.deepEqual(
    picker
      .end()
      .found.map((one) => [one.path.join("."), one.value, text.slice(one.valueStart, one.valueEnd).length]),
    [
      ["big", undefined, 64],
      ["big.a", 1, 1],
      ["small", "12345678", 10],
    ],
  );
});

test("all values together are bounded too", () => {
  const picker = createJsonPicker([["*"]], { maxValueBytes: 10 });
  picker.push(Buffer.from(`[${Array.from({ length: 40 }, () => '"12345678"').join(",")}]`));
  const { found, malformed } = picker.end();
  assert.equal(malformed, null);
  assert.equal(found.length, 40);
  assert.equal(found.filter((one) => one.value !== undefined).length, 16, "16 times the bound of one value");
});

test("too deep and too many are malformed, in words", () => {
  const deep = createJsonPicker([["a"]], { maxDepth: 3 });
  deep.push(Buffer.from("[[[[1]]]]"));
  assert.equal(deep.end().malformed, "the text is nested deeper than 3 levels at byte 3");
  const fits = createJsonPicker([["a"]], { maxDepth: 3 });
  fits.push(Buffer.from("[[[1]]]"));
  assert.equal(fits.end().malformed, null);
  const many = createJsonPicker([["*"]], { maxFound: 2 });
  many.push(Buffer.from("[1,2,3]"));
  assert.match(many.end().malformed ?? "", /^more than 2 values/);
});

test("says where and why a text is no JSON", () => {
  const cases: readonly (readonly [text: string, malformed: string])[] = [
    ["", "the text is empty"],
    ["  ", "the text ends at byte 2 before its value does"],
    ['{"a":1', "the text ends at byte 6 before its value does"],
    ["-", "the text ends at byte 1 before its value does"],
    ['{"a":1,}', "a member name is missing at byte 7"],
    ["[1,]", "a value is missing at byte 3"],
    ["[1 2]", "a comma or a closing bracket is missing at byte 3"],
    ["[1}", "a comma or a closing bracket is missing at byte 2"],
    ['{"a" 1}', "a colon is missing at byte 5"],
    ["{} {}", "something follows the value at byte 3"],
    ["01", "something follows the value at byte 1"],
    ["[1.]", "a number is malformed at byte 3"],
    ['"a\nb"', "a string holds a control character at byte 2"],
    ['"\\x"', "a string holds an unknown escape at byte 2"],
    ['"\\u00g0"', "a string holds a broken escape at byte 5"],
    ["nul1", "a value is malformed at byte 3"],
    ["\ufeff{}", "a value is missing at byte 0"],
  ];
  for (const [text, malformed] of cases) {
    assert.equal(pickText(text, ["a"]).malformed, malformed, JSON.stringify(text));
    assert.equal(jsonParseAccepts(Buffer.from(text)), false, JSON.stringify(text));
  }
});

test("what came before the fault is still there", () => {
  const { found, malformed } = pickText('{"model":"m","a":{"b":1,,"model":2', ["model"], ["a"], ["a", "b"]);
  assert.deepEqual(
    found.map((one) => one.value),
    ["m", 1],
  );
  assert.match(malformed ?? "", /member name/);
});

test("bytes that are no UTF-8 pass in strings, as they do through JSON.parse after decoding", () => {
  const bytes = Buffer.concat([
    Buffer.from('{"x":"'),
    Buffer.from([0xff, 0xc3]),
    Buffer.from('","model":"m'),
    Buffer.from([0x80]),
    Buffer.from('"}'),
  ]);
  assert.deepEqual(pick(bytes, [["model"]]).found[0]?.value, "m\ufffd");
  assert.equal(pick(bytes, [["model"]]).malformed, null);
});

test("a very long key is walked without being kept", () => {
  const text = Buffer.from(`{"${"k".repeat(100_000)}":1,"model":"m"}`);
  assert.deepEqual(pick(text, [["model"]], [10, 5000, 90_000]).found[0]?.value, "m");
});
