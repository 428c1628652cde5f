import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { apiErrorBodySchema, pathParameters, routes } from "@meshagent/llm-proxy-protocol/api";
import type { Access } from "./access.ts";
import { access } from "./access.ts";
import { OWNER_TOKEN, startHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";

/** What each kind of credential gets where it may not: status and code. null: it may. */
type Verdict = readonly [status: number, code: string] | null;

const kinds = [
  "none",
  "not a bearer",
  "garbage",
  "owner's token cut short",
  "owner",
  "own key",
  "other project's key",
  "unknown key",
  "key with a wrong secret",
  "key of one project named as another's",
  "revoked key",
  "revoked key with a wrong secret",
  "participant token",
] as const;

type Kind = (typeof kinds)[number];

const alwaysRefused: Partial<Record<Kind, Verdict>> = {
  none: [401, "missing_credential"],
  "not a bearer": [401, "missing_credential"],
  garbage: [401, "invalid_credential"],
  "owner's token cut short": [401, "invalid_credential"],
  "unknown key": [401, "invalid_credential"],
  "key with a wrong secret": [401, "invalid_credential"],
  "key of one project named as another's": [401, "invalid_credential"],
  "revoked key": [401, "revoked_credential"],
  "revoked key with a wrong secret": [401, "invalid_credential"],
  "participant token": [403, "forbidden"],
};

/** The whole rule, spelled out once more than in the table. */
const forKeys: Record<Access, Readonly<Record<"own key" | "other project's key", Verdict>>> = {
  owner: { "own key": [403, "forbidden"], "other project's key": [403, "forbidden"] },
  project: { "own key": null, "other project's key": [403, "forbidden"] },
  any_key: { "own key": null, "other project's key": null },
};

/** Written down from the contract, not from the table: what an API key may reach in its own project. */
const openToKeys: readonly RouteName[] = [
  "getGatewayInfo",
  "listRooms",
  "createRoom",
  "getRoom",
  "createParticipantToken",
  "getProjectUsage",
  "getUsage",
  "listExchanges",
  "getExchange",
];

describe("who may call what", () => {
  let harness: Harness;
  let projectId: string;
  const headers = {} as Record<Kind, string | null>;

  before(async () => {
    harness = await startHarness();
    const { store } = harness;
    const [mine, other] = [await store.write.createProject("mine"), await store.write.createProject("other")];
    projectId = mine.id;
    const [own, foreign, revoked] = [
      await store.addApiKey(mine.id, "own"),
      await store.addApiKey(other.id, "foreign"),
      await store.addApiKey(mine.id, "revoked"),
    ];
    await store.write.deleteApiKey(mine.id, revoked.id);
    const idPart = (text: string): string => text.split("-")[1] ?? "";
    const projectPart = (text: string): string => text.split("-")[2] ?? "";
    headers["none"] = null;
    headers["not a bearer"] = `Basic ${Buffer.from(`x:${OWNER_TOKEN}`).toString("base64")}`;
    headers["garbage"] = "Bearer garbage";
    headers["owner's token cut short"] = `Bearer ${OWNER_TOKEN.slice(0, -1)}`;
    headers["owner"] = `Bearer ${OWNER_TOKEN}`;
    headers["own key"] = `Bearer ${own.text}`;
    headers["other project's key"] = `Bearer ${foreign.text}`;
    headers["unknown key"] = `Bearer ma-${"A".repeat(22)}-${projectPart(own.text)}-secret-own`;
    headers["key with a wrong secret"] = `Bearer ${own.text}x`;
    headers["key of one project named as another's"] =
      `Bearer ma-${idPart(foreign.text)}-${projectPart(own.text)}-secret-foreign`;
    headers["revoked key"] = `Bearer ${revoked.text}`;
    headers["revoked key with a wrong secret"] = `Bearer ${revoked.text}x`;
    headers["participant token"] = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoiYSJ9.c2lnbmF0dXJl";
  });
  after(() => harness.close());

  const names = Object.keys(routes) as RouteName[];

  test("the table opens to API keys what the contract opens, and no more", () => {
    assert.deepEqual(names.filter((name) => access[name] !== "owner").sort(), [...openToKeys].sort());
    assert.deepEqual(Object.keys(access).sort(), [...names].sort());
    // Only a route without a project may be open to the keys of all projects.
    const anyKey = names.filter((name) => access[name] === "any_key");
    assert.deepEqual(
      anyKey.filter((name) => routes[name].path.includes("{project}")),
      [],
    );
  });

  for (const name of names) {
    for (const kind of kinds) {
      test(`${name} with ${kind}`, async () => {
        const verdict = verdictFor(name, kind);
        const { status, body } = await send(harness.url, { name, projectId, authorization: headers[kind] });
        if (verdict === null) {
          // Whether the call then succeeds is its own test; here it got past the door.
          assert.notEqual(status, 401);
          assert.notEqual(status, 403);
          assert.notEqual(status, 405);
          assert.ok(status < 500, `${status} ${body}`);
          return;
        }
        const { error } = apiErrorBodySchema.parse(JSON.parse(body));
        assert.deepEqual([status, error.code], verdict);
        const credential = headers[kind]?.split(" ")[1];
        if (credential !== undefined)
          assert.ok(!body.includes(credential), "the reply repeats the credential");
      });
    }
  }

  test("a key learns the same of a project that does not exist as of another's", async () => {
    const { store } = harness;
    const own = headers["own key"];
    const missing = await send(harness.url, {
      name: "listRooms",
      projectId: crypto.randomUUID(),
      authorization: own,
    });
    const otherId = store.projects.find(({ id }) => id !== projectId)?.id ?? "";
    const foreign = await send(harness.url, { name: "listRooms", projectId: otherId, authorization: own });
    assert.deepEqual(missing, foreign);
    assert.equal(missing.status, 403);
  });

  test("no reply to any of this was a fault", () => assert.deepEqual(harness.logged, []));
});

function verdictFor(name: RouteName, kind: Kind): Verdict {
  if (kind === "owner") return null;
  if (kind === "own key" || kind === "other project's key") return forKeys[access[name]][kind];
  return alwaysRefused[kind] ?? null;
}

async function send(
  url: string,
  { name, projectId, authorization }: { name: RouteName; projectId: string; authorization: string | null },
): Promise<{ status: number; body: string }> {
  const route = routes[name] as Route<string, unknown, unknown, unknown>;
  let path = route.path.replace("{project}", projectId);
  for (const parameter of pathParameters(path)) path = path.replace(`{${parameter}}`, "nothing-of-this-name");
  const response = await fetch(url + path, {
    method: route.method,
    headers: authorization === null ? {} : { authorization },
    // Not well-formed for any route, so that a call which gets through the door changes nothing.
    body: route.body === null ? null : `{"name":""}`,
  });
  assert.equal(response.headers.get("www-authenticate"), response.status === 401 ? "Bearer" : null);
  assert.equal(response.headers.get("cache-control"), "no-store");
  return { status: response.status, body: await response.text() };
}
