/** `retentionDays` on the whole path: single exchanges go by age, and every report says what it said before. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { FIRST_AFTER_MS } from "@meshagent/llm-proxy-gateway/retention";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import OpenAI from "openai";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

const dayMs = 24 * 3_600_000;

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(() => provider.close());

describe("retention", () => {
  it("deletes what is older soon after a start, keeps what is newer and every sum", async (context) => {
    let nowMs = Date.UTC(2026, 9, 1, 12, 30);
    const clock = { now: () => nowMs };
    const first = await startTestGateway({ provider, clock });
    const apiKey = await first.token();
    const call = (gateway: TestGateway, input: string): Promise<OpenAI.Responses.Response> =>
      new OpenAI({ baseURL: gateway.openaiUrl, apiKey, maxRetries: 0 }).responses.create({
        model: "gpt-5.5",
        input,
      });
    await call(first, "old");
    nowMs += 20 * dayMs;
    await call(first, "newer");
    const old = (await first.exchanges())[0]?.intent.id ?? "";
    const report = async ({ url, ownerToken, projectId }: TestGateway): Promise<unknown> => {
      const query = {
        project: projectId,
        by: ["day", "model", "participant"] as const,
        since: 0,
      };
      const { usage } = await createClient({ baseUrl: url, token: ownerToken }).getUsage(query);
      return usage;
    };
    const told = await report(first);
    await first.stop();

    nowMs += 11 * dayMs;
    const { dataDir, masterKey } = first;
    const config = { retentionDays: 30 };
    const wait = setTimeout;
    // Its first pass comes a minute after the start.
    context.mock.method(globalThis, "setTimeout", (run: () => void, ms?: number) =>
      wait(run, ms === FIRST_AFTER_MS ? 1 : ms),
    );
    const next = await startTestGateway({ provider, clock, dataDir, masterKey, config });
    try {
      const [left, ...more] = await next.untilExchanges((all) => all.length < 2);
      assert.deepEqual([left?.result?.usageSource, more], ["exact", []]);
      assert.notEqual(left?.intent.id, old);
      assert.deepEqual(await report(next), told);
      const client = createClient({ baseUrl: next.url, token: next.ownerToken });
      await assert.rejects(() => client.getExchange({ project: next.projectId, exchange: old }), {
        status: 404,
      });
    } finally {
      await next.close();
    }
  });
});
