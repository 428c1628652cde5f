/**
 * What is held, to the nano-dollar, for everything that makes a request dearer than its bytes show; and the two edits
 * of a body, alone and together, byte for byte. A reply that tells no usage is charged its whole hold, so what is spent
 * then is what was held.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { type LimitedGateway, withLimits } from "./bed/limits.ts";
import { rawJson } from "./bed/raw-reply.ts";

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(() => provider.close());

/** USD a million: so many dollars are as many thousand nano-dollars a token. */
const prices = JSON.stringify({
  as_of: "2026-11-20",
  tools: {
    "openai.web_search": { price: "10", per: 1000 },
    "anthropic.web_search": { price: "10", per: 1000 },
  },
  models: {
    "openai/gpt-5.5": [
      {
        effective_from: "2026-01-01",
        aliases: [],
        standard: { input: "5", cache_read: "0.5", output: "30" },
        tiers: { priority: { multiplier: "2" }, flex: { input: "2.5", cache_read: "0.25", output: "15" } },
        long_context: { above_input_tokens: 3000, input_multiplier: "2", output_multiplier: "1.5" },
      },
    ],
    "openai/gpt-3.5-turbo-instruct": [
      { effective_from: "2026-01-01", aliases: [], standard: { input: "1", output: "2" } },
    ],
    "anthropic/claude-opus-5-5": [
      {
        effective_from: "2026-01-01",
        aliases: [],
        standard: {
          input: "4",
          cache_read: "0.2",
          cache_write_5m: "5",
          cache_write_1h: "8",
          output: "20",
        },
        speeds: { fast: { input: "8", output: "40" } },
      },
    ],
  },
});

/** What a template may add (`hold/input-bound.ts`). */
const template = 1_000;

/** What is held for this request, and what went up. */
async function heldFor(
  gateway: LimitedGateway,
  path: string,
  body: object | string,
): Promise<{ readonly bytes: number; readonly heldNanoUsd: number }> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const spent = async (): Promise<number> => (await gateway.accounts("b"))[0]?.spentNanoUsd ?? 0;
  const before_ = await spent();
  provider.script(() => rawJson(200, "{}"));
  const reply = await fetch(`${gateway.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${await gateway.token()}`, "content-type": "application/json" },
    body: text,
  });
  assert.equal(reply.status, 200, await reply.text());
  return { bytes: Buffer.byteLength(text), heldNanoUsd: (await spent()) - before_ };
}

async function withWideBudget(run: (gateway: LimitedGateway) => Promise<void>): Promise<void> {
  await withLimits({ provider, prices }, async (gateway) => {
    await gateway.limit({ amountNanoUsd: 1_000_000_000_000 });
    await run(gateway);
  });
}

describe("what is held of an OpenAI request", () => {
  const responses = (rest: object): object => ({
    model: "gpt-5.5",
    input: "hello",
    max_output_tokens: 100,
    ...rest,
  });
  const chat = (rest: object): object => ({
    model: "gpt-5.5",
    messages: [{ role: "user", content: "hello" }],
    max_completion_tokens: 100,
    ...rest,
  });
  const completion = (rest: object): object => ({
    model: "gpt-3.5-turbo-instruct",
    prompt: "hello",
    ...rest,
  });
  /** Nano-dollars a token in and out, and how many tokens of output in all. */
  const cases: readonly (readonly [string, string, object, number, number, number])[] = [
    ["the standard tier", "responses", responses({ service_tier: "default" }), 5_000, 30_000, 100],
    ["no tier: the account's may be priority", "responses", responses({}), 10_000, 60_000, 100],
    ["`auto`: likewise", "responses", responses({ service_tier: "auto" }), 10_000, 60_000, 100],
    ["priority", "responses", responses({ service_tier: "priority" }), 10_000, 60_000, 100],
    ["`fast`, its other name", "responses", responses({ service_tier: "fast" }), 10_000, 60_000, 100],
    [
      "flex: it may be served as standard",
      "responses",
      responses({ service_tier: "flex" }),
      5_000,
      30_000,
      100,
    ],
    ["one answer", "chat/completions", chat({ service_tier: "default" }), 5_000, 30_000, 100],
    ["`n: 3`", "chat/completions", chat({ service_tier: "default", n: 3 }), 5_000, 30_000, 300],
    [
      "two limits: the larger counts",
      "chat/completions",
      chat({ service_tier: "default", max_tokens: 250 }),
      5_000,
      30_000,
      250,
    ],
    ["a completion without a limit: 16", "completions", completion({}), 1_000, 2_000, 16],
    ["`n: 2`", "completions", completion({ n: 2, max_tokens: 10 }), 1_000, 2_000, 20],
    [
      "`best_of: 5`: all are billed",
      "completions",
      completion({ n: 2, best_of: 5, max_tokens: 10 }),
      1_000,
      2_000,
      50,
    ],
    [
      "two prompts, each with its own",
      "completions",
      completion({ prompt: ["a", "b"], n: 2, best_of: 5, max_tokens: 10 }),
      1_000,
      2_000,
      100,
    ],
    [
      "one prompt in tokens",
      "completions",
      completion({ prompt: [1, 2, 3], max_tokens: 10 }),
      1_000,
      2_000,
      10,
    ],
  ];
  it("is every byte and a template's, and the whole output, at the dearest price in reach", () =>
    withWideBudget(async (gateway) => {
      for (const [name, path, body, input, output, tokens] of cases) {
        const { bytes, heldNanoUsd } = await heldFor(gateway, `/openai/v1/${path}`, body);
        assert.equal(heldNanoUsd, (bytes + template) * input + tokens * output, name);
      }
    }));

  it("is at the price of a long context as soon as the bound passes its threshold, and not before", () =>
    withWideBudget(async (gateway) => {
      const padded = (bytes: number): string => {
        const text = JSON.stringify(responses({ service_tier: "default", input: "" }));
        return text.replace('"input":""', `"input":"${"x".repeat(bytes - text.length)}"`);
      };
      const short = await heldFor(gateway, "/openai/v1/responses", padded(2_000));
      assert.deepEqual(short, { bytes: 2_000, heldNanoUsd: 3_000 * 5_000 + 100 * 30_000 });
      const long = await heldFor(gateway, "/openai/v1/responses", padded(2_001));
      assert.deepEqual(long, { bytes: 2_001, heldNanoUsd: 3_001 * 10_000 + 100 * 45_000 });
      // What it turns out to be is charged: 500 tokens are no long context.
      provider.script(() =>
        rawJson(
          200,
          JSON.stringify({
            id: "resp_1",
            object: "response",
            status: "completed",
            model: "gpt-5.5",
            service_tier: "default",
            usage: {
              input_tokens: 500,
              input_tokens_details: { cached_tokens: 0 },
              output_tokens: 10,
              total_tokens: 510,
            },
          }),
        ),
      );
      const before_ = (await gateway.accounts("b"))[0]?.spentNanoUsd ?? 0;
      const reply = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${await gateway.token()}`, "content-type": "application/json" },
        body: padded(2_001),
      });
      await reply.arrayBuffer();
      const [account] = await gateway.accounts("b");
      assert.deepEqual(
        [(account?.spentNanoUsd ?? 0) - before_, account?.heldNanoUsd],
        [500 * 5_000 + 10 * 30_000, 0],
      );
    }));

  it("counts letters beyond ASCII elevenfold where another address than the provider's own answers", () =>
    withWideBudget(async (gateway) => {
      const body = responses({ service_tier: "default", input: "ﷺﷺ" });
      const { bytes, heldNanoUsd } = await heldFor(gateway, "/openai/v1/responses", body);
      // Two letters of 3 bytes, each of them 10 tokens more than its byte.
      assert.equal(heldNanoUsd, (bytes + 6 * 10 + template) * 5_000 + 100 * 30_000);
    }));
});

describe("what is held of an Anthropic request", () => {
  const message = (rest: object): object => ({
    model: "claude-opus-5-5",
    max_tokens: 100,
    messages: [{ role: "user", content: "hello" }],
    ...rest,
  });
  it("is at the price of a cache write, of an hour where it asks for one, and of the speed", () =>
    withWideBudget(async (gateway) => {
      const hour = [{ type: "text", text: "x", cache_control: { type: "ephemeral", ttl: "1h" } }];
      const cases: readonly (readonly [string, object, number, number])[] = [
        ["five minutes: a default may write them", message({}), 5_000, 20_000],
        ["an hour", message({ system: hour }), 8_000, 20_000],
        // A fast cache write costs a quarter more than fast input, as a standard one does.
        ["fast", message({ speed: "fast" }), 10_000, 40_000],
      ];
      for (const [name, body, input, output] of cases) {
        const { bytes, heldNanoUsd } = await heldFor(gateway, "/anthropic/v1/messages", body);
        assert.equal(heldNanoUsd, (bytes + template) * input + 100 * output, name);
      }
    }));
});

describe("the edits of a body", () => {
  /** What went up of this body under a budget of so much. */
  async function sent(
    gateway: LimitedGateway,
    body: string,
    encoding?: "gzip",
  ): Promise<{ readonly up: string; readonly lowered: string }> {
    const seen = provider.requests.length;
    provider.script(() => rawJson(400, "{}"));
    const reply = await fetch(`${gateway.openaiUrl}/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${await gateway.token()}`,
        "content-type": "application/json",
        ...(encoding === undefined ? {} : { "content-encoding": encoding }),
      },
      body: encoding === undefined ? body : gzipSync(body),
    });
    await reply.arrayBuffer();
    const request = provider.requests[seen];
    const names = request?.headers.map(([name]) => name.toLowerCase()) ?? [];
    assert.equal(names.includes("content-encoding"), false);
    return {
      up: request?.body.toString() ?? "",
      lowered: reply.headers.get("x-meshagent-max-output-tokens") ?? "none",
    };
  }

  it("do not get into each other's way: usage asked for, the limit lowered, every other byte as it came", () =>
    withLimits({ provider, prices }, async (gateway) => {
      // At $0.10: of a sixth nothing fits, so the least that a chat should have room for does.
      await gateway.limit({ amountNanoUsd: 100_000_000 });
      const plain = `{ "model":"gpt-5.5","service_tier":"default",\n"messages":[{"role":"user","content":"max_tokens\\":1"}] , "stream":true}`;
      const limited = `{"max_tokens" :\t99999,"model":"gpt-5.5","service_tier":"default","messages":[],"stream":true}`;
      const asked = `{"stream_options":{"include_obfuscation":false},"model":"gpt-5.5","max_completion_tokens":99999,"service_tier":"default","messages":[],"stream":true,"max_tokens":7}`;
      const told = `{"model":"gpt-5.5","max_completion_tokens":99999,"service_tier":"default","messages":[],"stream":true,"stream_options":{"include_usage":false}}`;
      for (const encoding of [undefined, "gzip"] as const) {
        const one = await sent(gateway, plain, encoding);
        assert.ok(Number(one.lowered) >= 1_024 && Number(one.lowered) < 3_333, one.lowered);
        assert.equal(
          one.up,
          plain
            .replace("{", `{"max_completion_tokens":${one.lowered},`)
            .replace('"stream":true', '"stream_options":{"include_usage":true},"stream":true'),
        );
        const two = await sent(gateway, limited, encoding);
        assert.equal(
          two.up,
          limited
            .replace("99999", two.lowered)
            .replace('"stream":true', '"stream_options":{"include_usage":true},"stream":true'),
        );
        const three = await sent(gateway, asked, encoding);
        assert.equal(
          three.up,
          asked
            .replace('{"include_obfuscation"', '{"include_usage":true,"include_obfuscation"')
            .replace("99999", three.lowered)
            .replace('"max_tokens":7', `"max_tokens":${three.lowered}`),
        );
        const four = await sent(gateway, told, encoding);
        assert.equal(four.up, told.replace("99999", four.lowered).replace("false", "true"));
      }
    }));
});
