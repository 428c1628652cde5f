/** Token counts: what the provider says or an error, never billed, and asked for once when many ask at once. */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { rawHead, rawJson, type RawPiece, type RawReply } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let provider: FakeProvider;
let gateway: TestGateway;
let token: string;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider });
  token = await gateway.token();
});
after(async () => {
  await gateway.close();
  await provider.close();
});
beforeEach(() => provider.script(null));

const endpoints = [
  [
    "/anthropic/v1/messages/count_tokens?beta=true",
    '{"model":"claude-opus-5-5","messages":[{"role":"user","content":"hi"}]}',
  ],
  ["/openai/v1/responses/input_tokens", '{"model":"gpt-5.5","input":"hi"}'],
] as const;

function ask(path: string, body: string, signal: AbortSignal | null = null): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return fetch(gateway.url + path, { method: "POST", headers, body, signal });
}

/** A reply that is held back until `open`. */
function held(reply: RawReply): { readonly open: () => void; readonly reply: RawReply } {
  const gate = Promise.withResolvers<void>();
  async function* pieces(): AsyncGenerator<RawPiece> {
    yield { until: gate.promise };
    yield* reply.pieces;
  }
  return { open: () => gate.resolve(), reply: { pieces: pieces(), end: reply.end } };
}

/** An exchange counts as running from the moment it is on its way to the provider. */
async function untilRunning(count: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    if (metrics.split("\n").includes(`meshagent_running_exchanges ${count}`)) return;
    if (Date.now() > deadline) throw new Error(`There were never ${count} exchanges running:\n${metrics}`);
  }
}

for (const [path, body] of endpoints) {
  describe(path, () => {
    for (const status of [200, 400]) {
      it(`thirteen at once reach the provider once, and each has its whole ${status} and its own row`, async () => {
        const text = status === 200 ? '{"input_tokens" : 4242}' : '{"error":{"message":"no"}}';
        const gated = held(rawJson(status, text, [["x-odd", "kept"]]));
        provider.script(() => gated.reply);
        const [sent, rows] = [provider.requests.length, (await gateway.exchanges()).length];
        const asked = Array.from({ length: 13 }, () => ask(path, body));
        await untilRunning(13);
        gated.open();
        const replies = await Promise.all(asked);
        const ids = new Set(replies.map((reply) => reply.headers.get("x-meshagent-exchange-id")));
        assert.equal(ids.size, 13);
        for (const reply of replies) {
          assert.deepEqual([reply.status, reply.headers.get("x-odd")], [status, "kept"]);
          assert.equal(await reply.text(), text);
        }
        assert.equal(provider.requests.length, sent + 1);
        assert.equal(provider.requests.at(-1)?.body.toString(), body);
        const own = (await gateway.exchanges()).slice(rows);
        assert.deepEqual(new Set(own.map((row) => row.intent.id)), ids);
        for (const { result } of own) {
          assert.equal(result?.outcome, status === 200 ? "not_metered" : "upstream_error");
          assert.deepEqual([result?.costNanoUsd, result?.usage], [0, []]);
        }
      });
    }

    it("another question goes by itself", async () => {
      const gates = [held(rawJson(200, '{"input_tokens":1}')), held(rawJson(200, '{"input_tokens":2}'))];
      const sent = provider.requests.length;
      provider.script((request) => gates[request.body.toString() === body ? 0 : 1]?.reply ?? null);
      const asked = [ask(path, body), ask(path, `${body} `)];
      await provider.untilRequests(sent + 2);
      for (const gate of gates) gate.open();
      const texts = await Promise.all(asked.map(async (each) => (await each).text()));
      assert.deepEqual(texts, ['{"input_tokens":1}', '{"input_tokens":2}']);
    });

    it("the first to ask leaves, and the others get their reply", async () => {
      const gated = held(rawJson(200, '{"input_tokens":7}'));
      provider.script(() => gated.reply);
      const sent = provider.requests.length;
      const leaving = new AbortController();
      const first = ask(path, body, leaving.signal);
      await provider.untilRequests(sent + 1);
      const others = [ask(path, body), ask(path, body)];
      await untilRunning(3);
      leaving.abort();
      await assert.rejects(first);
      gated.open();
      for (const other of others) assert.equal(await (await other).text(), '{"input_tokens":7}');
      assert.equal(provider.requests.length, sent + 1);
    });

    it("a provider that does not answer is an error, and no number", async () => {
      provider.script(() => ({
        pieces: [rawHead(200, [["content-length", "20"]]), '{"input_'],
        end: "reset",
      }));
      const reply = await ask(path, body);
      assert.equal(reply.status, 502);
      assert.doesNotMatch(await reply.text(), /input_tokens/);
    });
  });
}
