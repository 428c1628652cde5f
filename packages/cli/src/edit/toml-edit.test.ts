import assert from "node:assert/strict";
import { test } from "node:test";
import { applySplices, chainPlans, EditRefused } from "./splice.ts";
import { findTomlString, hasTomlPath, planTomlEdit } from "./toml-edit.ts";
import { scanToml } from "./toml-scan.ts";

const wish = {
  table: ["model_providers", "meshagent"],
  values: { name: "MeshAgent", base_url: "http://g/openai/v1" },
};

function edit(text: string): string {
  return applySplices(text, planTomlEdit(text, wish).splices);
}

test("a new block goes to the end, a blank line behind what is there", () => {
  assert.equal(
    edit(""),
    '[model_providers.meshagent]\nname = "MeshAgent"\nbase_url = "http://g/openai/v1"\n',
  );
  assert.equal(
    edit('model = "x" # mine\n'),
    'model = "x" # mine\n\n[model_providers.meshagent]\nname = "MeshAgent"\nbase_url = "http://g/openai/v1"\n',
  );
  assert.match(edit("[[x]]\ny = 1"), /^\[\[x\]\]\ny = 1\n\n\[model_providers\.meshagent\]\n/);
});

test("in a block that is there, values are replaced in place and missing ones follow the last", () => {
  const text = '[model_providers.meshagent] # ours\nbase_url = "http://old" # keep this\n# end\n\n[other]\n';
  const plan = planTomlEdit(text, wish);
  assert.equal(
    applySplices(text, plan.splices),
    '[model_providers.meshagent] # ours\nbase_url = "http://g/openai/v1" # keep this\nname = "MeshAgent"\n# end\n\n[other]\n',
  );
  assert.deepEqual(plan.changes, [
    { name: "model_providers.meshagent.name", from: null, to: "MeshAgent" },
    { name: "model_providers.meshagent.base_url", from: "http://old", to: "http://g/openai/v1" },
  ]);
});

test("a list of strings is set, replaced and recognised like a string", () => {
  const list = { table: ["a"], values: { args: ["-c", 'say "x"'] } };
  const edited = (text: string): string => applySplices(text, planTomlEdit(text, list).splices);
  assert.equal(edited(""), '[a]\nargs = ["-c", "say \\"x\\""]\n');
  assert.equal(edited("[a]\nargs = [ 'y' ] # why\n"), '[a]\nargs = ["-c", "say \\"x\\""] # why\n');
  assert.deepEqual(planTomlEdit("[a]\nargs = [ 'y' ]\n", list).changes, [
    { name: "a.args", from: '["y"]', to: '["-c","say \\"x\\""]' },
  ]);
  for (const text of [
    "[a]\nargs = [\n  '-c', # one\n  'say \"x\"',\n]\n",
    "a = { args = ['-c', 'say \"x\"'] }\n",
  ])
    assert.deepEqual(planTomlEdit(text, list), { splices: [], changes: [] }, text);
  for (const text of ["[a]\nargs = 'x'\n", "[a]\nargs = [1]\n"])
    assert.throws(() => planTomlEdit(text, list), /its a\.args is no list/, text);
});

test("a key that should not be there goes with its line, wherever it stands, and nothing else goes", () => {
  const less = { table: ["a"], values: { x: "1" }, absent: ["old"] };
  const edited = (text: string): string => applySplices(text, planTomlEdit(text, less).splices);
  assert.equal(edited('[a]\nold = "y" # why\nx = "1"\n'), '[a]\nx = "1"\n');
  assert.equal(edited('[a]\nx = "1"\n# c\nold = "y"'), '[a]\nx = "1"\n# c\n');
  assert.equal(edited('[a]\r\nold = """\r\ny"""\r\n[b]\r\n'), '[a]\r\nx = "1"\r\n[b]\r\n');
  assert.equal(edited("[a]\nold.b = 1\nold.c = 2\n\n[b]\nold = 3\n"), '[a]\nx = "1"\n\n[b]\nold = 3\n');
  assert.deepEqual(planTomlEdit('[a]\nx = "1"\nold = "y"\n', less).changes, [
    { name: "a.old", from: "y", to: null },
  ]);
  assert.throws(() => planTomlEdit('a = { x = "1", old = 2 }\n', less), /without a \[a\] header/);
  assert.throws(() => planTomlEdit('[a]\nx = "1"\n[a.old]\ny = 1\n', less), /change more than it should/);
});

test("plans of one text are made one after the other", () => {
  const text = 'x = "y"\n';
  const set = (table: string, to: string) => (before: string) =>
    planTomlEdit(before, { table: [table], values: { k: to } });
  const both = chainPlans(text, [set("a", "1"), set("b", "2"), set("a", "3")]);
  assert.equal(applySplices(text, both.splices), `${text}\n[a]\nk = "3"\n\n[b]\nk = "2"\n`);
  assert.deepEqual(
    both.changes.map(({ name, to }) => [name, to]),
    [
      ["a.k", "1"],
      ["b.k", "2"],
      ["a.k", "3"],
    ],
  );
  assert.deepEqual(chainPlans(text, []), { splices: [], changes: [] });
});

test("top-level keys come before the first table", () => {
  const top = { table: [], values: { model_provider: "meshagent" } };
  const text = "# mine\n[features]\nx = true\n";
  assert.equal(
    applySplices(text, planTomlEdit(text, top).splices),
    'model_provider = "meshagent"\n\n# mine\n[features]\nx = true\n',
  );
});

test("the same settings written in another way count as they are", () => {
  for (const text of [
    'model_providers.meshagent.name = "MeshAgent"\nmodel_providers.meshagent.base_url = "http://g/openai/v1"\n',
    '[model_providers]\nmeshagent = { name = "MeshAgent", base_url = "http://g/openai/v1" }\n',
    "[model_providers.'meshagent']\nname = 'MeshAgent'\nbase_url = '''http://g/openai/v1'''\n",
  ]) {
    assert.deepEqual(planTomlEdit(text, wish), { splices: [], changes: [] }, text);
  }
});

test("what cannot be edited safely is refused", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["a = [", /not TOML that I can read \(line 1/],
    ['[model_providers]\nmeshagent = { name = "x" }\n', /without a \[model_providers\.meshagent\] header/],
    ["model_providers = { other = { name = 'x' } }\n", /header|cannot be added/],
    ["model_providers = 3\n", /a part of that name is a value/],
    ["[[model_providers]]\nx = 1\n", /a part of that name is a value/],
    ["[model_providers.meshagent]\nname = 3\n", /is no string/],
    ["[model_providers.meshagent]\nname.first = 'x'\n", /is no string/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => planTomlEdit(text, wish),
      (error) => error instanceof EditRefused && message.test(error.message),
      text,
    );
  }
});

test("paths are found in every form of writing them", () => {
  const tables = scanToml('profile = "meshagent"\nprofiles.meshagent.model = "x"\n[a]\nb = { c = "d" }\n');
  assert.equal(findTomlString(tables, ["a", "b", "c"]), "d");
  assert.equal(findTomlString(tables, ["a", "b"]), null);
  assert.equal(hasTomlPath(tables, ["profiles", "meshagent"]), true);
  assert.equal(hasTomlPath(tables, ["profiles", "mesh"]), false);
});
