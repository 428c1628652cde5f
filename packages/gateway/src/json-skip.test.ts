import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJsonSkip } from "../../../scripts/build-wasm.ts";
import { KnownNames } from "./json-names.ts";
import { createJsonPicker, type PickPath, type PickResult } from "./json-pick.ts";
import { createJsonSkipper, type JsonSkipper, MAX_SKIP_BYTES, sharedJsonSkipper } from "./json-skip.ts";
import { jsonSkipWasm } from "./json-skip-wasm.ts";

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

const seed = Number(process.env["FUZZ_SEED"] ?? 20261125);
const rounds = Number(process.env["FUZZ_ROUNDS"] ?? 6000);

/** Enters the module with every byte, so that its every state meets every end of a chunk. */
const eager = skipperOf(1);

function skipperOf(minBytes: number): JsonSkipper {
  const skipper = createJsonSkipper(minBytes);
  assert.ok(skipper !== null, "this machine has WebAssembly with vector instructions");
  return skipper;
}

const paths: readonly PickPath[] = [
  ["model"],
  ["a"],
  ["stream_options", "include_usage"],
  ["stream_options"],
  ["output", "*", "type"],
];

const lookedOutFor = ["model", "a", "type", "id", "include_usage", "sixteen_letters_"] as const;
const knownNames = new KnownNames(lookedOutFor);

/** The last two of what a round compares: at which depths a name was seen, and whether it was at all. */
type Picks = PickResult & { readonly seen: readonly (readonly [string, readonly number[], boolean])[] };

function pick(bytes: Uint8Array, cuts: readonly number[], skipper: JsonSkipper | null): Picks {
  const picker = createJsonPicker(paths, { maxDepth: 12, skipper, names: knownNames });
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    picker.push(bytes.slice(from, to));
    from = to;
  }
  const { seen } = picker;
  assert.ok(seen !== null);
  const depths = Array.from({ length: 13 }, (_each, depth) => depth);
  return {
    ...picker.end(),
    seen: lookedOutFor.map((name) => [name, depths.filter((depth) => seen.has(name, depth)), seen.has(name)]),
  };
}

/** The depths at which members of this name stand in a parsed text. */
function depthsOf(value: unknown, name: string, depth = 0, into = new Set<number>()): ReadonlySet<number> {
  if (typeof value !== "object" || value === null) return into;
  for (const [key, member] of Object.entries(value)) {
    if (!Array.isArray(value) && key === name) into.add(depth + 1);
    depthsOf(member, name, depth + 1, into);
  }
  return into;
}

type Random = (below: number) => number;

const names = [
  '"model"',
  '"a"',
  '"stream_options"',
  '"include_usage"',
  '"output"',
  '"type"',
  '"mod\\u0065l"',
  '"id"',
  '"i\\u00e4"',
  '"sixteen_letters_"',
  '"sixteen_letters__"',
];
const pieces = [
  '\\"',
  "\\\\",
  "\\n",
  "\\u00e9",
  "\\ud83d\\ude00",
  "\\/",
  "\u00e9",
  "\u{1f600}",
  "{",
  "]",
  ",",
];
const scalars = ["0", "-0", "12.5e+3", "1E9", "-1.0", "9007199254740993", "true", "false", "null", '""'];
const spaces = ["", "", "", " ", "\n", "\t\r\n  "];

function randomString(random: Random): string {
  let text = '"';
  for (let left = random(random(4) === 0 ? 60 : 6); left > 0; left--) {
    text += random(3) === 0 ? (pieces[random(pieces.length)] ?? "") : "plain text ".slice(0, random(12));
  }
  return `${text}"`;
}

function randomValue(random: Random, depth: number): string {
  const space = (): string => spaces[random(spaces.length)] ?? "";
  const kind = random(depth > 7 ? 2 : 4);
  if (kind === 0) return scalars[random(scalars.length)] ?? "";
  if (kind === 1) return randomString(random);
  const parts = Array.from({ length: random(5) }, () => {
    const value = randomValue(random, depth + 1);
    if (kind === 2) return space() + value + space();
    const name = random(2) === 0 ? (names[random(names.length)] ?? "") : randomString(random);
    return `${space()}${name}${space()}:${space()}${value}${space()}`;
  });
  return kind === 2 ? `[${parts.join(",")}]` : `{${parts.join(",")}}`;
}

/** One or two bytes put in, taken out or changed; JSON's own bytes more often than others. */
function damaged(bytes: Buffer, random: Random): Buffer {
  const at = random(bytes.length + 1);
  const own = Buffer.from('{}[]",:\\u0eE+-.tfn \n\x01\x80');
  const byte = Buffer.from([random(4) === 0 ? random(256) : (own[random(own.length)] ?? 0)]);
  const kind = random(3);
  return Buffer.concat([
    bytes.subarray(0, at),
    kind === 0 ? Buffer.alloc(0) : byte,
    bytes.subarray(kind === 1 ? at : at + 1),
  ]);
}

function randomCuts(random: Random, length: number): number[] {
  const cuts: number[] = [];
  for (let at = 1 + random(40); at < length; at += 1 + random(40)) cuts.push(at);
  return cuts;
}

test("the module is what its source compiles to", async () => {
  assert.equal(
    jsonSkipWasm,
    Buffer.from(await compileJsonSkip()).toString("base64"),
    "run `npm run build:wasm`",
  );
});

test("with the module and without, the same is found and the same is refused, at the same byte", () => {
  const random = randomFrom(seed);
  let malformed = 0;
  for (let round = 0; round < rounds; round++) {
    const text = randomValue(random, random(2) * 2);
    const whole = Buffer.from(random(3) === 0 ? `{"input":${text},"model":"m","a":${text}}` : text);
    const bytes = round % 2 === 0 ? whole : damaged(whole, random);
    const cuts = randomCuts(random, bytes.length);
    const expected = pick(bytes, [], null);
    if (expected.malformed !== null) malformed++;
    const about = `seed ${seed}, round ${round}: ${bytes.toString("latin1")}`;
    assert.deepEqual(pick(bytes, [], eager), expected, about);
    assert.deepEqual(pick(bytes, [], sharedJsonSkipper()), expected, about);
    assert.deepEqual(pick(bytes, cuts, eager), expected, about);
  }
  assert.ok(malformed > rounds / 10 && malformed < rounds / 2, `${malformed} of ${rounds} were malformed`);
});

test("a name is seen at each depth at which it stands, and in no text without it unless an escape may spell it", () => {
  const random = randomFrom(seed + 1);
  let there = 0;
  for (let round = 0; round < rounds; round++) {
    const bytes = Buffer.from(randomValue(random, 0));
    const text = bytes.toString();
    const about = `seed ${seed}, round ${round}: ${text}`;
    const { seen, malformed } = pick(bytes, randomCuts(random, bytes.length), eager);
    if (malformed !== null) continue;
    for (const [name, depths, isThere] of seen) {
      const missed = [...depthsOf(JSON.parse(text), name)].filter((depth) => !depths.includes(depth));
      assert.deepEqual(missed, [], `${name} in ${about}`);
      // The escapes of the names above: no other text that a name may hold begins like one.
      if (!text.includes("\\u0065")) assert.equal(isThere, text.includes(`"${name}"`), `${name} in ${about}`);
      if (isThere) there++;
    }
  }
  assert.ok(there > rounds / 10, `only ${there} names were seen`);
});

test("names meet every cut: with an escape, and as long as others that are none of them", () => {
  const text =
    '{"x":[{"id":1,"idx":2,"i":{"model":3,"sixteen_letters_":{"\\u0061":4}}}],"the \\"id\\"":"id"}';
  const bytes = Buffer.from(text);
  const expected = pick(bytes, [], null).seen;
  assert.deepEqual(
    expected.filter(([name]) => name !== "a" && name !== "include_usage" && name !== "type"),
    [
      ["model", [4, 5], true],
      ["id", [3, 5], true],
      ["sixteen_letters_", [4, 5], true],
    ],
  );
  for (let cut = 1; cut < bytes.length; cut++) {
    assert.deepEqual(pick(bytes, [cut], eager).seen, expected, `cut at ${cut}`);
    assert.deepEqual(pick(bytes, [cut, cut + 1], eager).seen, expected, `cut around ${cut}`);
  }
});

test("two texts at once do not meet in the module's memory", () => {
  const texts = [1, 2, 3].map((each) =>
    Buffer.from(`{"x":[[{"y":"${"z".repeat(100 * each)}\\n"}]],"model":"m${each}"}`),
  );
  const pickers = texts.map(() => createJsonPicker(paths, { skipper: eager }));
  for (let at = 0; at < 400; at += 7) {
    for (const [index, text] of texts.entries()) pickers[index]?.push(text.subarray(at, at + 7));
  }
  assert.deepEqual(
    pickers.map((picker) => picker.end().found[0]?.value),
    ["m1", "m2", "m3"],
  );
});

test("a chunk longer than the module's memory is walked in parts, and places stay those of the text", () => {
  const long = "x".repeat(MAX_SKIP_BYTES - 7);
  const text = `{"input":["${long}\\n${long}","${long}\\u00e9"],"model":"m","a":"${long}"}`;
  const expected = pick(Buffer.from(text), [], null);
  assert.equal(expected.malformed, null);
  assert.deepEqual(pick(Buffer.from(text), [], sharedJsonSkipper()), expected);
  const broken = Buffer.from(text.replace("\\u00e9", "\\u00g9"));
  const fault = pick(broken, [], sharedJsonSkipper()).malformed;
  assert.equal(fault, `a string holds a broken escape at byte ${broken.indexOf("g9")}`);
});

test("as deep as is allowed, and one deeper", () => {
  for (const skipper of [eager, null]) {
    const nested = (depth: number): Buffer =>
      Buffer.from(`{"x":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`);
    assert.equal(pick(nested(12), [], skipper).malformed, null);
    assert.match(
      pick(nested(13), [], skipper).malformed ?? "",
      /deeper than 12 levels at byte 16$/,
      skipper === null ? "without" : "with",
    );
  }
});

test("a picker that may go deeper than the module can does without it", () => {
  const depth = 3000;
  const picker = createJsonPicker(paths, { maxDepth: depth, skipper: eager });
  picker.push(Buffer.from(`${"[".repeat(depth)}${"]".repeat(depth)}`));
  assert.equal(picker.end().malformed, null);
});
