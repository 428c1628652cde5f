/** Model lists on the whole path: Codex gets its catalogue beside the list, everybody else the provider's bytes. */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { rawHead, rawJson } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let provider: FakeProvider;
let gateway: TestGateway;
let nowMs = Date.now();
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider, clock: { now: () => nowMs } });
});
after(async () => {
  await gateway.close();
  await provider.close();
});

const entry = (id: string, created: number): string =>
  `{ "id": "${id}", "object": "model", "created": ${created}, "owned_by": "system" }`;
/** With white space of its own, so that a list that was written anew shows. */
const list = `{\n "object": "list",\n "data": [ ${[
  entry("gpt-5.5", 1_776_900_000),
  entry("gpt-5.4", 1_772_600_000),
  entry("gpt-5.4-2026-03-05", 1_772_600_000),
  entry("gpt-4.1", 1_744_600_000),
  entry("text-embedding-3-small", 1_705_900_000),
].join(",\n  ")} ]\n}\n`;
beforeEach(() => {
  provider.script(() => rawJson(200, list));
  // What another test was told is old.
  nowMs += 10 * 60_000;
});

const codexHeaders = {
  originator: "codex_exec",
  "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex_exec; 0.169.0)",
};
const query = "?client_version=0.169.0";

interface Asked {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly models?: readonly string[];
}

async function ask({ path = query, headers = codexHeaders, models }: Asked): Promise<Response> {
  const token = await gateway.token({ llm: { models: models ?? null } });
  return fetch(`${gateway.openaiUrl}/models${path}`, {
    headers: { ...headers, authorization: `Bearer ${token}` },
  });
}

interface Seen {
  readonly listed: readonly string[];
  readonly picker: readonly string[];
  readonly hidden: readonly string[];
}

async function seen(asked: Asked): Promise<Seen> {
  const reply = await ask(asked);
  assert.equal(reply.status, 200);
  const body = (await reply.json()) as {
    data: { id: string }[];
    models: { slug: string; visibility: string }[];
  };
  const slugs = (visibility: string): readonly string[] =>
    body.models.filter((model) => model.visibility === visibility).map(({ slug }) => slug);
  return { listed: body.data.map(({ id }) => id), picker: slugs("list"), hidden: slugs("hide") };
}

describe("Codex", () => {
  it("gets the whole list and a description of what it does not know, for a token without limits", async () => {
    assert.deepEqual(await seen({}), {
      listed: ["gpt-5.5", "gpt-5.4", "gpt-5.4-2026-03-05", "gpt-4.1", "text-embedding-3-small"],
      picker: ["gpt-5.4"],
      hidden: ["gpt-4.1"],
    });
  });

  it("is told of no model that the token may not use, but to hide its own", async () => {
    const { listed, picker, hidden } = await seen({ models: ["openai/gpt-5.4*", "anthropic/*"] });
    assert.deepEqual(listed, ["gpt-5.4", "gpt-5.4-2026-03-05"]);
    assert.deepEqual(picker, ["gpt-5.4"]);
    assert.ok(hidden.includes("gpt-5.5") && hidden.includes("gpt-6.1-sol"));
    assert.ok(!hidden.includes("gpt-4.1"), "it would not know of it by itself");
  });

  it("of an older version is told what that version does not know", async () => {
    assert.deepEqual((await seen({ path: "?client_version=0.155.0" })).picker, []);
    assert.deepEqual((await seen({ path: "?client_version=0.169.1" })).picker, ["gpt-5.4"]);
    assert.deepEqual((await seen({ path: "?client_version=7.0.0" })).picker, ["gpt-5.4"]);
  });

  it("also when the provider answers in gzip", async () => {
    const bytes = gzipSync(list);
    provider.script(() => ({
      pieces: [
        rawHead(200, [
          ["content-type", "application/json"],
          ["content-encoding", "gzip"],
          ["content-length", String(bytes.length)],
        ]),
        bytes,
      ],
      end: "keep",
    }));
    assert.deepEqual((await seen({})).picker, ["gpt-5.4"]);
  });

  it("its query goes up as it came, and the row bills nothing", async () => {
    const reply = await ask({});
    await reply.text();
    assert.equal(provider.requests.at(-1)?.path, `/openai/v1/models${query}`);
    const row = (await gateway.exchanges()).at(-1);
    assert.equal(row?.intent.id, reply.headers.get("x-meshagent-exchange-id"));
    assert.deepEqual([row?.result?.outcome, row?.result?.costNanoUsd], ["not_metered", 0]);
  });

  it("gets it from a gateway that has no provider yet, too", async () => {
    const simulated = await startTestGateway();
    try {
      const reply = await fetch(`${simulated.openaiUrl}/models${query}`, {
        headers: { ...codexHeaders, authorization: `Bearer ${await simulated.token()}` },
      });
      assert.equal(reply.headers.get("x-meshagent-simulated"), "true");
      const { models } = (await reply.json()) as { models: { slug: string }[] };
      assert.ok(models.some(({ slug }) => slug === "gpt-5.4"));
    } finally {
      await simulated.close();
    }
  });

  it("gets a provider's error as it came", async () => {
    const text = '{"error": {"message" : "no"}}';
    provider.script(() => rawJson(403, text));
    const reply = await ask({});
    assert.deepEqual([reply.status, await reply.text()], [403, text]);
  });
});

/** A provider that took the request and says nothing. */
const silence = { pieces: [{ until: new Promise<void>(() => {}) }], end: "keep" } as const;

describe("a list that is kept for Codex", () => {
  const asked = (): number => provider.requests.length;

  it("answers for some minutes, narrowed for each token by itself, and the provider is not asked", async () => {
    const wide = await seen({});
    const before = asked();
    nowMs += 4 * 60_000;
    const reply = await ask({ models: ["openai/gpt-5.4*"] });
    assert.equal(reply.headers.get("age"), "240");
    assert.equal(reply.headers.get("x-request-id"), null, "it would be another request's");
    const { data } = (await reply.json()) as { data: { id: string }[] };
    assert.deepEqual(
      data.map(({ id }) => id),
      ["gpt-5.4", "gpt-5.4-2026-03-05"],
    );
    assert.deepEqual(await seen({}), wide);
    assert.equal(asked(), before);
    nowMs += 61_000;
    assert.deepEqual(await seen({}), wide);
    assert.equal(asked(), before + 1, "five minutes are over");
  });

  it("spares it a provider that is in trouble", async () => {
    const wide = await seen({});
    for (const trouble of [rawJson(500, "{}"), rawJson(429, "{}"), { pieces: [], end: "reset" } as const]) {
      nowMs += 10 * 60_000;
      const before = asked();
      provider.script(() => trouble);
      assert.deepEqual(await seen({}), wide);
      assert.ok(asked() > before, "it was asked");
    }
    const row = (await gateway.exchanges()).at(-1);
    assert.deepEqual([row?.result?.outcome, row?.result?.costNanoUsd], ["not_metered", 0]);
  });

  it("is void when the provider refuses the account", async () => {
    await seen({});
    nowMs += 10 * 60_000;
    provider.script(() => rawJson(401, "{}"));
    assert.equal((await ask({})).status, 401);
    provider.script(() => rawJson(500, "{}"));
    assert.equal((await ask({})).status, 500);
  });

  it("is nobody else's: another caller waits for the provider, and gets its error", async () => {
    await seen({});
    const before = asked();
    const other: Asked = { headers: { "user-agent": "curl/8" } };
    assert.equal(await (await ask(other)).text(), list);
    assert.equal(asked(), before + 1);
    provider.script(() => rawJson(500, "{}"));
    assert.equal((await ask(other)).status, 500);
    const models = await ask({ path: "/gpt-5.5" + query });
    assert.equal(models.status, 500, "one model is no list");
    await models.text();
  });

  it("spares it a provider that says nothing", async () => {
    const wide = await seen({});
    nowMs += 60 * 60_000;
    const before = asked();
    provider.script(() => silence);
    const startedAtMs = performance.now();
    assert.deepEqual(await seen({}), wide);
    assert.ok(performance.now() - startedAtMs < 3000, "Codex waits longer than that");
    assert.equal(asked(), before + 1);
  });

  it("is an empty one where the provider has never said anything, and what the token may not use is hidden", async () => {
    provider.script(() => silence);
    const { listed, picker, hidden } = await seen({
      path: "?client_version=0.168.0",
      models: ["openai/gpt-5.5"],
    });
    assert.deepEqual([listed, picker], [[], []]);
    assert.ok(hidden.includes("gpt-6.1-sol") && !hidden.includes("gpt-5.5"));
  });

  it("still asks for the grant", async () => {
    const token = await gateway.token({ llm: null });
    const headers = { ...codexHeaders, authorization: `Bearer ${token}` };
    const reply = await fetch(`${gateway.openaiUrl}/models${query}`, { headers });
    assert.equal(reply.status, 403);
  });
});

describe("every other client", () => {
  const others: readonly (readonly [string, Asked])[] = [
    ["an SDK", { path: "", headers: { "user-agent": "OpenAI/JS 7.57.0" } }],
    ["one that names a version, and is not Codex", { headers: { "user-agent": "curl/8" } }],
    ["Codex where it asks for the list alone", { path: "" }],
    ["a version that is none", { path: "?client_version=latest" }],
  ];
  for (const [name, asked] of others) {
    it(`${name}: the provider's bytes, and narrowed the list alone`, async () => {
      const whole = await ask(asked);
      assert.equal(await whole.text(), list);
      assert.equal(whole.headers.get("content-length"), String(list.length));
      const narrowed = await (await ask({ ...asked, models: ["openai/gpt-4.1"] })).text();
      const [only] = (JSON.parse(list) as { data: { id: string }[] }).data.filter(
        ({ id }) => id === "gpt-4.1",
      );
      assert.equal(narrowed, JSON.stringify({ object: "list", data: [only] }));
    });
  }

  it("Anthropic's list knows no such form", async () => {
    const anthropic = '{"data": [ {"type":"model","id":"claude-opus-5-5"} ], "has_more": false}';
    provider.script(() => rawJson(200, anthropic));
    const reply = await fetch(`${gateway.anthropicUrl}/v1/models${query}`, {
      headers: { ...codexHeaders, authorization: `Bearer ${await gateway.token()}` },
    });
    assert.equal(await reply.text(), anthropic);
  });
});
