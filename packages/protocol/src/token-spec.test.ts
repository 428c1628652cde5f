import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTokenSpec, TokenSpecError } from "./token-spec.ts";

const BASE = { version: "v1", kind: "ParticipantToken", room: "my-room", identity: "cli-agent" };

test("the spec of the documentation is read", () => {
  assert.deepEqual(parseTokenSpec({ ...BASE, role: "agent", api: { llm: {} } }), {
    room: "my-room",
    identity: "cli-agent",
    role: "agent",
    llm: { models: null },
  });
});

test("role is agent unless said, and without api.llm the proxy is closed", () => {
  assert.deepEqual(parseTokenSpec(BASE), {
    room: "my-room",
    identity: "cli-agent",
    role: "agent",
    llm: null,
  });
  assert.equal(parseTokenSpec({ ...BASE, api: {} }).llm, null);
  for (const role of ["agent", "user", "tool"]) assert.equal(parseTokenSpec({ ...BASE, role }).role, role);
});

test("models may be exact, a prefix, everything or nothing", () => {
  for (const models of [["openai/gpt-5.5", "anthropic/claude-*"], ["openai/*"], ["*"], ["a/org/model"], []]) {
    assert.deepEqual(parseTokenSpec({ ...BASE, api: { llm: { models } } }).llm, { models });
  }
});

test("caps may stand beside the models", () => {
  const spec = parseTokenSpec({ ...BASE, api: { llm: { max_budget: 2.5, max_concurrency: 3 } } });
  assert.deepEqual(spec.llm, {
    models: null,
    caps: {
      maxBudgetNanoUsd: 2_500_000_000,
      maxBudgetPerDayNanoUsd: null,
      requestsPerMinute: null,
      tokensPerMinute: null,
      maxConcurrency: 3,
    },
  });
});

const llm = (value: unknown): object => ({ ...BASE, api: { llm: value } });
const refused: [string, unknown, string[]][] = [
  [
    "nothing",
    null,
    ["The token spec is no mapping; it begins with `version: v1` and `kind: ParticipantToken`."],
  ],
  [
    "a list",
    [BASE],
    ["The token spec is no mapping; it begins with `version: v1` and `kind: ParticipantToken`."],
  ],
  ["no version", { ...BASE, version: undefined }, ["version: is missing; write `version: v1`."]],
  ["version 1", { ...BASE, version: 1 }, ["version: is 1; the only one there is is `v1`."]],
  [
    "another kind",
    { ...BASE, kind: "Token" },
    ['kind: is "Token"; the only one there is is `ParticipantToken`.'],
  ],
  ["no room", { ...BASE, room: undefined }, ["room: is missing; name the room that the token is for."]],
  ["an empty room", { ...BASE, room: "" }, ["room: is empty."]],
  [
    "a room that YAML read as a number",
    { ...BASE, room: 7 },
    ['room: is not a string; put it in quotes: "7".'],
  ],
  ["no identity", { ...BASE, identity: undefined }, ["identity: is missing; name who acts with the token."]],
  [
    "an identity of true",
    { ...BASE, identity: true },
    ['identity: is not a string; put it in quotes: "true".'],
  ],
  [
    "an identity with a line end",
    { ...BASE, identity: "a\nb" },
    ["identity: has a control character in it."],
  ],
  [
    "an unknown role",
    { ...BASE, role: "agnet" },
    ['role: is "agnet"; it is one of agent, user, tool. Did you mean `agent`?'],
  ],
  ["an empty role", { ...BASE, role: null }, ["role: is empty; it is one of agent, user, tool."]],
  [
    "a slip in a name",
    { ...BASE, roles: "agent" },
    ["roles: is unknown here; known are version, kind, room, identity, role, api. Did you mean `role`?"],
  ],
  [
    "another word",
    { ...BASE, name: "x" },
    ["name: is unknown here; known are version, kind, room, identity, role, api. Did you mean `identity`?"],
  ],
  [
    "llm at the top",
    { ...BASE, llm: {} },
    ["llm: is unknown here; known are version, kind, room, identity, role, api. Did you mean `api.llm`?"],
  ],
  [
    "an unknown name like nothing",
    { ...BASE, constructor: 1 },
    ["constructor: is unknown here; known are version, kind, room, identity, role, api."],
  ],
  [
    "an empty api",
    { ...BASE, api: null },
    ["api: is empty; write `api: { llm: {} }` to let the participant use the proxy."],
  ],
  ["another api", { ...BASE, api: { queues: {} } }, ["api.queues: is unknown here; known are llm."]],
  [
    "an empty llm",
    llm(null),
    ["api.llm: is empty; write `llm: {}` for every model, or `llm: { models: [...] }`."],
  ],
  [
    "llm of true",
    llm(true),
    ["api.llm: is true; write `llm: {}` for every model, or `llm: { models: [...] }`."],
  ],
  [
    "a slip in models",
    llm({ model: ["a/b"] }),
    [
      "api.llm.model: is unknown here; known are models, max_budget, max_budget_per_day, " +
        "requests_per_minute, tokens_per_minute, max_concurrency. Did you mean `models`?",
    ],
  ],
  [
    "two caps that cannot be read",
    llm({ max_budget: "$10", requests_per_minute: 0 }),
    [
      'api.llm.max_budget: is no amount in USD, such as "10" or "0.75", of at most nine places and 4000000.',
      "api.llm.requests_per_minute: is no whole number from 1 to 1000000000.",
    ],
  ],
  [
    "a cap at the top",
    { ...BASE, max_budget: 1 },
    [
      "max_budget: is unknown here; known are version, kind, room, identity, role, api. " +
        "Did you mean `api.llm.max_budget`?",
    ],
  ],
  [
    "models as a text",
    llm({ models: "a/b" }),
    ['api.llm.models: is "a/b", not a list; leave it out to allow every model.'],
  ],
  [
    "empty models",
    llm({ models: null }),
    ["api.llm.models: is empty, not a list; leave it out to allow every model."],
  ],
  ["a model that is a number", llm({ models: ["a/b", 5.5] }), ["api.llm.models[1]: is 5.5, not a text."]],
  ["an empty model", llm({ models: [""] }), ["api.llm.models[0]: is empty."]],
  [
    "a model without provider",
    llm({ models: ["gpt-5.5"] }),
    [
      'api.llm.models[0]: is "gpt-5.5", which no model matches; write `provider/model`, or `provider/*` for all of a provider\'s.',
    ],
  ],
  [
    "a star in the middle",
    llm({ models: ["a/*-mini"] }),
    ['api.llm.models[0]: is "a/*-mini"; `*` may only stand at the end.'],
  ],
];
for (const [name, value, problems] of refused) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseTokenSpec(value),
      (error) => {
        assert(error instanceof TokenSpecError);
        assert.deepEqual(error.problems, problems);
        assert.equal(error.message, problems.join("\n"));
        return true;
      },
    );
  });
}

test("says everything that is wrong at once", () => {
  assert.throws(
    () => parseTokenSpec({ kind: "ParticipantToken", role: "boss", api: { llm: { models: [1] } } }),
    (error) => {
      assert(error instanceof TokenSpecError);
      assert.deepEqual(
        error.problems.map((problem) => problem.split(":")[0]),
        ["version", "room", "identity", "role", "api.llm.models[0]"],
      );
      return true;
    },
  );
});
