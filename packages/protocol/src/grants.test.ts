import assert from "node:assert/strict";
import { test } from "node:test";
import { allowsModel, parseGrants } from "./grants.ts";
import { TokenError } from "./token-error.ts";

const ROOM = { name: "room", scope: "my-room" };

test("a room alone is enough, and lets nobody use the proxy", () => {
  assert.deepEqual(parseGrants([ROOM]), { room: "my-room", role: "", llm: null });
});

test("reads role and llm, and leaves other grants and scopes alone", () => {
  const grants = [
    { name: "tunnel_ports", scope: "80,443" },
    { name: "api", scope: { livekit: {}, llm: { models: ["a/b", "c/*"] }, queues: { list: false } } },
    { name: "role", scope: "tool" },
    ROOM,
    { name: "other" },
  ];
  assert.deepEqual(parseGrants(grants), { room: "my-room", role: "tool", llm: { models: ["a/b", "c/*"] } });
});

test("no models means all, an empty list none, an api grant without llm no proxy", () => {
  const llm = (scope: unknown): unknown => parseGrants([ROOM, { name: "api", scope }]).llm;
  assert.deepEqual(llm({ llm: {} }), { models: null });
  assert.deepEqual(llm({ llm: { models: [] } }), { models: [] });
  assert.equal(llm({}), null);
});

const api = (scope: unknown): unknown[] => [ROOM, { name: "api", scope }];
const refused: [string, unknown, RegExp][] = [
  ["no grants", undefined, /no list of `grants`/],
  ["grants that are an object", { room: "my-room" }, /no list of `grants`/],
  ["no room", [{ name: "role", scope: "agent" }], /no `room` grant/],
  ["an empty list", [], /no `room` grant/],
  ["an empty room", [{ name: "room", scope: "" }], /`room` grant is empty/],
  ["a room without scope", [{ name: "room" }], /`room` grant is not a string/],
  ["a list of rooms", [{ name: "room", scope: ["a"] }], /`room` grant is not a string/],
  ["a control character in the room", [{ name: "room", scope: "a\u0000b" }], /control character/],
  ["two rooms", [ROOM, { name: "room", scope: "other" }], /two grants named "room"/],
  ["the same room twice", [ROOM, ROOM], /two grants named "room"/],
  [
    "two roles",
    [ROOM, { name: "role", scope: "user" }, { name: "role", scope: "user" }],
    /two grants named "role"/,
  ],
  ["two api grants", [...api({ llm: {} }), { name: "api", scope: {} }], /two grants named "api"/],
  ["two unknown grants of one name", [ROOM, { name: "x" }, { name: "x" }], /two grants named "x"/],
  ["a grant that is a text", [ROOM, "role"], /no object with a `name`/],
  ["a grant that is null", [ROOM, null], /no object with a `name`/],
  ["a grant without name", [ROOM, { scope: "agent" }], /no object with a `name`/],
  ["a grant with another member", [{ ...ROOM, until: 1 }], /a member "until"/],
  ["a role that is a number", [ROOM, { name: "role", scope: 1 }], /`role` grant is not a string/],
  ["a role of null", [ROOM, { name: "role", scope: null }], /`role` grant is not a string/],
  ["an api grant without scope", [ROOM, { name: "api" }], /`api` grant is no object/],
  ["an api scope that is a text", api("full"), /`api` grant is no object/],
  ["an api scope that is a list", api([]), /`api` grant is no object/],
  ["llm of true", api({ llm: true }), /`llm` in the token's `api` grant is no object/],
  ["llm of null", api({ llm: null }), /`llm` in the token's `api` grant is no object/],
  ["llm that is a list", api({ llm: [] }), /`llm` in the token's `api` grant is no object/],
  ["llm with `model`", api({ llm: { model: ["a/b"] } }), /a member "model"/],
  ["llm with models and more", api({ llm: { models: ["a/b"], until: 1 } }), /a member "until"/],
  ["models as a text", api({ llm: { models: "a/b" } }), /no list of texts/],
  ["models of null", api({ llm: { models: null } }), /no list of texts/],
  ["models as an object", api({ llm: { models: { 0: "a/b" } } }), /no list of texts/],
  ["a model that is no text", api({ llm: { models: ["a/b", 7] } }), /no list of texts/],
];
for (const [name, value, message] of refused) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseGrants(value),
      (error) => {
        assert(error instanceof TokenError);
        assert.equal(error.code, "malformed");
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test("patterns are exact, or a prefix when they end in *", () => {
  const cases: [readonly string[] | null, string, boolean][] = [
    [null, "gpt-5.5", true],
    [[], "gpt-5.5", false],
    [["*"], "gpt-5.5", true],
    [["p/*"], "gpt-5.5", true],
    [["p/gpt-5*"], "gpt-5.5", true],
    [["p/gpt-5.5"], "gpt-5.5", true],
    [["p/gpt-5.5"], "gpt-5.5-pro", false],
    [["p/gpt-5"], "gpt-5.5", false],
    [["q/*"], "gpt-5.5", false],
    [["P/*"], "gpt-5.5", false],
    [[" p/*"], "gpt-5.5", false],
    [["gpt-5.5"], "gpt-5.5", false],
    [["p/*.5"], "gpt-5.5", false],
    [["q/x", "p/gpt-5.5"], "gpt-5.5", true],
  ];
  for (const [models, model, isAllowed] of cases) {
    assert.equal(allowsModel({ models }, "p", model), isAllowed, `${JSON.stringify(models)} ${model}`);
  }
});
