/**
 * A provider that counts more than a request could come to: what it bills is booked as it is, told in the log, and the
 * bound that was wrong is not believed again, after a restart neither.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import {
  billed,
  costOf,
  HandClock,
  type LimitedGateway,
  mostOf,
  startLimitedGateway,
  withLimits,
} from "./bed/limits.ts";
import { rawJson } from "./bed/raw-reply.ts";

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(() => provider.close());

/** gpt-5.5 (`providers/openai/model-limits.ts`): what its window takes, and the most that it writes. */
const window = 1_050_000;
const mostOutput = 128_000;
/** Above 272,000 tokens of input: $10 and $45 a million. */
const longCost = ({ input, output }: { readonly input: number; readonly output: number }): number =>
  input * 10_000 + output * 45_000;

const short = { max_output_tokens: 100 };

/** What is held for a request: of a reply that tells nothing all of it is charged. */
async function heldFor(gateway: LimitedGateway, token: string, rest: object): Promise<number> {
  const spent = async (): Promise<number> => (await gateway.accounts("b"))[0]?.spentNanoUsd ?? 0;
  const before_ = await spent();
  provider.script(() => rawJson(200, "{}"));
  const answer = await gateway.respond(token, rest);
  assert.equal(answer.status, 200, answer.message);
  return (await spent()) - before_;
}

function alarms({ logs }: LimitedGateway): readonly (readonly [unknown, unknown, unknown])[] {
  return logs
    .filter((line) => line.includes("a provider counted more than a bound allows"))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .map((line) => [line["bound"], line["counted_tokens"], line["model"]]);
}

describe("a provider that counts more input than there are bytes", () => {
  it("is booked as it bills, and from then on the model is held by its window, also after a restart", async () => {
    const clock = new HandClock(Date.parse("2026-11-25T12:00:00Z"));
    await withLimits({ provider, clock }, async (gateway) => {
      await gateway.limit({ amountNanoUsd: 1_000_000_000_000, mode: "hard-no-edit" });
      const token = await gateway.token();
      const before_ = await heldFor(gateway, token, short);
      // 1,000 for a template, 90 bytes or so, and 100 x $0.00003.
      assert.ok(before_ < 9_000_000, String(before_));
      provider.script(() => billed({ input: 5_000, output: 1 }));
      assert.equal((await gateway.respond(token, short)).status, 200);
      const [account] = await gateway.accounts("b");
      assert.equal(account?.spentNanoUsd, before_ + costOf({ input: 5_000, output: 1 }));
      assert.deepEqual(alarms(gateway), [["bytes", 5_000, "openai/gpt-5.5"]]);
      assert.ok(gateway.logs.some((line) => line.includes("an exchange cost more than its bound")));
      assert.equal(await heldFor(gateway, token, short), longCost({ input: window, output: 100 }));
      // Of another model nothing is known.
      assert.ok((await heldFor(gateway, token, { ...short, model: "gpt-5.4" })) < 10_000_000);
      await gateway.stop();
      const kept = { provider, clock, dataDir: gateway.dataDir, masterKey: gateway.masterKey };
      const again = await startLimitedGateway(kept);
      try {
        assert.equal(await heldFor(again, token, short), longCost({ input: window, output: 100 }));
        clock.pass(30 * 24 * 3_600_000 + 1);
        assert.equal(await heldFor(again, token, short), before_, "after a month it has another chance");
      } finally {
        await again.stop();
      }
    });
  });

  it("also where what it cost was within the hold: that was luck", () =>
    withLimits({ provider }, async (gateway) => {
      await gateway.limit({ amountNanoUsd: 1_000_000_000_000, mode: "hard-no-edit" });
      const token = await gateway.token();
      provider.script(() => billed({ input: 2_000, output: 0 }));
      // 2,000 x $0.000005 is less than the $0.30 that 10,000 tokens of output would cost.
      assert.equal((await gateway.respond(token, { max_output_tokens: 10_000 })).status, 200);
      assert.ok(!gateway.logs.some((line) => line.includes("an exchange cost more than its bound")));
      assert.deepEqual(alarms(gateway), [["bytes", 2_000, "openai/gpt-5.5"]]);
      assert.equal(await heldFor(gateway, token, short), longCost({ input: window, output: 100 }));
    }));

  it("is no reason to refuse where the window fits, and is refused by name where it does not", () =>
    withLimits({ provider }, async (gateway) => {
      await gateway.limit({ amountNanoUsd: 5_000_000_000 });
      const token = await gateway.token();
      provider.script(() => billed({ input: 5_000, output: 1 }));
      assert.equal((await gateway.respond(token, short)).status, 200);
      const refused = await gateway.respond(token, short);
      assert.equal(refused.status, 402);
      // 1,050,000 x $0.00001 = $10.50, and 100 tokens of output.
      assert.match(refused.message, /has \$4\.97\d* left, and this request could cost up to \$10\.50/);
    }));
});

describe("a provider that counts a known beginning for more than the last time", () => {
  it("is held by bytes again, and no more by what it once counted", () =>
    withLimits({ provider }, async (gateway) => {
      await gateway.limit({ amountNanoUsd: 1_000_000_000_000, mode: "hard-no-edit" });
      const token = await gateway.token();
      const turn = (text: string): object => ({ role: "user", content: text });
      const history = [turn("x".repeat(20_000))];
      const ask = (...more: readonly object[]): object => ({ ...short, input: [...history, ...more] });
      provider.script(() => billed({ input: 5_000, output: 1 }));
      assert.equal((await gateway.respond(token, ask())).status, 200);
      const warm = await heldFor(gateway, token, ask(turn("more")));
      // 5,000 were counted; 400 for a continuation and the new turn's bytes.
      assert.ok(warm < 5_600 * 5_000 + 3_000_000, String(warm));
      provider.script(() => billed({ input: 9_000, output: 1 }));
      assert.equal((await gateway.respond(token, ask(turn("more")))).status, 200);
      assert.deepEqual(alarms(gateway), [["prefix", 9_000, "openai/gpt-5.5"]]);
      const cold = await heldFor(gateway, token, ask(turn("more")));
      assert.ok(cold > 21_000 * 5_000 && cold < 23_000 * 5_000, String(cold));
    }));
});

describe("a provider that writes more than it was allowed to", () => {
  it("is held for all that the model can write, and no body is lowered in vain", () =>
    withLimits({ provider }, async (gateway) => {
      await gateway.limit({ amountNanoUsd: 20_000_000_000 });
      const token = await gateway.token();
      provider.script((request) => billed({ ...mostOf(request), output: 101 }));
      assert.equal((await gateway.respond(token, short)).status, 200);
      assert.deepEqual(alarms(gateway), [["output", 101, "openai/gpt-5.5"]]);
      const held = await heldFor(gateway, token, short);
      assert.ok(held > mostOutput * 30_000 && held < mostOutput * 30_000 + 10_000_000, String(held));
      const seen = provider.requests.length;
      assert.equal((await gateway.respond(token, { max_output_tokens: 100_000 })).status, 200);
      assert.equal(
        (JSON.parse(provider.requests[seen]?.body.toString() ?? "") as Record<string, number>)[
          "max_output_tokens"
        ],
        100_000,
      );
    }));
});
