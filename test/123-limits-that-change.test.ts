/**
 * Limits while requests run and wait: amounts that change, budgets that come and go, midnights, a gateway that stops,
 * and a ledger that cannot be written. What is billed is never lost, and who waits is answered by what is true now.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import {
  type Answer,
  billed,
  costOf,
  gated,
  greedyBooks,
  HandClock,
  type LimitedGateway,
  mostOf,
  startLimitedGateway,
  until,
  withLimits,
} from "./bed/limits.ts";
import type { TestGatewayOptions } from "./bed/test-gateway.ts";

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(() => provider.close());

/** $0.15 of output: of a budget of $0.20 nearly all. */
const large = { max_output_tokens: 5_000 };
const budget = { amountNanoUsd: 200_000_000, mode: "hard-no-edit" } as const;

interface Waiting {
  readonly gateway: LimitedGateway;
  readonly token: string;
  /** The request that holds nearly all, and does not end before `end` is called. */
  readonly running: Promise<Answer>;
  /** The one that waits for its money. */
  readonly waiting: Promise<Answer>;
  readonly end: () => void;
}

/** One request runs and another one waits for what it holds. */
async function withWaiting(
  limit: Parameters<LimitedGateway["limit"]>[0],
  run: (bed: Waiting) => Promise<void>,
  options: TestGatewayOptions = {},
): Promise<void> {
  const gate = Promise.withResolvers<void>();
  const wait = { provider, config: { holdWaitMs: 60_000, ...options.config } };
  await withLimits({ ...options, ...wait }, async (gateway) => {
    await gateway.limit(limit);
    provider.script((request) => gated(billed(mostOf(request)), gate.promise));
    const token = await gateway.token();
    const seen = provider.requests.length;
    const running = gateway.respond(token, large);
    running.catch(() => undefined);
    await provider.untilRequests(seen + 1);
    const waiting = gateway.respond(token, large);
    waiting.catch(() => undefined);
    await gateway.untilWaiting(1);
    try {
      await run({ gateway, token, running, waiting, end: () => gate.resolve() });
    } finally {
      gate.resolve();
      await Promise.allSettled([running, waiting]);
    }
  });
}

async function spentOf(gateway: LimitedGateway, id = "b"): Promise<number> {
  return (await gateway.accounts(id)).reduce((sum, account) => sum + account.spentNanoUsd, 0);
}

/** What one of these costs at a provider that bills the most. */
const largeCost = costOf({ input: 90, output: 5_000 });

describe("an amount that is changed", () => {
  it("to less than is spent and held: what runs is charged, and nothing is let in until there is room again", () =>
    withLimits({ provider, config: { holdWaitMs: 50 } }, async (gateway) => {
      await gateway.limit({ ...budget, amountNanoUsd: 500_000_000 });
      const token = await gateway.token();
      const { script, billedNanoUsd } = greedyBooks();
      const gate = Promise.withResolvers<void>();
      provider.script(script);
      assert.equal((await gateway.respond(token, large)).status, 200);
      provider.script((request) => gated(script(request), gate.promise));
      const seen = provider.requests.length;
      const running = gateway.respond(token, large);
      await provider.untilRequests(seen + 1);
      // $0.15 are spent and $0.156 are held.
      await gateway.limit({ ...budget, amountNanoUsd: 100_000_000 });
      const [account] = await gateway.accounts("b");
      assert.ok((account?.freeNanoUsd ?? 0) < -200_000_000);
      const refused = await gateway.respond(token, { max_output_tokens: 1 });
      assert.deepEqual([refused.status, refused.code], [402, "budget_exceeded"]);
      assert.match(refused.message, /^The budget of \$0\.10 in all of the project is spent \(\$0\.15/);
      gate.resolve();
      assert.equal((await running).status, 200);
      assert.equal(await spentOf(gateway), billedNanoUsd());
      await gateway.limit({ ...budget, amountNanoUsd: 310_000_000 });
      assert.equal((await gateway.respond(token, { max_output_tokens: 1 })).status, 200);
      assert.equal(await spentOf(gateway), billedNanoUsd());
      assert.ok(billedNanoUsd() <= 310_000_000);
    }));

  it("to more: who waits for room is let in, though nothing that runs has ended", () =>
    withWaiting(budget, async ({ gateway, waiting, running, end }) => {
      const seen = provider.requests.length;
      await gateway.limit({ ...budget, amountNanoUsd: 400_000_000 });
      await provider.untilRequests(seen + 1);
      await gateway.untilWaiting(0);
      end();
      assert.deepEqual([(await running).status, (await waiting).status], [200, 200]);
      assert.ok((await spentOf(gateway)) > 2 * 150_000_000);
    }));

  it("to less: who waits and can never fit any more is told so at once", () =>
    withWaiting(budget, async ({ gateway, waiting, running, end }) => {
      await gateway.limit({ ...budget, amountNanoUsd: 120_000_000 });
      const refused = await waiting;
      assert.deepEqual([refused.status, refused.code], [402, "budget_exceeded"]);
      assert.match(refused.message, /^The budget of \$0\.12 in all of the project has \$0\.12 left/);
      end();
      assert.equal((await running).status, 200);
    }));

  it("also in its mode: who waits under one that became soft is let in", () =>
    withWaiting(budget, async ({ gateway, waiting, end }) => {
      const seen = provider.requests.length;
      await gateway.limit({ ...budget, mode: "soft" });
      await provider.untilRequests(seen + 1);
      end();
      assert.equal((await waiting).status, 200);
      assert.ok((await spentOf(gateway)) > 200_000_000, "a soft one counts on");
    }));
});

describe("a budget that comes or goes while requests run", () => {
  it("removed: who waits for it is let in and counts nowhere; what ran is settled in silence", () =>
    withWaiting(budget, async ({ gateway, waiting, running, end }) => {
      const seen = provider.requests.length;
      assert.equal(await gateway.removeLimit("b"), true);
      await provider.untilRequests(seen + 1);
      end();
      assert.deepEqual([(await running).status, (await waiting).status], [200, 200]);
      const rows = await gateway.untilExchanges((all) => all.every(({ result }) => result !== null));
      assert.equal(rows.length, 2);
      assert.ok(rows.every(({ result }) => (result?.costNanoUsd ?? 0) > 150_000_000));
    }));

  it("made: it begins with what had ended before its first request; what ran before it is not in it", () =>
    withLimits({ provider }, async (gateway) => {
      const token = await gateway.token();
      const gate = Promise.withResolvers<void>();
      provider.script((request) => billed(mostOf(request)));
      assert.equal((await gateway.respond(token, large)).status, 200);
      const ended = (await gateway.exchanges())[0]?.result?.costNanoUsd ?? 0;
      provider.script((request) => gated(billed(mostOf(request)), gate.promise));
      const seen = provider.requests.length;
      const running = gateway.respond(token, large);
      await provider.untilRequests(seen + 1);
      await gateway.limit({ amountNanoUsd: 1_000_000_000, period: "day" });
      provider.script(() => billed({ input: 100, output: 0 }));
      assert.equal((await gateway.respond(token, large)).status, 200);
      gate.resolve();
      assert.equal((await running).status, 200);
      assert.equal(await spentOf(gateway), ended + 100 * 5_000);
    }));

  it("made while one waits for another: it holds in both", () =>
    withWaiting(budget, async ({ gateway, waiting, end }) => {
      await gateway.limit({ id: "late", amountNanoUsd: 1_000_000, mode: "hard-no-edit" });
      const refused = await waiting;
      assert.equal(refused.status, 402);
      assert.match(refused.message, /^The budget of \$0\.001 in all of the project has \$0\.001 left/);
      end();
    }));
});

describe("a wait that crosses the end of its period", () => {
  /** Zone, period, a moment just before its end, and the keys of the two periods. */
  const ends: readonly (readonly [string, "day" | "week" | "month", string, string, string])[] = [
    ["UTC", "day", "2026-11-25T23:59:59.900Z", "2026-11-25", "2026-11-26"],
    ["Asia/Kolkata", "month", "2026-11-30T18:29:59.900Z", "2026-11", "2026-12"],
    // The day on which clocks go back there has 25 hours, the one on which they go forward 23.
    ["America/New_York", "day", "2026-11-02T04:59:59.900Z", "2026-11-01", "2026-11-02"],
    ["Europe/Berlin", "day", "2026-03-29T21:59:59.900Z", "2026-03-29", "2026-03-30"],
    ["Pacific/Auckland", "week", "2026-04-05T11:59:59.900Z", "2026-03-30", "2026-04-06"],
  ];
  for (const [timeZone, period, before, oldKey, newKey] of ends) {
    it(`is let in by the new one at once, a ${period} of ${timeZone}; what ran before counts in the old one`, async () => {
      const clock = new HandClock(Date.parse(before));
      await withWaiting(
        { ...budget, period, timeZone },
        async ({ gateway, waiting, running, end }) => {
          const seen = provider.requests.length;
          clock.pass(100);
          await provider.untilRequests(seen + 1);
          const held = await gateway.accounts("b");
          assert.deepEqual(
            held.map(({ key }) => key.split("|")[1]),
            [oldKey, newKey],
          );
          for (const { heldNanoUsd } of held) assert.ok(heldNanoUsd > 150_000_000);
          end();
          assert.deepEqual([(await running).status, (await waiting).status], [200, 200]);
          for (const account of await gateway.accounts("b")) {
            assert.equal(account.heldNanoUsd, 0);
            assert.ok(Math.abs(account.spentNanoUsd - largeCost) < 100_000, account.key);
          }
        },
        { clock },
      );
    });
  }

  it("and no moment before it", async () => {
    const clock = new HandClock(Date.parse("2026-11-02T03:59:59.000Z"));
    await withWaiting(
      { ...budget, period: "day", timeZone: "America/New_York" },
      async ({ gateway, waiting, end }) => {
        // 24 hours after midnight there, and an hour before the next one: clocks went back.
        clock.pass(1_000);
        end();
        const refused = await waiting;
        assert.equal(refused.status, 402, "what ran before is spent in the same day");
        assert.match(refused.message, /It begins anew at 2026-11-02T05:00Z/);
        assert.equal((await gateway.accounts("b")).length, 1);
      },
      { clock },
    );
  });
});

describe("a token that is revoked", () => {
  it("while it waits for money gets none, and what runs ends", () =>
    withWaiting(budget, async ({ gateway, token, waiting, running, end }) => {
      const { jti } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
        jti: string;
      };
      const writes = gateway.gateway.store.directory.as(systemAuthor);
      await writes.createRevocation(gateway.projectId, { kind: "token", tokenId: jti });
      const refused = await waiting;
      assert.deepEqual([refused.status, refused.code], [401, "token_revoked"]);
      await gateway.untilWaiting(0);
      end();
      assert.equal((await running).status, 200);
    }));

  it("or ends by itself while it waits, likewise", async () => {
    const clock = new HandClock();
    const exp = Math.floor(clock.now() / 1_000) + 5;
    await withLimits({ provider, clock, config: { holdWaitMs: 60_000 } }, async (gateway) => {
      await gateway.limit(budget);
      const gate = Promise.withResolvers<void>();
      provider.script((request) => gated(billed(mostOf(request)), gate.promise));
      const seen = provider.requests.length;
      const running = gateway.respond(await gateway.token(), large);
      await provider.untilRequests(seen + 1);
      const waiting = gateway.respond(await gateway.token({ exp }), large);
      await gateway.untilWaiting(1);
      clock.pass(6_000);
      assert.equal((await waiting).code, "token_expired");
      gate.resolve();
      assert.equal((await running).status, 200);
    });
  });
});

describe("a gateway that stops", () => {
  it("refuses who waits at once, with a time to come back, and lets what runs end", () =>
    withWaiting(
      budget,
      async ({ gateway, waiting, running, end }) => {
        const stopped = gateway.stop();
        const refused = await waiting;
        assert.deepEqual([refused.status, refused.code], [503, "draining"]);
        assert.equal(refused.headers.get("retry-after"), "2");
        assert.match(refused.message, /restarting\. Send the request again/);
        end();
        assert.equal((await running).status, 200);
        await stopped;
      },
      { config: { shutdownTimeoutMs: 20_000 } },
    ));
});

describe("a ledger that cannot be written at the end", () => {
  it("leaves the hold as it is, says so in the log, and charges all of it when its process is gone", () =>
    withLimits({ provider, config: { holdWaitMs: 50 } }, async (gateway) => {
      await gateway.limit({ ...budget, amountNanoUsd: 40_000_000 });
      const { ledger } = gateway.gateway.store;
      ledger.recordResult = () => Promise.reject(new Error("database or disk is full"));
      provider.script(() => billed({ input: 10, output: 10 }));
      const token = await gateway.token();
      assert.equal((await gateway.respond(token, { max_output_tokens: 1_000 })).status, 200);
      await until(() => gateway.logs.some((line) => line.includes("result could not be written")));
      const [account] = await gateway.accounts("b");
      const held = account?.heldNanoUsd ?? 0;
      // 1,000 x $0.00003 and the input's bound: its bytes, 1,000 for a template.
      assert.ok(held > 35_000_000 && held < 36_000_000, String(held));
      assert.equal(account?.spentNanoUsd, 0);
      const refused = await gateway.respond(token, { max_output_tokens: 1_000 });
      assert.deepEqual([refused.status, refused.code], [429, "budget_held"]);
      await gateway.stop();
      const again = await startLimitedGateway({
        provider,
        dataDir: gateway.dataDir,
        masterKey: gateway.masterKey,
      });
      try {
        const [charged] = await again.accounts("b");
        assert.deepEqual([charged?.spentNanoUsd, charged?.heldNanoUsd], [held, 0]);
      } finally {
        await again.stop();
      }
    }));
});

describe("a request that is tried twice", () => {
  it("because nothing of it was written: it holds once, and what nobody took costs nothing", async () => {
    const gone = await startFakeProvider();
    await withLimits({ provider: gone }, async (gateway) => {
      await gateway.limit({ ...budget });
      await gateway.limit({ kind: "rate", requestsPerMinute: 1 });
      await gone.close();
      const { limits } = gateway.gateway.store;
      const reserve = limits.reserve.bind(limits);
      const reserved: string[] = [];
      limits.reserve = (request) => {
        reserved.push(request.intent.id);
        return reserve(request);
      };
      const token = await gateway.token();
      const failed = await gateway.respond(token, { max_output_tokens: 1_000 });
      assert.equal(failed.status, 502);
      const [row] = await gateway.exchanges();
      assert.equal(row?.result?.attempts, 2);
      assert.deepEqual(reserved, [row?.intent.id]);
      const [account] = await gateway.accounts("b");
      assert.deepEqual([account?.spentNanoUsd, account?.heldNanoUsd], [0, 0]);
      const next = await gateway.respond(token, { max_output_tokens: 1 });
      assert.equal(next.status, 429, "it was a request all the same");
    });
  });
});
