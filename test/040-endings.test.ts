/** How an exchange can end, and what its row says then: callers that leave, upstreams that are cut, refusals. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { connectRaw } from "./bed/raw-caller.ts";
import { rawChunk, rawHead, rawJson, rawLastChunk, type RawReply } from "./bed/raw-reply.ts";
import type { Config } from "@meshagent/llm-proxy-gateway/config/settings";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

const sse: [string, string][] = [
  ["content-type", "text/event-stream"],
  ["transfer-encoding", "chunked"],
];
const event = (type: string, rest: object): Uint8Array =>
  rawChunk(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
const created = event("response.created", { response: { id: "resp_1", model: "gpt-5.5", usage: null } });
const delta = event("response.output_text.delta", { delta: "some text" });
const usage = {
  input_tokens: 1000,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 100,
  total_tokens: 1100,
};
const completed = event("response.completed", {
  response: { id: "resp_1", model: "gpt-5.5", status: "completed", usage },
});
// gpt-5.5: 1000 x $5 / 1M + 100 x $30 / 1M = $0.005 + $0.003 = $0.008
const costNanoUsd = 8_000_000;

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(() => provider.close());

interface Opened {
  readonly gateway: TestGateway;
  readonly token: string;
}

async function withGateway(
  options: Parameters<typeof startTestGateway>[0],
  run: (opened: Opened) => Promise<void>,
): Promise<void> {
  const gateway = await startTestGateway({ provider, ...options });
  try {
    await run({ gateway, token: await gateway.token() });
  } finally {
    provider.script(null);
    await gateway.close();
  }
}

function request(token: string, body: object, path = "/openai/v1/responses"): string {
  const text = JSON.stringify(body);
  return `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

const ask = { model: "gpt-5.5", stream: true, input: "hi" };

describe("a caller that leaves", () => {
  it("after the terminal event, as Codex does, has finished", () =>
    withGateway({}, async ({ gateway, token }) => {
      provider.script(() => ({ pieces: [rawHead(200, sse), created, delta, completed], end: "hang" }));
      const caller = await connectRaw(gateway.url);
      caller.write(request(token, ask));
      await caller.until((text) => text.includes("response.completed"));
      caller.socket.destroy();
      // The row is durable before the caller has the event, so no waiting is needed.
      const [row] = await gateway.exchanges();
      assert.equal(row?.result?.outcome, "ok");
      assert.equal(row.result.usageSource, "exact");
      assert.equal(row.result.costNanoUsd, costNanoUsd);
    }));

  it("mid-stream: the reply is read to its end, exact", () =>
    withGateway({}, async ({ gateway, token }) => {
      const left = Promise.withResolvers<void>();
      provider.script(() => ({
        pieces: [
          rawHead(200, sse),
          created,
          delta,
          { until: left.promise },
          delta,
          completed,
          rawLastChunk(),
        ],
        end: "keep",
      }));
      const caller = await connectRaw(gateway.url);
      caller.write(request(token, ask));
      await caller.until((text) => text.includes("some text"));
      caller.socket.destroy();
      await gateway.untilDrains(1);
      left.resolve();
      const [row] = await gateway.untilExchanges(
        (rows) => rows.every((each) => each.result !== null) && rows.length === 1,
      );
      assert.equal(row?.result?.outcome, "client_closed");
      assert.equal(row.result.usageSource, "drained");
      assert.equal(row.result.costNanoUsd, costNanoUsd);
      assert.equal(row.result.usage[0]?.completeness, "complete");
    }));

  it("before the reply began: it is read all the same", () =>
    withGateway({}, async ({ gateway, token }) => {
      const left = Promise.withResolvers<void>();
      const json = JSON.stringify({ id: "resp_1", model: "gpt-5.5", status: "completed", output: [], usage });
      provider.script(() => ({
        pieces: [
          { until: left.promise },
          rawHead(200, [
            ["content-type", "application/json"],
            ["content-length", String(json.length)],
          ]),
          json,
        ],
        end: "keep",
      }));
      const seen = provider.requests.length;
      const caller = await connectRaw(gateway.url);
      caller.write(request(token, { ...ask, stream: false }));
      await provider.untilRequests(seen + 1);
      caller.socket.destroy();
      await gateway.untilDrains(1);
      left.resolve();
      const [row] = await gateway.untilExchanges((rows) => rows[0]?.result != null);
      assert.equal(row?.result?.usageSource, "drained");
      assert.equal(row.result.costNanoUsd, costNanoUsd);
    }));

  it("under the cancel policy: the upstream is ended and the row is an estimate", () =>
    withGateway({ config: { disconnectPolicy: "cancel" } }, async ({ gateway, token }) => {
      provider.script(() => ({ pieces: [rawHead(200, sse), created, delta], end: "hang" }));
      const caller = await connectRaw(gateway.url);
      caller.write(request(token, ask));
      await caller.until((text) => text.includes("some text"));
      caller.socket.destroy();
      const [row] = await gateway.untilExchanges((rows) => rows[0]?.result != null);
      assert.equal(row?.result?.outcome, "client_closed");
      assert.equal(row.result.usageSource, "estimated");
      assert.equal(row.result.usage[0]?.completeness, "estimated");
      assert.ok((row.result.usage[0].output_tokens ?? 0) > 0, "an estimate is never zero");
      assert.equal(provider.openConnections, 0);
    }));

  it("of a project that chose to cancel: so it is, from the next request on, also with a token that was used before", () =>
    withGateway({}, async ({ gateway, token }) => {
      const owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
      const leave = async (count: number, policy: "drain" | "cancel" | null): Promise<string | undefined> => {
        await owner.updateProjectSettings({ project: gateway.projectId, on_disconnect: policy });
        const left = Promise.withResolvers<void>();
        const pieces = [
          rawHead(200, sse),
          created,
          delta,
          { until: left.promise },
          completed,
          rawLastChunk(),
        ];
        provider.script(() => ({ pieces, end: "keep" }));
        const caller = await connectRaw(gateway.url);
        caller.write(request(token, ask));
        await caller.until((text) => text.includes("some text"));
        caller.socket.destroy();
        if (policy !== "cancel") await gateway.untilDrains(1);
        else await gateway.untilExchanges((rows) => rows.length === count && rows.at(-1)?.result !== null);
        left.resolve();
        const rows = await gateway.untilExchanges(
          (all) => all.length === count && all.at(-1)?.result != null,
        );
        return rows.at(-1)?.result?.usageSource;
      };
      assert.equal(await leave(1, null), "drained");
      assert.equal(await leave(2, "cancel"), "estimated");
      assert.equal(await leave(3, "drain"), "drained");
    }));

  it("when the drain takes too long, or is too large, or there are too many: an estimate", async () => {
    const limits: readonly Partial<Config>[] = [
      { drainMaxMs: 50 },
      { drainMaxBytes: 400 },
      { drainMaxConcurrent: 0 },
    ];
    for (const config of limits) {
      await withGateway({ config }, async ({ gateway, token }) => {
        const left = Promise.withResolvers<void>();
        provider.script(() => ({
          pieces: [
            rawHead(200, sse),
            created,
            delta,
            { until: left.promise },
            ...Array.from({ length: 50 }, () => [{ waitMs: 20 }, delta]).flat(),
          ],
          end: "hang",
        }));
        const caller = await connectRaw(gateway.url);
        caller.write(request(token, ask));
        await caller.until((text) => text.includes("some text"));
        caller.socket.destroy();
        if ("drainMaxBytes" in config) left.resolve();
        const [row] = await gateway.untilExchanges((rows) => rows[0]?.result != null);
        assert.equal(row?.result?.usageSource, "estimated", JSON.stringify(config));
      });
    }
  });

  it("of an Anthropic stream under the cancel policy keeps the input that is known", () =>
    withGateway({ config: { disconnectPolicy: "cancel" } }, async ({ gateway, token }) => {
      const start = event("message_start", {
        message: {
          id: "msg_1",
          type: "message",
          model: "claude-opus-5-5",
          content: [],
          usage: {
            input_tokens: 321,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: 0,
            output_tokens: 1,
          },
        },
      });
      provider.script(() => ({ pieces: [rawHead(200, sse), start], end: "hang" }));
      const caller = await connectRaw(gateway.url);
      caller.write(
        request(
          token,
          { model: "claude-opus-5-5", max_tokens: 100, stream: true, messages: [] },
          "/anthropic/v1/messages",
        ),
      );
      await caller.until((text) => text.includes("message_start"));
      caller.socket.destroy();
      const [row] = await gateway.untilExchanges((rows) => rows[0]?.result != null);
      assert.equal(row?.result?.usageSource, "estimated");
      assert.equal(row.result.usage[0]?.input_tokens, 321);
    }));
});

describe("an upstream that is cut", () => {
  const cuts: readonly RawReply["end"][] = ["close", "reset"];
  for (const end of cuts) {
    it(`(${end}) is passed on as a cut, and the row says that nothing is known`, () =>
      withGateway({}, async ({ gateway, token }) => {
        provider.script(() => ({ pieces: [rawHead(200, sse), created, delta], end }));
        const caller = await connectRaw(gateway.url);
        caller.write(request(token, ask));
        const reply = await caller.closed();
        assert.ok(!reply.endsWith("0\r\n\r\n"), "no clean end");
        const [row] = await gateway.untilExchanges((rows) => rows[0]?.result != null);
        assert.equal(row?.result?.outcome, "truncated");
        assert.equal(row.result.usage[0]?.completeness, "missing");
        assert.equal(row.result.costNanoUsd, null);
      }));
  }

  it("keeps what an Anthropic stream had told: input exact, output a lower bound", () =>
    withGateway({}, async ({ gateway, token }) => {
      const start = event("message_start", {
        message: {
          id: "msg_1",
          type: "message",
          model: "claude-opus-5-5",
          content: [],
          usage: {
            input_tokens: 1000,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: 0,
            output_tokens: 1,
            service_tier: "standard",
          },
        },
      });
      provider.script(() => ({ pieces: [rawHead(200, sse), start], end: "close" }));
      const caller = await connectRaw(gateway.url);
      caller.write(
        request(
          token,
          { model: "claude-opus-5-5", max_tokens: 100, stream: true, messages: [] },
          "/anthropic/v1/messages",
        ),
      );
      await caller.closed();
      const [row] = await gateway.untilExchanges((rows) => rows[0]?.result != null);
      assert.equal(row?.result?.usageSource, "partial");
      assert.equal(row.result.usage[0]?.input_tokens, 1000);
      assert.equal(row.result.usage[0].cost_status, "lower_bound");
    }));

  it("before it replied: 502 in the dialect's shape, and no price is made up", () =>
    withGateway({}, async ({ gateway, token }) => {
      provider.script(() => ({ pieces: [], end: "reset" }));
      const reply = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(ask),
      });
      assert.equal(reply.status, 502);
      const { error } = (await reply.json()) as { error: { code: string; message: string } };
      assert.equal(error.code, "upstream_unreachable");
      const [row] = await gateway.exchanges();
      assert.equal(row?.result?.outcome, "truncated");
      assert.equal(row.result.costNanoUsd, null);
      assert.equal(row.result.status, 502);
    }));

  it("nobody there at all: 502, tried twice, costs nothing", async () => {
    const gone = await startFakeProvider();
    const gateway = await startTestGateway({ provider: gone });
    await gone.close();
    const token = await gateway.token();
    const reply = await fetch(`${gateway.anthropicUrl}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": token },
      body: JSON.stringify({ model: "claude-opus-5-5", max_tokens: 1, messages: [] }),
    });
    assert.equal(reply.status, 502);
    assert.equal(((await reply.json()) as { error: { type: string } }).error.type, "api_error");
    const [row] = await gateway.exchanges();
    assert.equal(row?.result?.outcome, "upstream_error");
    assert.equal(row.result.attempts, 2);
    assert.equal(row.result.costNanoUsd, 0);
    await gateway.close();
  });

  it("silent inside the reply: the stream says why, at an event's boundary", () =>
    withGateway({ config: { idleTimeoutMs: 150 } }, async ({ gateway, token }) => {
      provider.script(() => ({ pieces: [rawHead(200, sse), created], end: "hang" }));
      const reply = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(ask),
      });
      const text = await reply.text();
      assert.match(text, /event: response\.failed\ndata: .*upstream_timeout/);
    }));

  it("no first byte in time: 504", () =>
    withGateway({ config: { firstByteTimeoutMs: 100 } }, async ({ gateway, token }) => {
      provider.script(() => ({ pieces: [], end: "hang" }));
      const reply = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify(ask),
      });
      assert.equal(reply.status, 504);
    }));
});

describe("what a row says of a reply that ended by itself", () => {
  const rows: Readonly<
    Record<string, { reply: () => RawReply; outcome: string; source: string; cost: number | null }>
  > = {
    "an incomplete response": {
      reply: () => ({
        pieces: [
          rawHead(200, sse),
          created,
          event("response.incomplete", {
            response: {
              id: "r",
              model: "gpt-5.5",
              status: "incomplete",
              incomplete_details: { reason: "max_output_tokens" },
              usage,
            },
          }),
          rawLastChunk(),
        ],
        end: "keep",
      }),
      outcome: "incomplete",
      source: "exact",
      cost: costNanoUsd,
    },
    "a failed response with usage": {
      reply: () => ({
        pieces: [
          rawHead(200, sse),
          created,
          event("response.failed", { response: { id: "r", model: "gpt-5.5", status: "failed", usage } }),
          rawLastChunk(),
        ],
        end: "keep",
      }),
      outcome: "failed",
      source: "exact",
      cost: costNanoUsd,
    },
    "a clean end without a terminal event": {
      reply: () => ({ pieces: [rawHead(200, sse), created, delta, rawLastChunk()], end: "keep" }),
      outcome: "truncated",
      source: "none",
      cost: null,
    },
    "an error event": {
      reply: () => ({
        pieces: [
          rawHead(200, sse),
          created,
          event("error", { code: "server_error", message: "x" }),
          rawLastChunk(),
        ],
        end: "keep",
      }),
      outcome: "stream_error",
      source: "none",
      cost: null,
    },
    "an error status": {
      reply: () => rawJson(500, '{"error":{}}'),
      outcome: "upstream_error",
      source: "none",
      cost: 0,
    },
    "a model that has no price": {
      reply: () => ({
        pieces: [
          rawHead(200, sse),
          event("response.completed", {
            response: { id: "r", model: "gpt-99-unheard", status: "completed", usage },
          }),
          rawLastChunk(),
        ],
        end: "keep",
      }),
      outcome: "ok",
      source: "exact",
      cost: null,
    },
    "a compressed stream": {
      reply: () => {
        const bytes = gzipSync(
          'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r","model":"gpt-5.5","status":"completed","usage":{"input_tokens":1000,"output_tokens":100}}}\n\n',
        );
        return {
          pieces: [rawHead(200, [...sse, ["content-encoding", "gzip"]]), rawChunk(bytes), rawLastChunk()],
          end: "keep",
        };
      },
      outcome: "ok",
      source: "exact",
      cost: costNanoUsd,
    },
  };
  for (const [name, { reply, outcome, source, cost }] of Object.entries(rows)) {
    it(name, () =>
      withGateway({}, async ({ gateway, token }) => {
        provider.script(reply);
        const answer = await fetch(`${gateway.openaiUrl}/responses`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: JSON.stringify(ask),
        });
        await answer.arrayBuffer();
        const [row] = await gateway.exchanges();
        assert.deepEqual(
          [row?.result?.outcome, row?.result?.usageSource, row?.result?.costNanoUsd],
          [outcome, source, cost],
        );
      }),
    );
  }
});
