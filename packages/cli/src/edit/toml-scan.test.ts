import assert from "node:assert/strict";
import { test } from "node:test";
import { scanToml, TomlError } from "./toml-scan.ts";

test("every kind of value is read where it stands", () => {
  const text = [
    'a = "x\\u00e9\\n" # note',
    "b = 'C:\\dir'",
    'c.d = """',
    'one "two" \\',
    '   three"""',
    "e = [1, 2, # in a list",
    "  3,]",
    "f = { g = true, h.i = 1979-05-27 07:32:00 }",
    '[t."x.y"]',
    "k = -1.5e3",
    "",
  ].join("\n");
  const [root, table] = scanToml(text);
  assert.deepEqual(
    root?.entries.map(({ path, value }) => [
      path.join("/"),
      value.kind === "string" ? value.text : value.kind,
    ]),
    [
      ["a", "xé\n"],
      ["b", "C:\\dir"],
      ["c/d", 'one "two" three'],
      ["e", "array"],
      ["f", "table"],
    ],
  );
  assert.deepEqual(table?.path, ["t", "x.y"]);
  const entry = table?.entries[0];
  assert.equal(text.slice(entry?.valueStart, entry?.valueEnd), "-1.5e3");
  assert.equal(text.slice(root?.entries[0]?.valueStart, root?.entries[0]?.lineEnd), '"x\\u00e9\\n" # note');
});

test("what stands below an element of an array may come once per element", () => {
  const tables = scanToml("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 1\n");
  assert.deepEqual(
    tables.map(({ path, isArrayElement }) => [path.join("."), isArrayElement]),
    [
      ["", false],
      ["a", true],
      ["a.b", false],
      ["a", true],
      ["a.b", false],
    ],
  );
});

test("line breaks of Windows and a byte order mark are no content", () => {
  const [root] = scanToml('\ufeffa = "1"\r\n# c\r\nb = "2"\r\n');
  assert.deepEqual(
    root?.entries.map(({ path }) => path[0]),
    ["a", "b"],
  );
});

const refused: readonly (readonly [text: string, message: RegExp])[] = [
  ["a = 1\na = 2", /line 2: a is defined twice/],
  ["[t]\n[t]", /t is defined twice/],
  ["a = ", /expected a value/],
  ["a = 01", /"01" is no value/],
  ["a = yes", /"yes" is no value/],
  ['a = "x', /no end/],
  ['a = "\\q"', /no escape/],
  ['a = "\\ud800"', /no character/],
  ['a = "\u0001"', /control character/],
  ["a = 1 b = 2", /end of the line/],
  ["a = { b = 1, }", /ends in a comma/],
  ["a = [1 2]", /expected ","/],
  ["[a\nb = 1", /expected "\]"/],
  ["= 1", /expected a key/],
  ["a = '''x", /multi-line string has no end/],
  ["# \u0007", /control character/],
  [`a = ${"[".repeat(100)}`, /too deep/],
];

for (const [text, message] of refused) {
  test(`refused: ${JSON.stringify(text.slice(0, 30))}`, () => {
    assert.throws(
      () => scanToml(text),
      (error) => error instanceof TomlError && message.test(error.message),
    );
  });
}
