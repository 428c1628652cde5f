import assert from "node:assert/strict";
import { test } from "node:test";
import { applySplices, EditRefused } from "./splice.ts";
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
