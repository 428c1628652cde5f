/**
 * Budgets on the whole path: what the provider's books say never exceeds what a budget allows, whoever asks how often
 * at once; and what a caller sees when it does not fit.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import {
  ask,
  billed,
  costOf,
  everything,
  gated,
  greedyBooks,
  type LimitedGateway,
  mostOf,
  until,
  withLimits,
} from "./bed/limits.ts";
import { connectRaw } from "./bed/raw-caller.ts";
import { rawChunk, rawHead, rawJson, rawLastChunk } from "./bed/raw-reply.ts";
import type { TestGatewayOptions } from "./bed/test-gateway.ts";

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(() => provider.close());

interface Bed {
  readonly gateway: LimitedGateway;
  readonly token: string;
  readonly limit: LimitedGateway["limit"];
  post(path: string, body: object, token?: string): Promise<Response>;
  spent(id: string): Promise<number>;
}

async function withGateway(
  run: (bed: Bed) => Promise<void>,
  options: TestGatewayOptions = {},
): Promise<void> {
  await withLimits({ provider, ...options }, async (gateway) => {
    const token = await gateway.token();
    await run({
      gateway,
      token,
      limit: gateway.limit,
      post: (path, body, as = token) => gateway.post(path, body, as),
      spent: async (id) =>
        (await gateway.accounts(id)).reduce((sum, { spentNanoUsd }) => sum + spentNanoUsd, 0),
    });
  });
}

/** A provider that bills all that it may. */
const greedy: ReturnType<typeof greedyBooks>["script"] = (request) => billed(mostOf(request));

async function messageOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { message: string } }).error.message;
}

describe("a hard budget", () => {
  it("is never overspent, by a hundred at once against a provider that bills all it may", () =>
    withGateway(async ({ limit, post, spent, gateway }) => {
      // $1 is room for 8 answers of 4,096 tokens ($0.12 each), not for 100.
      await limit({ amountNanoUsd: 1_000_000_000 });
      const { script, billedNanoUsd } = greedyBooks();
      provider.script(script);
      const replies = await Promise.all(
        Array.from({ length: 100 }, () => post("/openai/v1/responses", ask({ max_output_tokens: 4_096 }))),
      );
      const statuses = replies.map(({ status }) => status);
      await Promise.all(replies.map((reply) => reply.arrayBuffer()));
      const bill = billedNanoUsd();
      assert.ok(bill <= 1_000_000_000, `the provider bills ${bill}`);
      assert.ok(bill > 850_000_000, `what fits is let in: ${bill}`);
      assert.equal(await spent("b"), bill, "and the budget knows to the nano-dollar");
      assert.deepEqual(
        [...new Set(statuses)].toSorted((a, b) => a - b),
        [200, 402],
      );
      const rows = await gateway.exchanges();
      assert.equal(
        rows.reduce((sum, { result }) => sum + (result?.costNanoUsd ?? 0), 0),
        bill,
      );
    }));

  it("lowers the output limit to what fits: a number in the body, and a header that says so", () =>
    withGateway(async ({ limit, gateway }) => {
      await limit({ amountNanoUsd: 1_000_000_000 });
      const first = provider.requests.length;
      provider.script(greedy);
      const text = `{"model":"gpt-5.5", "input":"hello",\t"max_output_tokens" : 128000,"service_tier":"default"}`;
      const response = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${await gateway.token()}`, "content-type": "application/json" },
        body: text,
      });
      assert.equal(response.status, 200);
      const lowered = Number(response.headers.get("x-meshagent-max-output-tokens"));
      // A sixth of what is free is $0.17; at $30 a million that makes 5,555 tokens less the input.
      assert.ok(lowered > 5_000 && lowered <= 5_555, String(lowered));
      assert.equal(provider.requests[first]?.body.toString(), text.replace("128000", String(lowered)));
    }));

  for (const [usd, nanoUsd, least, most] of [
    // At $30 a million there is room for 2,333 tokens, and for 1,666, less the input.
    ["$0.07", 70_000_000, 2_048, 2_048],
    ["$0.05", 50_000_000, 1_400, 1_666],
  ] as const) {
    it(`gives what there is at once where no wait makes room for a longer answer: ${usd}`, () =>
      withGateway(async ({ limit, post }) => {
        await limit({ amountNanoUsd: nanoUsd });
        provider.script(greedy);
        const response = await post("/openai/v1/responses", ask({ max_output_tokens: 9_000 }));
        assert.equal(response.status, 200);
        const lowered = Number(response.headers.get("x-meshagent-max-output-tokens"));
        assert.ok(lowered >= least && lowered <= most, String(lowered));
      }));
  }

  it("adds a limit where the request sets none, and touches nothing where the whole output fits", () =>
    withGateway(async ({ limit, post }) => {
      await limit({ amountNanoUsd: 1_000_000_000 });
      const first = provider.requests.length;
      provider.script(greedy);
      const without = await post("/openai/v1/responses", ask());
      const lowered = without.headers.get("x-meshagent-max-output-tokens");
      assert.equal(
        provider.requests[first]?.body.toString(),
        `{"max_output_tokens":${lowered},${JSON.stringify(ask()).slice(1)}`,
      );
      const small = await post("/openai/v1/responses", ask({ max_output_tokens: 50 }));
      assert.equal(small.headers.get("x-meshagent-max-output-tokens"), null);
      assert.equal(
        provider.requests[first + 1]?.body.toString(),
        JSON.stringify(ask({ max_output_tokens: 50 })),
      );
    }));

  it("with little left still gives a short answer, at once", () =>
    withGateway(async ({ limit, post, spent }) => {
      // $0.15: 4,096 x $30 / 1M = $0.123 fits, 16,384 do not, and no waiting would make room for them.
      await limit({ amountNanoUsd: 150_000_000 });
      provider.script(greedy);
      const response = await post("/openai/v1/responses", ask({ max_output_tokens: 16_384 }));
      assert.equal(response.status, 200);
      const lowered = Number(response.headers.get("x-meshagent-max-output-tokens"));
      assert.ok(lowered >= 1_024 && lowered <= 4_096, String(lowered));
      assert.ok((await spent("b")) <= 150_000_000);
    }));

  it("that allows no edit refuses what does not fit whole, and says how much it could cost", () =>
    withGateway(async ({ limit, post }) => {
      await limit({ amountNanoUsd: 1_000_000_000, mode: "hard-no-edit" });
      const requests = provider.requests.length;
      const response = await post("/openai/v1/responses", ask({ max_output_tokens: 100_000 }));
      assert.equal(response.status, 402);
      assert.equal(response.headers.get("x-should-retry"), "false");
      // 100,000 x $30 / 1M = $3, and a little input.
      assert.match(
        await messageOf(response),
        /^The budget of \$1 in all of the project has \$1 left, and this request could cost up to \$3\.00/,
      );
      assert.equal(provider.requests.length, requests, "nothing was sent");
      assert.equal((await post("/openai/v1/responses", ask({ max_output_tokens: 10 }))).status, 200);
    }));

  it("that is spent says its amount and when it begins anew, in each dialect", () =>
    withGateway(async ({ limit, post, spent }) => {
      await limit({ amountNanoUsd: 200_000_000, period: "month", scope: { ...everything, room: "my-room" } });
      provider.script(greedy);
      // 4 x 1,600 x 30,000 = 192,000,000, and a fifth does not fit.
      while ((await post("/openai/v1/responses", ask({ max_output_tokens: 1_600 }))).status === 200);
      assert.ok((await spent("b")) > 190_000_000);
      const openai = await post("/openai/v1/responses", ask({ max_output_tokens: 1_600 }));
      assert.equal(openai.status, 402);
      const error = ((await openai.json()) as { error: Record<string, string> }).error;
      assert.deepEqual([error["type"], error["code"]], ["billing_error", "budget_exceeded"]);
      assert.match(
        error["message"] ?? "",
        /budget of \$0\.20 a month for room "my-room".*It begins anew at 20\d\d-\d\d-01T00:00Z/,
      );
      const anthropic = await post("/anthropic/v1/messages", {
        model: "claude-opus-4-6",
        max_tokens: 8_000,
        messages: [{ role: "user", content: "x".repeat(200_000) }],
      });
      assert.equal(anthropic.status, 402);
      assert.equal(((await anthropic.json()) as { error: { type: string } }).error.type, "billing_error");
    }));

  it("refuses by name what has no bound, and blocks nothing that is not billed", () =>
    withGateway(async ({ limit, post, gateway, token }) => {
      await limit({ amountNanoUsd: 100_000_000_000 });
      const refusals: readonly (readonly [string, object, RegExp])[] = [
        [
          "/openai/v1/responses",
          ask({ tools: [{ type: "web_search" }] }),
          /the hosted tool `web_search` and no `max_tool_calls`/,
        ],
        [
          "/openai/v1/responses",
          ask({ tools: [{ type: "code_interpreter" }], max_tool_calls: 3 }),
          /`code_interpreter`/,
        ],
        [
          "/openai/v1/responses",
          ask({ model: "gpt-unheard-of", max_output_tokens: 5 }),
          /"openai\/gpt-unheard-of", which has no price here/,
        ],
        [
          "/openai/v1/chat/completions",
          { model: "gpt-4o", messages: [], web_search_options: {} },
          /`web_search_options`/,
        ],
        [
          "/anthropic/v1/messages",
          { model: "claude-opus-4-6", max_tokens: 9, messages: [], mcp_servers: [{}] },
          /`mcp_servers`/,
        ],
        [
          "/openai/v1/images/generations",
          { model: "gpt-image-2", prompt: "x" },
          /a request to images\.generations/,
        ],
      ];
      for (const [path, body, what] of refusals) {
        const response = await post(path, body);
        assert.equal(response.status, 402, path);
        assert.match(await messageOf(response), what);
      }
      await limit({ amountNanoUsd: 1 });
      const count = await post("/anthropic/v1/messages/count_tokens", {
        model: "claude-opus-4-6",
        messages: [{ role: "user", content: "hello" }],
      });
      assert.equal(count.status, 200);
      const models = await fetch(`${gateway.openaiUrl}/models`, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.equal(models.status, 200);
    }));

  it("charges in full what was sent and never told, and nothing that was refused by the provider", () =>
    withGateway(async ({ limit, post, spent }) => {
      await limit({ amountNanoUsd: 1_000_000_000 });
      provider.script(() => rawJson(500, '{"error":{"message":"no"}}'));
      assert.equal((await post("/openai/v1/responses", ask({ max_output_tokens: 1_000 }))).status, 500);
      assert.equal(await spent("b"), 0);
      provider.script(() => ({
        pieces: [
          rawHead(200, [
            ["content-type", "application/json"],
            ["content-length", "9"],
          ]),
          "{",
        ],
        end: "reset",
      }));
      await assert.rejects((await post("/openai/v1/responses", ask({ max_output_tokens: 1_000 }))).text());
      const charged = await spent("b");
      // 1,000 x 30,000 for the output, and the bound of the input.
      assert.ok(charged >= 30_000_000 && charged < 40_000_000, String(charged));
    }));

  it("waits for money that runs, first come first served, and is refused with a time to come back", () =>
    withGateway(
      async ({ limit, post, spent, gateway }) => {
        await limit({ amountNanoUsd: 200_000_000, mode: "hard-no-edit" });
        const gate = Promise.withResolvers<void>();
        const order: string[] = [];
        provider.script((request) => {
          const body = JSON.parse(request.body.toString()) as { input: string };
          order.push(body.input);
          return body.input === "first" ? gated(greedy(request), gate.promise) : greedy(request);
        });
        const seen = provider.requests.length;
        // 5,000 x 30,000 = $0.15 of $0.20. The second ($0.042 and its input) does not fit beside it, and does after
        // it; the third would fit at once, and is not let past the second.
        const first = post("/openai/v1/responses", ask({ input: "first", max_output_tokens: 5_000 }));
        await provider.untilRequests(seen + 1);
        const second = post("/openai/v1/responses", ask({ input: "second", max_output_tokens: 1_400 }));
        await gateway.untilWaiting(1);
        const third = post("/openai/v1/responses", ask({ input: "third", max_output_tokens: 20 }));
        await gateway.untilWaiting(2);
        gate.resolve();
        assert.deepEqual(
          [(await first).status, (await second).status, (await third).status],
          [200, 200, 200],
        );
        assert.deepEqual(order, ["first", "second", "third"]);
        assert.ok((await spent("b")) <= 200_000_000);
      },
      { config: { holdWaitMs: 5_000 } },
    ));

  it("held to the end of the wait answers 429 with `retry-after`", () =>
    withGateway(
      async ({ limit, post }) => {
        await limit({ amountNanoUsd: 200_000_000, mode: "hard-no-edit" });
        const gate = Promise.withResolvers<void>();
        provider.script((request) => gated(greedy(request), gate.promise));
        const seen = provider.requests.length;
        const first = post("/openai/v1/responses", ask({ max_output_tokens: 5_000 }));
        await provider.untilRequests(seen + 1);
        const refused = await post("/openai/v1/responses", ask({ max_output_tokens: 5_000 }));
        assert.equal(refused.status, 429);
        assert.equal(refused.headers.get("retry-after"), "2");
        assert.match(await messageOf(refused), /is not spent, but running requests hold what is left/);
        gate.resolve();
        assert.equal((await first).status, 200);
      },
      { config: { holdWaitMs: 60 } },
    ));

  it("gives back what the input did not take as soon as the provider tells it", () =>
    withGateway(async ({ limit, post, gateway }) => {
      await limit({ amountNanoUsd: 2_000_000_000, mode: "hard-no-edit" });
      const gate = Promise.withResolvers<void>();
      const event = (type: string, rest: object): Uint8Array =>
        rawChunk(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
      provider.script(() => ({
        pieces: [
          rawHead(200, [
            ["content-type", "text/event-stream"],
            ["transfer-encoding", "chunked"],
          ]),
          event("message_start", {
            message: {
              id: "msg_1",
              model: "claude-opus-4-6",
              usage: { input_tokens: 1_000, output_tokens: 1 },
            },
          }),
          { until: gate.promise },
          event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 10 } }),
          event("message_stop", {}),
          rawLastChunk(),
        ],
        end: "keep",
      }));
      const response = await post("/anthropic/v1/messages", {
        model: "claude-opus-4-6",
        max_tokens: 1_000,
        stream: true,
        messages: [{ role: "user", content: "x".repeat(100_000) }],
      });
      const reader = response.body?.getReader();
      await reader?.read();
      // 1,000 x $5 of input, and 1,000 x $27.5 of output that may still come: 5,000,000 + 27,500,000, and 1 for rounding.
      const held = async (): Promise<number> =>
        (await gateway.gateway.store.limits.budgetAccounts("b"))[0]?.heldNanoUsd ?? -1;
      await until(async () => (await held()) === 32_500_001);
      gate.resolve();
      while ((await reader?.read())?.done === false);
      // 1,000 x $5 + 10 x $25 = 5,000,000 + 250,000.
      await until(async () => (await held()) === 0);
      assert.equal((await gateway.gateway.store.limits.budgetAccounts("b"))[0]?.spentNanoUsd, 5_250_000);
    }));

  it("begins with what its period has cost before it was set", () =>
    withGateway(async ({ limit, post, spent }) => {
      provider.script(greedy);
      const before_ = await post("/openai/v1/responses", ask({ max_output_tokens: 1_000 }));
      await before_.arrayBuffer();
      const cost = costOf({ input: JSON.stringify(ask({ max_output_tokens: 1_000 })).length, output: 1_000 });
      await limit({ amountNanoUsd: 1_000_000_000, period: "day" });
      assert.equal((await post("/openai/v1/responses", ask({ max_output_tokens: 10 }))).status, 200);
      const second = costOf({ input: JSON.stringify(ask({ max_output_tokens: 10 })).length, output: 10 });
      assert.equal(await spent("b"), cost + second);
    }));

  it("of each participant separately leaves the others alone, and a soft one refuses nobody", () =>
    withGateway(async ({ limit, post, gateway }) => {
      await limit({
        amountNanoUsd: 50_000_000,
        scope: { ...everything, participant: "*" },
        mode: "hard-no-edit",
      });
      await limit({ id: "soft", amountNanoUsd: 1, mode: "soft" });
      provider.script(greedy);
      const [a, b] = [await gateway.token({ identity: "a" }), await gateway.token({ identity: "b" })];
      const one = ask({ max_output_tokens: 1_000 });
      assert.deepEqual(
        [
          (await post("/openai/v1/responses", one, a)).status,
          (await post("/openai/v1/responses", one, a)).status,
          (await post("/openai/v1/responses", one, b)).status,
        ],
        [200, 402, 200],
      );
    }));
});

describe("a way around a hard budget", () => {
  const postRaw = (bed: Bed, path: string, body: string): Promise<Response> =>
    fetch(`${bed.gateway.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${bed.token}`, "content-type": "application/json" },
      body,
    });

  it("is no member given twice, at any depth, nor a prompt that is stored elsewhere", () =>
    withGateway(async (bed) => {
      await bed.limit({ amountNanoUsd: 100_000_000_000 });
      const seen = provider.requests.length;
      for (const rest of [
        '"n":1,"n":100',
        '"tools":[{"type":"web_search","type":"function"}]',
        '"metadata":{"a":1,"b":{"c":1,"c":2}}',
      ]) {
        const reply = await postRaw(
          bed,
          "/openai/v1/chat/completions",
          `{"model":"gpt-4o","messages":[],${rest}}`,
        );
        assert.equal(reply.status, 402, rest);
        assert.match(await messageOf(reply), /a body that gives a member twice/);
      }
      const stored = await bed.post("/openai/v1/responses", ask({ prompt: { id: "pmpt_1" } }));
      assert.match(await messageOf(stored), /`prompt`/);
      assert.equal(provider.requests.length, seen, "nothing was sent");
      // Colons and quotes inside of texts are no members.
      const plain =
        '{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"\\"a\\":1,\\\\"}]}';
      provider.script(() => rawJson(500, "{}"));
      assert.equal((await postRaw(bed, "/openai/v1/chat/completions", plain)).status, 500);
    }));

  it("is no second limit: both go up lowered", () =>
    withGateway(async (bed) => {
      await bed.limit({});
      const seen = provider.requests.length;
      provider.script(() => rawJson(500, "{}"));
      const body = { model: "gpt-4o", max_tokens: 100_000, max_completion_tokens: 10, messages: [] };
      assert.equal((await bed.post("/openai/v1/chat/completions", body)).status, 500);
      const sent = JSON.parse(provider.requests[seen]?.body.toString() ?? "") as Record<string, number>;
      assert.equal(sent["max_tokens"], sent["max_completion_tokens"]);
      assert.ok((sent["max_tokens"] ?? 0) < 100_000);
    }));

  it("is no limit beyond all numbers", () =>
    withGateway(async (bed) => {
      await bed.limit({ mode: "hard-no-edit" });
      const reply = await bed.post(
        "/openai/v1/responses",
        ask({ max_output_tokens: Number.MAX_SAFE_INTEGER }),
      );
      assert.equal(reply.status, 402);
    }));

  it("is no reply that tells nothing: it is charged in full", () =>
    withGateway(async (bed) => {
      await bed.limit({});
      provider.script(() => rawJson(200, "{}"));
      assert.equal((await bed.post("/openai/v1/responses", ask({ max_output_tokens: 1_000 }))).status, 200);
      // 1,000 x 30,000 for the output, and the bound of the input.
      assert.ok((await bed.spent("b")) >= 30_000_000);
    }));
});

describe("a store that cannot reserve", () => {
  it("lets nothing out, and says whose business it is", () =>
    withGateway(async (bed) => {
      await bed.limit({});
      const seen = provider.requests.length;
      const { limits } = bed.gateway.gateway.store;
      const reserve = limits.reserve.bind(limits);
      limits.reserve = () => Promise.reject(new Error("database or disk is full"));
      const refused = await bed.post("/openai/v1/responses", ask({ max_output_tokens: 10 }));
      assert.equal(refused.status, 503);
      assert.doesNotMatch(await messageOf(refused), /disk/);
      assert.equal(provider.requests.length, seen);
      limits.reserve = reserve;
      assert.equal((await bed.post("/openai/v1/responses", ask({ max_output_tokens: 10 }))).status, 200);
    }));
});

describe("who waits for money", () => {
  /** One request holds nearly all until `gate`; then `run` with a second one that waits. */
  async function withWaiting(
    run: (bed: Bed, waiting: Promise<Response>, abort: AbortController) => Promise<void>,
  ): Promise<void> {
    const gate = Promise.withResolvers<void>();
    await withGateway(
      async (bed) => {
        await bed.limit({ amountNanoUsd: 200_000_000, mode: "hard-no-edit" });
        provider.script((request) => gated(greedy(request), gate.promise));
        const seen = provider.requests.length;
        const first = bed.post("/openai/v1/responses", ask({ max_output_tokens: 5_000 }));
        first.catch(() => undefined);
        await provider.untilRequests(seen + 1);
        const abort = new AbortController();
        const waiting = fetch(`${bed.gateway.url}/openai/v1/responses`, {
          method: "POST",
          headers: { authorization: `Bearer ${bed.token}`, "content-type": "application/json" },
          body: JSON.stringify(ask({ max_output_tokens: 5_000 })),
          signal: abort.signal,
        });
        waiting.catch(() => undefined);
        await bed.gateway.untilWaiting(1);
        try {
          await run(bed, waiting, abort);
        } finally {
          gate.resolve();
          await first.catch(() => undefined);
        }
      },
      { config: { holdWaitMs: 20_000 } },
    );
  }

  it("and leaves gives its place back, holds nothing and sends nothing", () =>
    withWaiting(async (bed, waiting, abort) => {
      const seen = provider.requests.length;
      abort.abort();
      await assert.rejects(waiting);
      await bed.gateway.untilWaiting(0);
      assert.equal(provider.requests.length, seen);
      const account = (await bed.gateway.gateway.store.limits.budgetAccounts("b"))[0];
      assert.ok((account?.heldNanoUsd ?? 0) < 160_000_000, "the first one's hold alone");
    }));
});

describe("a WebSocket under a hard budget", () => {
  it("is refused before the upgrade: so that clients use plain HTTP where they can, by name where they cannot", () =>
    withGateway(async ({ limit, gateway, token }) => {
      const upgrade = async (path: string): Promise<string> => {
        const caller = await connectRaw(gateway.url);
        caller.write(
          `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\nconnection: upgrade\r\nupgrade: websocket\r\n` +
            "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        );
        const reply = await caller.until((received) => received.includes("}}"));
        caller.socket.destroy();
        return reply;
      };
      await limit({ mode: "hard", scope: { ...everything, model: "openai/*" } });
      assert.match(await upgrade("/openai/v1/responses"), /^HTTP\/1\.1 426 /);
      const realtime = await upgrade("/openai/v1/realtime?model=gpt-realtime");
      assert.match(realtime, /^HTTP\/1\.1 402 /);
      assert.match(realtime, /budget_unboundable/);
    }));
});

describe("rates", () => {
  it("let in what a minute has room for, and say truly when there is more", () =>
    withGateway(async ({ limit, post }) => {
      await limit({ kind: "rate", id: "r", requestsPerMinute: 3 });
      const replies = await Promise.all(
        [1, 2, 3, 4].map(() => post("/openai/v1/responses", ask({ max_output_tokens: 10 }))),
      );
      assert.deepEqual(
        replies.map(({ status }) => status).toSorted((x, y) => x - y),
        [200, 200, 200, 429],
      );
      const refused = replies.find(({ status }) => status === 429);
      const retryAfter = Number(refused?.headers.get("retry-after"));
      assert.ok(retryAfter >= 59 && retryAfter <= 61, String(retryAfter));
    }));

  it("cap what runs at once, draining exchanges too", () =>
    withGateway(async ({ limit, post }) => {
      await limit({ kind: "rate", id: "r", maxConcurrency: 1 });
      const gate = Promise.withResolvers<void>();
      provider.script((request) => gated(greedy(request), gate.promise));
      const seen = provider.requests.length;
      const first = post("/openai/v1/responses", ask({ max_output_tokens: 10 }));
      await provider.untilRequests(seen + 1);
      assert.equal((await post("/openai/v1/responses", ask({ max_output_tokens: 10 }))).status, 429);
      gate.resolve();
      assert.equal((await first).status, 200);
      assert.equal((await post("/openai/v1/responses", ask({ max_output_tokens: 10 }))).status, 200);
    }));

  it("of each participant keep one that is greedy from starving the others", () =>
    withGateway(async ({ limit, post, gateway }) => {
      await limit({
        kind: "rate",
        id: "r",
        requestsPerMinute: 2,
        scope: { ...everything, participant: "*" },
      });
      const greedyToken = await gateway.token({ identity: "greedy" });
      const otherToken = await gateway.token({ identity: "other" });
      const many = await Promise.all(
        Array.from({ length: 20 }, () =>
          post("/openai/v1/responses", ask({ max_output_tokens: 1 }), greedyToken),
        ),
      );
      assert.equal(many.filter(({ status }) => status === 200).length, 2);
      assert.equal(
        (await post("/openai/v1/responses", ask({ max_output_tokens: 1 }), otherToken)).status,
        200,
      );
    }));
});
