import assert from "node:assert/strict";
import { test } from "node:test";
import { planJsonEdit } from "./json-edit.ts";
import { applySplices } from "./splice.ts";
import type { EditPlan } from "./splice.ts";
import { planTomlEdit } from "./toml-edit.ts";

const FILES = 1500;
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);

/** The new text without what the edit put in, and with what it took out: it must be the old one, byte for byte. */
function undo(after: string, before: string, plan: EditPlan): string {
  let result = after;
  let shift = 0;
  for (const { at, remove, insert } of [...plan.splices].sort((a, b) => a.at - b.at)) {
    assert.equal(result.slice(at + shift, at + shift + insert.length), insert);
    result =
      result.slice(0, at + shift) + before.slice(at, at + remove) + result.slice(at + shift + insert.length);
  }
  return result;
}

interface Subject {
  readonly make: (random: () => number) => string;
  readonly plan: (text: string) => EditPlan;
  /** How many settings the edit names. */
  readonly wanted: number;
}

const subjects: Readonly<Record<string, Subject>> = {
  "config.toml": {
    make: randomToml,
    plan: (text) =>
      planTomlEdit(text, {
        table: ["model_providers", "meshagent"],
        values: {
          name: "MeshAgent",
          base_url: "http://127.0.0.1:8700/openai/v1",
          env_key: "MESHAGENT_ROOM_TOKEN",
        },
      }),
    wanted: 3,
  },
  "a list, and a key less": {
    make: randomToml,
    plan: (text) =>
      planTomlEdit(text, {
        table: ["model_providers", "meshagent"],
        values: { name: "MeshAgent", args: ["-c", "echo $X"] },
        absent: ["env_key"],
      }),
    wanted: 3,
  },
  "top of a profile": {
    make: randomToml,
    plan: (text) =>
      planTomlEdit(text, { table: [], values: { model_provider: "meshagent", model: "gpt-5.5" } }),
    wanted: 2,
  },
  "settings.json": {
    make: randomJson,
    plan: (text) =>
      planJsonEdit(text, {
        member: "env",
        values: { ANTHROPIC_BASE_URL: "http://127.0.0.1:8700/anthropic", ANTHROPIC_API_KEY: "" },
      }),
    wanted: 2,
  },
};

for (const [name, { make, plan, wanted }] of Object.entries(subjects)) {
  test(`${name}: all but the edit stays byte for byte, and a second edit finds nothing to do (seed ${seed})`, () => {
    const random = seededRandom(seed);
    let changed = 0;
    for (let round = 0; round < FILES; round++) {
      const before = make(random);
      const context = `seed ${seed}, round ${round}:\n${before}`;
      const edit = plan(before);
      const after = applySplices(before, edit.splices);
      assert.equal(undo(after, before, edit), before, context);
      assert.deepEqual(plan(after), { splices: [], changes: [] }, context);
      assert.ok(edit.changes.length <= wanted, context);
      if (before.includes("\r\n"))
        assert.doesNotMatch(edit.splices.map(({ insert }) => insert).join(""), /[^\r]\n/, context);
      changed += edit.changes.length;
    }
    assert.ok(changed > FILES, "the random files are too alike: nearly none needed an edit");
  });
}

// ---------------------------------------------------------------- random settings files

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Random = () => number;

function pick<T>(random: Random, list: readonly [T, ...T[]]): T {
  return list[Math.floor(random() * list.length)] ?? list[0];
}

function repeat(random: Random, most: number, make: (index: number) => string): string[] {
  return Array.from({ length: Math.floor(random() * (most + 1)) }, (_, index) => make(index));
}

const TOML_VALUES = [
  '"text"',
  "'C:\\x'",
  '"[model_providers.meshagent]"',
  "12_000",
  "true",
  "1979-05-27T07:32:00Z",
  '[ "a", # why\n  "b",\n]',
  "{ x = 1, y.z = 'q' }",
  '"""\n[model_providers.meshagent]\nbase_url = "in a text" \\\n  end"""',
  "'''\n# no comment\n'''",
] as const;

/** A valid config.toml that may or may not have our block, with comments, blank lines and odd spacing everywhere. */
function randomToml(random: Random): string {
  const noise = (): string =>
    repeat(random, 2, () => pick(random, ["", '# note: [x] = "y"', "  \t", "#"]))
      .map((line) => `${line}\n`)
      .join("");
  const entry = (name: string): string =>
    `${noise()}${pick(random, ["", "  "])}${name}${pick(random, [" = ", "=", "\t=  "])}${pick(random, TOML_VALUES)}${pick(random, ["", " # behind"])}\n`;
  const body = (scope: string): string =>
    repeat(random, 3, (index) =>
      entry(pick(random, [`${scope}${index}`, `"${scope} ${index}"`, `${scope}${index}.deep`])),
    ).join("");
  const tables = repeat(random, 4, (index) => {
    const header = pick(random, [
      `[t${index}]`,
      `[ t${index} . sub ]`,
      `[[list${index}]]`,
      `[profiles.p${index}]`,
      `[model_providers.other${index}]`,
    ]);
    return `${noise()}${header}${pick(random, ["", " # header"])}\n${body(`k${index}_`)}`;
  });
  if (random() < 0.5) {
    const own = [
      pick(random, ["", 'name = "MeshAgent"\n', "name = 'other' # mine\n"]),
      pick(random, ["", 'base_url = "http://old/v1"  # keep\n', '"base_url" = "x"\n']),
      pick(random, ["", "stream_max_retries = 0\n", "http_headers = { a = 'b' }\n"]),
    ];
    const key = pick(random, ["", 'env_key = "X" # why\n', "env_key = '''\nX'''\n"]);
    own.splice(Math.floor(random() * (own.length + 1)), 0, key);
    tables.splice(
      Math.floor(random() * (tables.length + 1)),
      0,
      `[model_providers.meshagent]\n${noise()}${own.join("")}`,
    );
  }
  const text = noise() + body("r") + tables.join("") + noise();
  const ended = random() < 0.3 ? text.replace(/\n$/, "") : text;
  return (random() < 0.2 ? "\ufeff" : "") + (random() < 0.3 ? ended.replaceAll("\n", "\r\n") : ended);
}

/** A valid settings.json, also with comments, trailing commas, tabs or all on one line. */
function randomJson(random: Random): string {
  const isOneLine = random() < 0.2;
  const hasComments = !isOneLine && random() < 0.5;
  const unit = pick(random, ["  ", "\t", "    "]);
  const newline = random() < 0.3 ? "\r\n" : "\n";
  const note = (): string => (hasComments && random() < 0.3 ? pick(random, [" // note }", " /* { */"]) : "");
  const object = (members: readonly string[], depth: number): string => {
    if (members.length === 0)
      return pick(random, ["{}", "{ }", isOneLine ? "{}" : `{${newline}${unit.repeat(depth)}}`]);
    if (isOneLine) return `{${members.join(", ")}}`;
    const comma = hasComments && random() < 0.3 ? "," : "";
    const lines = members.map(
      (member, index) =>
        unit.repeat(depth + 1) + member + (index < members.length - 1 ? "," : comma) + note(),
    );
    return `{${note()}${newline}${lines.join(newline)}${newline}${unit.repeat(depth)}}`;
  };
  const value = (): string =>
    pick(random, ['"text"', '"\\u007b \\" }"', "12.5e3", "null", '[1, {"env": {}}]', '{"a": "env"}']);
  const env = [
    ...repeat(random, 2, (index) => `"E${index}": ${value()}`),
    ...repeat(
      random,
      1,
      () => `"ANTHROPIC_BASE_URL": ${pick(random, ['"http://old"', '"http://127.0.0.1:8700/anthropic"'])}`,
    ),
  ];
  const members = repeat(random, 3, (index) => `"k${index}": ${value()}`);
  if (random() < 0.6)
    members.splice(Math.floor(random() * (members.length + 1)), 0, `"env": ${object(env, 1)}`);
  return (
    (random() < 0.1 ? "\ufeff" : "") +
    note() +
    (hasComments ? newline : "") +
    object(members, 0) +
    pick(random, ["", newline])
  );
}
