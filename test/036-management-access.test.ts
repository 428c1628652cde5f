/**
 * The management API's door, on the real server: every route against every kind of credential, and what is
 * not well-formed. The decisions here are written down from the contract, apart from the table that decides.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { apiErrorBodySchema, routes } from "@meshagent/llm-proxy-protocol/api";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { connectRaw } from "./bed/raw-caller.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

/** `own`: also an API key of the project. `any`: any API key. A route without a decision does not compile. */
const decisions: Readonly<Record<RouteName, "owner" | "own" | "any">> = {
  getGatewayInfo: "any",
  listProjects: "owner",
  createProject: "owner",
  getProject: "owner",
  updateProjectSettings: "owner",
  listServiceAccounts: "owner",
  createServiceAccount: "owner",
  getServiceAccount: "owner",
  deleteServiceAccount: "owner",
  listApiKeys: "owner",
  createApiKey: "owner",
  deleteApiKey: "owner",
  listServiceAccountApiKeys: "owner",
  createServiceAccountApiKey: "owner",
  deleteServiceAccountApiKey: "owner",
  listRooms: "own",
  createRoom: "own",
  getRoom: "own",
  updateRoom: "owner",
  deleteRoom: "owner",
  createParticipantToken: "own",
  listRevocations: "owner",
  createRevocation: "owner",
  listProviders: "owner",
  setProvider: "owner",
  testProvider: "owner",
  removeProvider: "owner",
  listBudgets: "owner",
  createBudget: "owner",
  getBudget: "owner",
  replaceBudget: "owner",
  deleteBudget: "owner",
  testWebhook: "owner",
  listLimits: "owner",
  createLimit: "owner",
  getLimit: "owner",
  replaceLimit: "owner",
  deleteLimit: "owner",
  listAudit: "owner",
  verifyAudit: "owner",
  listProjectAudit: "owner",
  getProjectUsage: "own",
  getUsage: "own",
  listExchanges: "own",
  getExchange: "own",
};

type Kind =
  | "the owner's token"
  | "a key of the project"
  | "a key of another project"
  | "a deleted key"
  | "a key with another secret"
  | "a participant token"
  | "an expired participant token"
  | "a provider's key"
  | "garbage"
  | "two credentials"
  | "none";

/** Where it may not: the status and the code. null: it may. */
type Verdict = readonly [status: number, code: string] | null;

function verdict(name: RouteName, kind: Kind): Verdict {
  switch (kind) {
    case "the owner's token":
      return null;
    case "a key of the project":
      return decisions[name] === "owner" ? [403, "forbidden"] : null;
    case "a key of another project":
      return decisions[name] === "any" ? null : [403, "forbidden"];
    case "a participant token":
    case "an expired participant token":
      return [403, "forbidden"];
    case "a deleted key":
      return [401, "revoked_credential"];
    case "a key with another secret":
    case "a provider's key":
    case "garbage":
      return [401, "invalid_credential"];
    case "two credentials":
    case "none":
      return [401, "missing_credential"];
  }
}

let gateway: TestGateway;
let owner: Client;
/** Of each kind, as it stands in the header. */
let credentials: Readonly<Record<Kind, string | null>>;
/** What the project has, so that a call which is let through finds it. */
let things: Readonly<Record<string, string>>;

before(async () => {
  gateway = await startTestGateway();
  const project = gateway.projectId;
  owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
  const other = await owner.createProject({ name: "other" });
  const foreign = await owner.createApiKey({ project: other.id, name: "foreign" });
  const deleted = await owner.createApiKey({ project, name: "deleted" });
  await owner.deleteApiKey({ project, api_key: deleted.id });
  const token = await gateway.token();
  const bearer = (text: string): string => `Bearer ${text}`;
  credentials = {
    "the owner's token": bearer(gateway.ownerToken),
    "a key of the project": bearer(gateway.apiKeyText),
    "a key of another project": bearer(foreign.value),
    "a deleted key": bearer(deleted.value),
    "a key with another secret": bearer(`${gateway.apiKeyText}x`),
    "a participant token": bearer(token),
    "an expired participant token": bearer(await gateway.token({ exp: Math.floor(Date.now() / 1000) - 10 })),
    "a provider's key": bearer(`sk-proj-${"A1b2".repeat(20)}`),
    garbage: bearer("garbage"),
    "two credentials": `${bearer(gateway.ownerToken)}, ${bearer(gateway.apiKeyText)}`,
    none: null,
  };
  things = {
    project,
    service_account: "default",
    api_key: gateway.apiKey.id,
    room: (await owner.createRoom({ project, name: "lab" })).name,
    provider: "openai",
    exchange: "ex_nothing",
    budget: (await owner.createBudget({ project, amount_usd: "10" })).id,
    limit: (await owner.createLimit({ project, requests_per_minute: 60 })).id,
  };
});
after(() => gateway.close());

const names = Object.keys(routes) as RouteName[];

function routeOf(name: RouteName): Route<string, unknown, unknown, unknown> {
  return routes[name] as Route<string, unknown, unknown, unknown>;
}

/** `body` null: one that no route takes, so that a call which is let through changes nothing. */
async function send(
  name: RouteName,
  authorization: string | null,
): Promise<{ status: number; text: string; headers: Headers }> {
  const { method, path, body } = routeOf(name);
  const url = path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) =>
    // What would be deleted is not there.
    method === "DELETE" && parameter !== "project" ? "nothing-of-this-name" : (things[parameter] ?? ""),
  );
  const response = await fetch(gateway.url + url, {
    method,
    headers: authorization === null ? {} : { authorization },
    body: body === null ? null : "[]",
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

describe("who may call what", () => {
  it("every route has a decision, and no decision is without a route", () => {
    assert.deepEqual(Object.keys(decisions).sort(), [...names].sort());
    assert.ok(names.length >= 39);
  });

  const kinds = [
    "the owner's token",
    "a key of the project",
    "a key of another project",
    "a deleted key",
    "a key with another secret",
    "a participant token",
    "an expired participant token",
    "a provider's key",
    "garbage",
    "two credentials",
    "none",
  ] as const satisfies readonly Kind[];

  for (const name of names) {
    it(name, async () => {
      assert.equal(kinds.length, Object.keys(credentials).length, "no kind is left out");
      for (const kind of kinds) {
        const { status, text, headers } = await send(name, credentials[kind]);
        const expected = verdict(name, kind);
        if (expected === null) {
          // Let through: done, or refused for what it asks (400, 404), never for who asks.
          assert.ok(status < 300 || status === 400 || status === 404, `${kind}: ${status} ${text}`);
          continue;
        }
        const { error } = apiErrorBodySchema.parse(JSON.parse(text));
        assert.deepEqual([status, error.code], expected, kind);
        assert.equal(headers.get("www-authenticate"), status === 401 ? "Bearer" : null, kind);
        for (const secret of [gateway.ownerToken, gateway.apiKey.secret]) {
          assert.ok(!text.includes(secret), `${kind}: the reply holds a secret`);
        }
      }
    });
  }

  it("a key gets through to what it may do, with what is there", async () => {
    const key = createClient({ baseUrl: gateway.url, token: gateway.apiKeyText });
    const { project } = things as { project: string };
    assert.equal((await key.getRoom({ project, room: "lab" })).name, "lab");
    assert.ok((await key.listRooms({ project })).total >= 1);
    assert.equal((await key.createRoom({ project, name: "made by a key" })).name, "made by a key");
    assert.equal((await key.createParticipantToken({ project, room_name: "lab" })).room, "lab");
    assert.deepEqual((await key.getProjectUsage({ project })).usage, []);
    assert.equal((await key.getUsage({ project })).total.requests, 0);
    assert.deepEqual((await key.listExchanges({ project })).exchanges, []);
  });

  it("the documents that say nothing of anybody are open", async () => {
    for (const path of ["/openapi.json", "/healthz"]) {
      assert.equal((await fetch(gateway.url + path)).status, 200, path);
    }
  });

  it("no secret and no token is in a log line of all this", () => {
    const logs = gateway.logs.join("\n");
    for (const kind of ["the owner's token", "a key of the project", "a participant token"] as const) {
      assert.ok(!logs.includes(credentials[kind]?.split(" ")[1] ?? "none"), kind);
    }
  });
});

describe("what is not well-formed", () => {
  const ask = async (
    method: string,
    path: string,
    body: string | null = null,
  ): Promise<{ status: number; message: string; allow: string | null }> => {
    const response = await fetch(gateway.url + path, {
      method,
      headers: { authorization: `Bearer ${gateway.ownerToken}` },
      body,
    });
    const { error } = apiErrorBodySchema.parse(await response.json());
    return { status: response.status, message: error.message, allow: response.headers.get("allow") };
  };

  it("a path that is not there is 404", async () => {
    const project = `/accounts/projects/${gateway.projectId}`;
    for (const path of [
      "/accounts",
      "/accounts/nothing",
      "/accounts/projects/",
      `${project}/nothing`,
      `${project}/rooms/`,
      `${project}/rooms/a/b`,
      `${project}/rooms/nobody's`,
      `${project}/llm-proxy/exchanges/ex_nothing`,
      `${project}/service-accounts/nobody`,
      "/accounts/projects/nope/rooms",
    ]) {
      const { status, message } = await ask("GET", path);
      assert.equal(status, 404, path);
      assert.ok(message.length > 20, message);
    }
  });

  it("a method that a path does not take is 405, and `allow` says which it takes", async () => {
    for (const path of new Set(names.map((name) => routeOf(name).path))) {
      const taken = names.filter((name) => routeOf(name).path === path).map((name) => routeOf(name).method);
      const url = path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => things[parameter] ?? "");
      const expected = taken.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
      const { status, allow } = await ask("PATCH", url);
      assert.deepEqual([status, allow], [405, expected], path);
    }
  });

  it("a body that a route cannot read is 400, whatever the route, and repeats nothing of it", async () => {
    for (const name of names) {
      const { method, path, body } = routeOf(name);
      if (body === null) continue;
      const url = path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => things[parameter] ?? "");
      for (const text of ["{", "[]", '"secret-text"', "null", '{"name":"secret-text"', "\ud800"]) {
        const { status, message } = await ask(method, url, text);
        assert.equal(status, 400, `${name} ${text}`);
        assert.ok(!message.includes("secret-text"), message);
      }
    }
  });

  it("a body that is nested too deep is 400", async () => {
    const project = `/accounts/projects/${gateway.projectId}`;
    // The body itself is the first level.
    const nested = (levels: number): string => `${'{"a":'.repeat(levels - 1)}1${"}".repeat(levels - 1)}`;
    const room = (levels: number): string =>
      `{"name":"deep","if_not_exists":true,"metadata":${nested(levels)}}`;
    const refused = await ask("POST", `${project}/rooms`, room(65));
    assert.deepEqual(
      [refused.status, refused.message],
      [400, "The body is nested more than 64 levels deep."],
    );
    assert.equal((await ask("POST", `${project}/rooms`, room(10_000))).status, 400);
    const grants = `{"grants":[{"name":"room","scope":${nested(10_000)}}]}`;
    assert.equal((await ask("POST", `${project}/participant-tokens`, grants)).status, 400);
    const taken = await fetch(`${gateway.url}${project}/rooms`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.ownerToken}` },
      body: room(64),
    });
    assert.equal(taken.status, 201);
  });

  it("a parameter that a list does not know, has twice, or out of its bounds is 400", async () => {
    for (const name of names) {
      const { path, query } = routeOf(name);
      if (query === null) continue;
      const url = path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => things[parameter] ?? "");
      for (const search of [
        "colour=red",
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=1&limit=1",
        "cursor=",
        "cursor=x",
      ]) {
        const { status, message } = await ask("GET", `${url}?${search}`);
        assert.equal(status, 400, `${name} ${search}`);
        assert.match(message, /colour|limit|cursor|twice/, `${name} ${search}`);
      }
    }
  });

  it("a body that is too large is 413, announced or not", async () => {
    const name = "x".repeat(1024 * 1024);
    const body = JSON.stringify({ name });
    assert.equal((await ask("POST", "/accounts/projects", body)).status, 413);
    const caller = await connectRaw(gateway.url);
    caller.write(
      "POST /accounts/projects HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n" +
        `authorization: Bearer ${gateway.ownerToken}\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
    assert.match(await caller.closed(), /^HTTP\/1\.1 413 /);
  });
});
