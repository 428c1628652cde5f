import assert from "node:assert/strict";
import { test } from "node:test";
import { findJsonString, planJsonEdit } from "./json-edit.ts";
import { applySplices, EditRefused } from "./splice.ts";

const wish = { member: "env", values: { URL: "http://g", KEY: "" } };

function edit(text: string): string {
  return applySplices(text, planJsonEdit(text, wish).splices);
}

test("a new file, an empty object and a missing member get the member", () => {
  assert.equal(edit(""), '{\n  "env": {\n    "URL": "http://g",\n    "KEY": ""\n  }\n}\n');
  assert.equal(edit("{}"), '{\n  "env": {\n    "URL": "http://g",\n    "KEY": ""\n  }\n}');
  assert.equal(
    edit('{\n\t"model": "opus"\n}\n'),
    '{\n\t"model": "opus",\n\t"env": {\n\t\t"URL": "http://g",\n\t\t"KEY": ""\n\t}\n}\n',
  );
  assert.equal(edit('{"model": "opus"}'), '{"model": "opus", "env": {"URL":"http://g","KEY":""}}');
});

test("in a member that is there, values are replaced in place and missing ones follow the last", () => {
  const text = '{\n  // mine\n  "env": {\n    "URL": "http://old", // why\n    "A": "1",\n  },\n}\n';
  const plan = planJsonEdit(text, wish);
  assert.equal(
    applySplices(text, plan.splices),
    '{\n  // mine\n  "env": {\n    "URL": "http://g", // why\n    "A": "1",\n    "KEY": "",\n  },\n}\n',
  );
  assert.deepEqual(plan.changes, [
    { name: "env.URL", from: "http://old", to: "http://g" },
    { name: "env.KEY", from: null, to: "" },
  ]);
});

test("what cannot be edited safely is refused", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["{", /not JSON that I can read \(line 1/],
    ['{"a": 1} x', /behind the end/],
    ["[]", /no JSON object/],
    ['{"env": "x"}', /"env" is no object/],
    ['{"env": {"URL": 3}}', /"env.URL" is no string/],
    ['{"env": {}, "env": {}}', /"env" is there twice/],
    ['{"env": {"KEY": "a", "KEY": "b"}}', /"KEY" is there twice/],
    ["{\"a\": 'x'}", /expected a value/],
    ['{"a": "\\x"}', /bad escape/],
    ['{"a" 1}', /expected ":"/],
    ['{"a": 01}', /expected ","/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => planJsonEdit(text, wish),
      (error) => error instanceof EditRefused && message.test(error.message),
      text,
    );
  }
});

test("a string is found where it stands, and nothing else is a string", () => {
  assert.equal(findJsonString('{"env": {"A": "\\u0041", "B": 1}}', "env", "A"), "A");
  assert.equal(findJsonString('{"env": {"A": "x", "B": 1}}', "env", "B"), null);
  assert.equal(findJsonString("", "env", "A"), null);
});
