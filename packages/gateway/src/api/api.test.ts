import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Route, RouteName } from "@meshagent/llm-proxy-protocol/api";
import { apiErrorBodySchema, apiErrorStatus, routes } from "@meshagent/llm-proxy-protocol/api";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { ApiError, createClient } from "@meshagent/llm-proxy-protocol/client";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { UsageReportRow } from "../store/store.ts";
import { OWNER_TOKEN, PUBLIC_URL, startHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { MAX_BODY_BYTES } from "./parse.ts";
import { sampleExchange } from "./sample-exchange.ts";

const PROVIDER_KEY = "sk-provider-key-that-stays-inside";

let harness: Harness;
let owner: Client;
let project: string;
/** Every byte that the server sent in the running test. */
let sent: string[];

/** Keeps what was sent, and holds every 2xx reply against its schema: nothing missing and nothing besides. */
const checkingFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const text = await response.clone().text();
  sent.push(text);
  if (response.ok && text !== "") {
    const path = new URL(input as string).pathname.replace(/^\/accounts/, "");
    const route = Object.values(routes as Record<RouteName, Route<string, unknown, unknown, unknown>>).find(
      (candidate) =>
        candidate.method === (init?.method ?? "GET") &&
        new RegExp(`^${candidate.path.replace(/^\/accounts/, "").replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(
          path,
        ),
    );
    assert.deepEqual(route?.reply?.parse(JSON.parse(text)), JSON.parse(text));
    assert.equal(response.status, route?.status);
  }
  return response;
};

beforeEach(async () => {
  harness = await startHarness();
  sent = [];
  owner = createClient({ baseUrl: harness.url, token: OWNER_TOKEN, fetch: checkingFetch });
  project = (await harness.store.write.createProject("mine")).id;
});
afterEach(() => harness.close());

function clientOf(token: string): Client {
  return createClient({ baseUrl: harness.url, token, fetch: checkingFetch });
}

/** What a raw request gets. */
async function raw(
  method: string,
  path: string,
  options: { body?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(harness.url + path, {
    method,
    headers: { authorization: `Bearer ${OWNER_TOKEN}`, ...options.headers },
    body: options.body ?? null,
  });
  const text = await response.text();
  sent.push(text);
  return { status: response.status, headers: response.headers, text };
}

async function refusal(call: Promise<unknown>): Promise<[number | null, string, string]> {
  const error = await call.then(
    () => assert.fail("was not refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ApiError, String(error));
  return [error.status, error.code, error.message];
}

describe("the gateway itself", () => {
  test("says what it is and whose credential asked", async () => {
    assert.deepEqual(await owner.getGatewayInfo(), {
      version: "0.0.0-test",
      public_url: PUBLIC_URL,
      openai_base_url: `${PUBLIC_URL}/openai/v1`,
      anthropic_base_url: `${PUBLIC_URL}/anthropic`,
      simulated: false,
      providers: ["acme", "zeta"],
      prices: { shipped_as_of: "2026-11-23", card_as_of: null },
      caller: { kind: "owner", project_id: null, api_key_id: null },
    });
    const key = await harness.store.addApiKey(project);
    assert.deepEqual((await clientOf(key.text).getGatewayInfo()).caller, {
      kind: "api_key",
      project_id: project,
      api_key_id: key.id,
    });
  });

  test("the scheme is read in any case", async () => {
    const { status } = await raw("GET", "/accounts/info", {
      headers: { authorization: `bearer ${OWNER_TOKEN}` },
    });
    assert.equal(status, 200);
  });
});

describe("projects", () => {
  test("are created, listed and read", async () => {
    const created = await owner.createProject({ name: "Büro 1" });
    assert.equal(created.name, "Büro 1");
    assert.equal(created.created_at, "2026-11-24T00:00:00.000Z");
    assert.deepEqual(await owner.getProject({ project: created.id }), created);
    assert.deepEqual(
      (await owner.listProjects()).projects.map(({ name }) => name),
      ["mine", "Büro 1"],
    );
    const accounts = await owner.listServiceAccounts({ project: created.id });
    assert.deepEqual(
      accounts.service_accounts.map(({ name, project_id }) => [name, project_id]),
      [["default", created.id]],
    );
  });

  test("one that is not there", async () => {
    const [status, code, message] = await refusal(owner.getProject({ project: "nope" }));
    assert.deepEqual([status, code], [404, "not_found"]);
    assert.match(message, /"nope".*project list/);
  });

  test("settings are kept, changed one by one, and taken back with null", async () => {
    const made = await owner.createProject({ name: "a", settings: { require_rooms: true } });
    assert.deepEqual(made.settings, { require_rooms: true });
    const id = made.id;
    const changed = await owner.updateProjectSettings({ project: id, on_disconnect: "cancel" });
    assert.deepEqual(changed, { ...made, settings: { require_rooms: true, on_disconnect: "cancel" } });
    assert.deepEqual(await owner.getProject({ project: id }), changed);
    const taken = await owner.updateProjectSettings({ project: id, require_rooms: null });
    assert.deepEqual(taken.settings, { on_disconnect: "cancel" });
    assert.deepEqual((await owner.createProject({ name: "b", settings: null })).settings, {});
  });

  for (const [settings, problem] of [
    [{ require_room: true }, `Unrecognized key: "require_room"`],
    [{ require_rooms: "yes" }, "require_rooms: "],
    [{ on_disconnect: "wait" }, "on_disconnect: "],
  ] as const) {
    test(`the setting ${JSON.stringify(settings)} is refused rather than lost`, async () => {
      const create = { body: JSON.stringify({ name: "a", settings }) };
      const created = await raw("POST", "/accounts/projects", create);
      const set = { body: JSON.stringify(settings) };
      const changed = await raw("PUT", `/accounts/projects/${project}/settings`, set);
      for (const { status, text } of [created, changed]) {
        assert.equal(status, 400, text);
        assert.ok(apiErrorBodySchema.parse(JSON.parse(text)).error.message.includes(problem), text);
      }
      assert.deepEqual((await owner.getProject({ project })).settings, {});
    });
  }

  for (const [name, problem] of [
    ["", "is empty"],
    [" a", "white space"],
    ["a\nb", "control character"],
    ["a".repeat(201), "longer than"],
  ] as const) {
    test(`the name ${JSON.stringify(name.slice(0, 8))} is refused: ${problem}`, async () => {
      const [status, code, message] = await refusal(owner.createProject({ name }));
      assert.deepEqual([status, code], [400, "invalid_request"]);
      assert.ok(message.startsWith("name: ") && message.includes(problem), message);
    });
  }
});

describe("API keys", () => {
  test("the text is shown once, and it works", async () => {
    const created = await owner.createApiKey({ project, name: "laptop", description: "mine" });
    const parsed = parseApiKey(created.value);
    assert.deepEqual([parsed.id, parsed.projectId], [created.id, project]);
    assert.ok(parsed.secret.length >= 43, "256 bits in base64");
    assert.deepEqual((await clientOf(created.value).listRooms({ project })).rooms, []);

    const { value, ...withoutValue } = created;
    sent.length = 0;
    assert.deepEqual((await owner.listApiKeys({ project })).keys, [withoutValue]);
    assert.ok(!sent.join("").includes(parsed.secret));
    assert.equal(harness.store.apiKeys.get(created.id)?.secret.reveal(), parsed.secret);
    assert.notEqual((await owner.createApiKey({ project, name: "laptop" })).value, value);
  });

  test("a deleted one stops at once and is not there any more", async () => {
    const created = await owner.createApiKey({ project, name: "laptop" });
    assert.equal(await owner.deleteApiKey({ project, api_key: created.id }), null);
    assert.deepEqual((await refusal(clientOf(created.value).listRooms({ project }))).slice(0, 2), [
      401,
      "revoked_credential",
    ]);
    assert.deepEqual((await owner.listApiKeys({ project })).keys, []);
    assert.equal((await refusal(owner.deleteApiKey({ project, api_key: created.id })))[0], 404);
  });

  test("of a service account, by its id or name, and of no other project", async () => {
    const other = (await harness.store.write.createProject("other")).id;
    const account = (await owner.listServiceAccounts({ project })).service_accounts[0]?.id ?? "";
    const created = await owner.createServiceAccountApiKey({ project, service_account: account, name: "a" });
    assert.equal(created.service_account_id, account);
    const byName = await owner.listServiceAccountApiKeys({ project, service_account: "default" });
    assert.deepEqual(
      byName.keys.map(({ id }) => id),
      [created.id],
    );
    const where = { project: other, service_account: "default", api_key: created.id };
    assert.equal((await refusal(owner.deleteServiceAccountApiKey(where)))[0], 404);
    assert.equal((await refusal(owner.deleteApiKey({ project: other, api_key: created.id })))[0], 404);
    const unknown = owner.createServiceAccountApiKey({ project, service_account: "nope", name: "a" });
    assert.equal((await refusal(unknown))[0], 404);
    assert.equal(await owner.deleteServiceAccountApiKey({ ...where, project }), null);
  });
});

describe("rooms", () => {
  test("are created, listed in pages, read and deleted by name or id", async () => {
    const room = await owner.createRoom({ project, name: "Zimmer/1 %" });
    assert.deepEqual(await owner.getRoom({ project, room: "Zimmer/1 %" }), room);
    assert.deepEqual(await owner.getRoom({ project, room: room.id }), room);
    const second = await owner.createRoom({ project, name: "b" });
    const next_cursor = null;
    assert.deepEqual(await owner.listRooms({ project }), { rooms: [room, second], total: 2, next_cursor });
    assert.deepEqual(await owner.listRooms({ project, offset: 1, limit: 1 }), {
      rooms: [second],
      total: 2,
      next_cursor,
    });
    assert.equal(await owner.deleteRoom({ project, room: "Zimmer/1 %" }), null);
    assert.equal(await owner.deleteRoom({ project, room: second.id }), null);
    assert.deepEqual(await owner.listRooms({ project }), { rooms: [], total: 0, next_cursor });
    assert.equal((await refusal(owner.getRoom({ project, room: "b" })))[0], 404);
    assert.equal((await refusal(owner.deleteRoom({ project, room: "b" })))[0], 404);
    assert.equal((await owner.createRoom({ project, name: "b" })).id, second.id);
  });

  test("one that is there already", async () => {
    const room = await owner.createRoom({ project, name: "a" });
    assert.deepEqual((await refusal(owner.createRoom({ project, name: "a" }))).slice(0, 2), [
      409,
      "conflict",
    ]);
    assert.deepEqual(await owner.createRoom({ project, name: "a", if_not_exists: true }), room);
  });

  test("an API key creates new ones, and brings back none that the owner deleted", async () => {
    const key = clientOf((await harness.store.addApiKey(project)).text);
    await key.createRoom({ project, name: "a" });
    await owner.deleteRoom({ project, room: "a" });
    for (const if_not_exists of [true, false]) {
      const [status, , message] = await refusal(key.createRoom({ project, name: "a", if_not_exists }));
      assert.equal(status, 403);
      assert.match(message, /was deleted/);
    }
    await owner.createRoom({ project, name: "a" });
    assert.equal((await key.getRoom({ project, room: "a" })).name, "a");
  });

  test("an API key creates none where rooms must be made by the owner", async () => {
    const strict = {
      ...(await harness.store.write.createProject("strict")),
      settings: { require_rooms: true },
    };
    harness.store.projects.splice(-1, 1, strict);
    const key = clientOf((await harness.store.addApiKey(strict.id)).text);
    assert.equal((await refusal(key.createRoom({ project: strict.id, name: "a" })))[0], 403);
    await owner.createRoom({ project: strict.id, name: "a" });
  });
});

describe("providers", () => {
  test("say where their key comes from", async () => {
    assert.deepEqual((await owner.listProviders({ project })).providers, [
      {
        name: "acme",
        display_name: "ACME",
        dialect: "openai",
        source: "environment",
        base_url: "https://api.acme.test/v1",
        api_key_variable: "ACME_API_KEY",
        rate_limit_headers: "pass",
        accepted_encodings: [],
        updated_at: null,
      },
      {
        name: "zeta",
        display_name: "ZETA",
        dialect: "openai",
        source: "none",
        base_url: null,
        api_key_variable: "ZETA_API_KEY",
        rate_limit_headers: "pass",
        accepted_encodings: [],
        updated_at: null,
      },
    ]);
  });

  test("a key goes in and never comes out", async () => {
    const set = await owner.setProvider({ project, provider: "zeta", api_key: PROVIDER_KEY });
    assert.equal(set.source, "project");
    assert.equal(set.updated_at, "2026-11-24T00:00:00.000Z");
    assert.equal(harness.store.providers[0]?.apiKey?.reveal(), PROVIDER_KEY);
    await owner.listProviders({ project });
    await owner.testProvider({ project, provider: "zeta" });
    await owner.setProvider({ project, provider: "zeta", base_url: "https://elsewhere.test" });
    await refusal(owner.setProvider({ project, provider: "zeta", api_key: `${PROVIDER_KEY}\n` }));
    await raw("PUT", `/accounts/projects/${project}/llm-proxy/providers/zeta`, {
      body: `{"api_key":"${PROVIDER_KEY}"`,
    });
    assert.ok(sent.length >= 5);
    assert.ok(!sent.join("").includes(PROVIDER_KEY));
  });

  test("a new origin without a key drops the stored one, a new path does not", async () => {
    const where = { project, provider: "acme" };
    const keyNow = (): string | null => harness.store.providers[0]?.apiKey?.reveal() ?? null;
    await owner.setProvider({ ...where, api_key: PROVIDER_KEY });
    assert.equal(
      (await owner.setProvider({ ...where, base_url: "https://api.acme.test/v2/" })).key_dropped,
      false,
    );
    assert.equal(keyNow(), PROVIDER_KEY);
    assert.equal(harness.store.providers[0]?.baseUrl, "https://api.acme.test/v2");
    assert.equal(
      (await owner.setProvider({ ...where, base_url: "https://api.acme.test:8443/v2" })).key_dropped,
      true,
    );
    assert.equal(keyNow(), null);
    assert.equal((await owner.setProvider({ ...where, base_url: "http://other.test" })).key_dropped, false);
    await owner.setProvider({ ...where, base_url: "http://third.test", api_key: "new-key" });
    assert.equal(keyNow(), "new-key");
    // Back to the default, which is another origin again.
    assert.equal((await owner.setProvider({ ...where, base_url: null })).key_dropped, true);
    assert.equal(keyNow(), null);
  });

  test("null takes the key back and leaves the base URL", async () => {
    const where = { project, provider: "acme" };
    await owner.setProvider({ ...where, api_key: PROVIDER_KEY, base_url: "https://other.test" });
    const set = await owner.setProvider({ ...where, api_key: null });
    assert.deepEqual([set.source, set.key_dropped], ["environment", false]);
    assert.deepEqual(
      harness.store.providers.map(({ apiKey, baseUrl }) => [apiKey, baseUrl]),
      [[null, "https://other.test"]],
    );
  });

  test("choices are kept with the rest, stay until they are changed, and go back with null", async () => {
    const where = { project, provider: "acme" };
    const set = await owner.setProvider({ ...where, rate_limit_headers: "drop" });
    assert.deepEqual(
      [set.rate_limit_headers, set.accepted_encodings, set.source],
      ["drop", [], "environment"],
    );
    await owner.setProvider({ ...where, api_key: PROVIDER_KEY });
    const both = await owner.setProvider({ ...where, accepted_encodings: ["zstd", "gzip", "zstd"] });
    assert.deepEqual([both.rate_limit_headers, both.accepted_encodings], ["drop", ["zstd", "gzip"]]);
    assert.equal(harness.store.providers[0]?.apiKey?.reveal(), PROVIDER_KEY);
    const back = await owner.setProvider({ ...where, rate_limit_headers: null, accepted_encodings: [] });
    assert.deepEqual([back.rate_limit_headers, back.accepted_encodings], ["pass", []]);
    assert.deepEqual(harness.store.providers[0]?.passing, { acceptedEncodings: [] });
    await owner.setProvider({ ...where, accepted_encodings: null });
    assert.deepEqual(harness.store.providers[0]?.passing, {});
  });

  test("are tested and removed", async () => {
    const answer = await owner.testProvider({ project, provider: "acme" });
    assert.deepEqual(answer, { ok: false, message: "It said no." });
    assert.deepEqual(harness.tested, [`${project}/acme`]);
    assert.equal((await refusal(owner.removeProvider({ project, provider: "acme" })))[0], 404);
    await owner.setProvider({ project, provider: "acme", api_key: PROVIDER_KEY });
    assert.equal(await owner.removeProvider({ project, provider: "acme" }), null);
    assert.deepEqual(harness.store.providers, []);
  });

  test("one that nobody knows", async () => {
    const [status, , message] = await refusal(owner.testProvider({ project, provider: "nope" }));
    assert.equal(status, 404);
    assert.match(message, /"nope".*acme, zeta/);
  });

  for (const [body, place] of [
    [{}, "Give one of `api_key`, `base_url`, `rate_limit_headers` and `accepted_encodings`."],
    [{ rate_limit_headers: "hide" }, "rate_limit_headers: "],
    [{ accepted_encodings: ["compress"] }, "accepted_encodings."],
    [{ accepted_encodings: "gzip" }, "accepted_encodings: "],
    [{ base_url: "ftp://a.test" }, "base_url: "],
    [{ base_url: "https://user:pw@a.test" }, "base_url: "],
    [{ base_url: "https://a.test/?x=1" }, "base_url: "],
    [{ base_url: "https://a.test/#" }, "base_url: "],
    [{ base_url: "a.test" }, "base_url: "],
    [{ api_key: "two words" }, "api_key: "],
    [{ api_key: "" }, "api_key: "],
  ] as const) {
    test(`${JSON.stringify(body)} is refused`, async () => {
      const wrong = { project, provider: "acme", ...body } as Parameters<typeof owner.setProvider>[0];
      const [status, , message] = await refusal(owner.setProvider(wrong));
      assert.equal(status, 400);
      assert.ok(message.startsWith(place), message);
      assert.deepEqual(harness.store.providers, []);
    });
  }
});

describe("the usage report", () => {
  const row = (key: readonly (string | null)[], rest: Partial<UsageReportRow> = {}): UsageReportRow => ({
    key,
    isSimulated: false,
    requests: 2,
    inputTokens: 1760,
    outputTokens: 100,
    cacheReadInputTokens: 1000,
    cacheWriteInputTokens: 0,
    reasoningOutputTokens: 40,
    costNanoUsd: 4_520_000n,
    unpricedRequests: 1,
    inexactRequests: 0,
    ...rest,
  });

  test("has one member per dimension, and totals of their own", async () => {
    harness.store.usageRows = (by) =>
      by.length === 0
        ? [row([], { requests: 3 }), row([], { isSimulated: true, costNanoUsd: 5n })]
        : [row(["gpt-5.5", null, "2026-11-23"]), row(["gpt-5.5", "a", "2026-11-24"], { isSimulated: true })];
    const report = await owner.getUsage({ project, by: ["model", "agent", "day"] });
    const counts = {
      requests: 2,
      input_tokens: 1760,
      output_tokens: 100,
      cache_read_input_tokens: 1000,
      cache_write_input_tokens: 0,
      reasoning_output_tokens: 40,
      // $0.00352 of input and $0.001 of output
      cost_usd: "0.004520000",
      cost_nano_usd: 4_520_000,
      unpriced_requests: 1,
      inexact_requests: 0,
    };
    assert.deepEqual(report, {
      by: ["model", "agent", "day"],
      usage: [
        { model: "gpt-5.5", agent_id: null, day: "2026-11-23", simulated: false, ...counts },
        { model: "gpt-5.5", agent_id: "a", day: "2026-11-24", simulated: true, ...counts },
      ],
      // Three, though the rows have two each: one request stands in both.
      total: { ...counts, requests: 3 },
      simulated_total: { ...counts, cost_usd: "0.000000005", cost_nano_usd: 5 },
      budgets: [],
      next_cursor: null,
    });
  });

  test("a session's line is the sum of its agents, which it names", async () => {
    harness.store.usageRows = (by) =>
      by.length === 0
        ? []
        : [row(["s", "/root"]), row(["s", "/root/a"], { costNanoUsd: 2n ** 53n }), row(["t", null])];
    const { usage } = await owner.getUsage({ project, by: ["session"] });
    assert.deepEqual(
      usage.map(({ session_id, requests, cost_usd, agents }) => [
        session_id,
        requests,
        cost_usd,
        agents?.map((agent) => [agent.agent_id, agent.requests, agent.cost_usd]),
      ]),
      [
        // $9007199.254740992 and $0.00452.
        [
          "s",
          4,
          "9007199.259260992",
          [
            ["/root", 2, "0.004520000"],
            ["/root/a", 2, "9007199.254740992"],
          ],
        ],
        ["t", 2, "0.004520000", [[null, 2, "0.004520000"]]],
      ],
    );
    const flat = await owner.getUsage({ project, by: ["session", "agent"] });
    assert.deepEqual(
      flat.usage.map(({ session_id, agent_id, agents }) => [session_id, agent_id, agents]),
      [
        ["s", "/root", undefined],
        ["s", "/root/a", undefined],
        ["t", null, undefined],
      ],
    );
  });

  test("a page of sessions has all agents of each", async () => {
    harness.store.usageRows = () => [row(["s", "a"]), row(["s", "b"]), row(["t", "c"])];
    const first = await owner.getUsage({ project, by: ["session"], limit: 1 });
    assert.deepEqual([first.usage.length, first.usage[0]?.agents?.length], [1, 2]);
    const second = await owner.getUsage({
      project,
      by: ["session"],
      limit: 1,
      cursor: first.next_cursor ?? "",
    });
    assert.deepEqual([second.usage[0]?.session_id, second.next_cursor], ["t", null]);
  });

  test("of nothing is zeros", async () => {
    const report = await owner.getUsage({ project });
    assert.deepEqual(report.by, ["model"]);
    assert.deepEqual(report.usage, []);
    assert.deepEqual([report.total.requests, report.total.cost_usd], [0, "0.000000000"]);
    assert.equal(report.simulated_total, null);
  });

  test("a sum that a JSON number cannot hold is text alone", async () => {
    // 2^53 nano-dollars are $9007199.254740992.
    harness.store.usageRows = (by) => (by.length === 0 ? [row([], { costNanoUsd: 2n ** 53n })] : []);
    const { total } = await owner.getUsage({ project });
    assert.deepEqual([total.cost_usd, total.cost_nano_usd], ["9007199.254740992", null]);
  });

  test("passes every filter on, with times in both forms", async () => {
    const filter = {
      since: Date.UTC(2026, 10, 20),
      until: Date.UTC(2026, 10, 21),
      room: "r",
      participant: "p",
      model: "m",
      provider: "acme",
      session_id: "s",
      api_key_id: "k",
    };
    await owner.getUsage({ project, by: ["api-key"], ...filter });
    const path = `/accounts/projects/${project}/llm-proxy/usage`;
    const text = "since=2026-11-20T01:00:00%2B01:00&until=2026-11-21T00:00:00Z";
    await raw(
      "GET",
      `${path}?by=api-key&${text}&room=r&participant=p&model=m&provider=acme&session_id=s&api_key_id=k`,
    );
    const expected = {
      projectId: project,
      sinceMs: filter.since,
      untilMs: filter.until,
      room: "r",
      participant: "p",
      model: "m",
      provider: "acme",
      sessionId: "s",
      apiKeyId: "k",
    };
    assert.deepEqual(
      harness.store.usageCalls.map((call) => call.filter),
      [expected, expected, expected, expected],
    );
    assert.deepEqual(
      harness.store.usageCalls.map((call) => call.by),
      [["api-key"], [], ["api-key"], []],
    );
  });

  for (const query of [
    "by=colour",
    "by=",
    "by=model,model",
    "since=yesterday",
    "since=2026-11-20",
    "since=2026-11-20T00:00:00",
    "since=-1",
    "since=2026-13-01T00:00:00Z",
    "rooom=lab",
    "room=a&room=b",
    "room=",
  ]) {
    test(`?${query} is refused`, async () => {
      const { status, text } = await raw("GET", `/accounts/projects/${project}/llm-proxy/usage?${query}`);
      assert.equal(status, 400);
      assert.equal(apiErrorBodySchema.parse(JSON.parse(text)).error.code, "invalid_request");
      assert.deepEqual(harness.store.usageCalls, []);
    });
  }
});

describe("exchanges", () => {
  beforeEach(() => {
    for (const number of [3, 2, 1]) {
      const { intent, result } = sampleExchange(project, `ex_${number}`);
      harness.store.exchanges.push({ intent: { ...intent, room: number === 2 ? "hall" : "lab" }, result });
    }
  });

  test("come in pages, newest first", async () => {
    const first = await owner.listExchanges({ project, limit: 2 });
    assert.deepEqual(
      first.exchanges.map(({ id }) => id),
      ["ex_3", "ex_2"],
    );
    const second = await owner.listExchanges({ project, limit: 2, cursor: first.next_cursor ?? "" });
    assert.deepEqual(
      second.exchanges.map(({ id }) => id),
      ["ex_1"],
    );
    assert.equal(second.next_cursor, null);
    assert.deepEqual(
      (await owner.listExchanges({ project, room: "hall" })).exchanges.map(({ id }) => id),
      ["ex_2"],
    );
  });

  test("one by its id, and never another project's", async () => {
    assert.equal((await owner.getExchange({ project, exchange: "ex_2" })).room, "hall");
    const other = (await harness.store.write.createProject("other")).id;
    assert.equal((await refusal(owner.getExchange({ project: other, exchange: "ex_2" })))[0], 404);
    assert.deepEqual((await owner.listExchanges({ project: other })).exchanges, []);
  });

  for (const query of ["limit=0", "limit=1001", "limit=1.5", "limit=x", "cursor=forged"]) {
    test(`?${query} is refused`, async () => {
      const { status, text } = await raw("GET", `/accounts/projects/${project}/llm-proxy/exchanges?${query}`);
      assert.equal(status, 400, text);
      assert.ok(
        apiErrorBodySchema.parse(JSON.parse(text)).error.message.startsWith(`${query.split("=")[0]}: `),
      );
    });
  }
});

describe("over the wire", () => {
  test("a path that is not there, a method that a path does not take", async () => {
    assert.equal((await raw("GET", "/accounts")).status, 404);
    assert.equal((await raw("GET", "/accounts/projects/")).status, 404);
    assert.equal((await raw("GET", `/accounts/projects/${project}/nope`)).status, 404);
    const wrong = await raw("PATCH", "/accounts/projects");
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "GET, HEAD, POST"]);
    assert.equal(apiErrorBodySchema.parse(JSON.parse(wrong.text)).error.code, "method_not_allowed");
    const head = await raw("HEAD", "/accounts/projects");
    assert.deepEqual([head.status, head.text], [200, ""]);
  });

  test("a body that is no JSON, no UTF-8, no object; its text is not repeated", async () => {
    for (const body of ["{", "[]", `"secret"`, "null", `{"name":"secret"`, `{"name":7}`]) {
      const { status, text } = await raw("POST", "/accounts/projects", { body });
      assert.equal(status, 400, body);
      assert.ok(!text.includes("secret"), text);
    }
    const response = await fetch(`${harness.url}/accounts/projects`, {
      method: "POST",
      headers: { authorization: `Bearer ${OWNER_TOKEN}` },
      body: Uint8Array.from([0x22, 0xff, 0x22]),
    });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /UTF-8/);
  });

  test("members that nobody knows are passed over", async () => {
    const body = `{"name":"a","metadata":{"x":1},"__proto__":{"y":2}}`;
    assert.equal((await raw("POST", `/accounts/projects/${project}/rooms`, { body })).status, 201);
  });

  test("a body of just under the limit is read, one over it is 413, with and without its length", async () => {
    const pad = (bytes: number): string => `{"name":"a"${" ".repeat(bytes - 12)}}`;
    assert.equal((await raw("POST", "/accounts/projects", { body: pad(MAX_BODY_BYTES) })).status, 201);
    assert.equal((await raw("POST", "/accounts/projects", { body: pad(MAX_BODY_BYTES + 1) })).status, 413);
    assert.equal(await chunked(harness.url, pad(MAX_BODY_BYTES + 1)), 413);
  });

  test("a body is not read from somebody unknown", async () => {
    const { status } = await raw("POST", "/accounts/projects", {
      headers: { authorization: "Bearer nobody" },
      body: "x".repeat(MAX_BODY_BYTES + 1),
    });
    assert.equal(status, 401);
  });

  test("a fault of the gateway says nothing of its cause to the caller, and all to the log", async () => {
    harness.store.failure = new Error("disk on fire", { cause: new Error("smoke") });
    const { status, text } = await raw("GET", `/accounts/projects/${project}`);
    assert.equal(status, 500);
    assert.ok(!text.includes("fire"));
    assert.match(String(harness.logged[0]?.fields["error"]), /disk on fire.*smoke/);
  });

  test("every code has a status of an error", () => {
    for (const status of Object.values(apiErrorStatus)) assert.ok(status >= 400 && status <= 599);
  });

  test("the owner's token is nowhere in what was sent", async () => {
    await owner.getGatewayInfo();
    await raw("GET", "/accounts/info", { headers: { authorization: `Bearer ${OWNER_TOKEN}x` } });
    assert.ok(sent.length >= 2 && !sent.join("").includes(OWNER_TOKEN));
    assert.equal(String(new Secret(OWNER_TOKEN)), "[redacted]");
  });
});

/** The status of a POST without a content-length. */
function chunked(url: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/accounts/projects`, {
      method: "POST",
      headers: { authorization: `Bearer ${OWNER_TOKEN}` },
    });
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
    request.write(body.slice(0, 10));
    request.end(body.slice(10));
  });
}
