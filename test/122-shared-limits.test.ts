/**
 * Many under one limit: a participant that asks for all there is keeps nothing from the others, what drains still
 * counts, and a refusal says truly when there is room.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type FakeProvider, type RecordedRequest, startFakeProvider } from "./bed/fake-provider.ts";
import {
  type Answer,
  ask,
  billed,
  everything,
  gated,
  greedyBooks,
  HandClock,
  type LimitedGateway,
  mostOf,
  until,
  withLimits,
} from "./bed/limits.ts";
import { rawChunk, rawHead, rawLastChunk, type RawReply } from "./bed/raw-reply.ts";

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(() => provider.close());

const eachParticipant = { ...everything, participant: "*" };
const short = { max_output_tokens: 10 };

/** Asks over many connections without a pause until `isOver`; gives every status it got. */
async function flood(
  gateway: LimitedGateway,
  { token, connections, isOver }: { token: string; connections: number; isOver: () => boolean },
): Promise<readonly number[]> {
  const statuses: number[] = [];
  const lane = async (): Promise<void> => {
    while (!isOver()) statuses.push((await gateway.respond(token, short)).status);
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return statuses;
}

/** Five requests one after the other by each of three, beside a flood by another one. */
async function raceAgainstFlood(gateway: LimitedGateway): Promise<{
  readonly greedy: readonly number[];
  readonly others: readonly number[];
}> {
  let isOver = false;
  const greedy = flood(gateway, {
    token: await gateway.token({ identity: "greedy" }),
    connections: 24,
    isOver: () => isOver,
  });
  const modest = async (identity: string): Promise<readonly number[]> => {
    const token = await gateway.token({ identity });
    const statuses: number[] = [];
    for (let count = 0; count < 5; count++) statuses.push((await gateway.respond(token, short)).status);
    return statuses;
  };
  const others = (await Promise.all(["ann", "ben", "cem"].map(modest))).flat();
  isOver = true;
  return { greedy: await greedy, others };
}

describe("one greedy participant", () => {
  for (const [what, limit] of [
    ["requests a minute", { requestsPerMinute: 5 }],
    ["tokens a minute", { tokensPerMinute: 12_000 }],
    ["requests at once", { maxConcurrency: 1 }],
  ] as const) {
    it(`floods a room and keeps nothing from the others, by ${what} for each participant`, () =>
      withLimits({ provider }, async (gateway) => {
        provider.script((request) => billed(mostOf(request)));
        await gateway.limit({ kind: "rate", scope: eachParticipant, ...limit });
        const { greedy, others } = await raceAgainstFlood(gateway);
        assert.deepEqual(others, Array(15).fill(200));
        assert.ok(greedy.includes(429), "it was held back");
        assert.ok(greedy.includes(200), "and had its own share");
        assert.ok(greedy.every((status) => status === 200 || status === 429));
      }));
  }

  it("does not get a room's place back from who was told to come back for it", () =>
    withLimits({ provider }, async (gateway) => {
      await gateway.limit({ kind: "rate", scope: { ...everything, room: "*" }, maxConcurrency: 1 });
      const greedy = await gateway.token({ identity: "greedy" });
      const ann = await gateway.token({ identity: "ann" });
      const gates: PromiseWithResolvers<void>[] = [];
      provider.script((request) => {
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        return gated(billed(mostOf(request)), gate.promise);
      });
      const end = async (running: Promise<Answer>): Promise<void> => {
        gates.at(-1)?.resolve();
        assert.equal((await running).status, 200);
      };
      const begin = async (token: string): Promise<Promise<Answer>[]> => {
        const count = gates.length;
        const running = gateway.respond(token, short);
        await Promise.race([until(() => gates.length > count), running]);
        return gates.length > count ? [running] : [];
      };
      const [first] = await begin(greedy);
      assert.equal((await gateway.respond(ann, short)).status, 429);
      assert.equal((await gateway.respond(greedy, short)).status, 429);
      await end(first ?? assert.fail());
      assert.deepEqual(await begin(greedy), [], "the place is free, and ann's");
      const [hers] = await begin(ann);
      assert.equal((await gateway.respond(ann, short)).status, 429);
      await end(hers ?? assert.fail("she got it"));
      assert.deepEqual(await begin(ann), [], "now it is the other one's turn");
      const [again] = await begin(greedy);
      await end(again ?? assert.fail("it got it"));
    }));

  it("takes a whole minute of a room, and not the next one from who was told to wait for it", async () => {
    const clock = new HandClock();
    await withLimits({ provider, clock }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      await gateway.limit({ kind: "rate", scope: { ...everything, room: "*" }, requestsPerMinute: 3 });
      const greedy = await gateway.token({ identity: "greedy" });
      const [ann, ben] = [await gateway.token({ identity: "ann" }), await gateway.token({ identity: "ben" })];
      const many = (): Promise<readonly Answer[]> =>
        Promise.all(Array.from({ length: 10 }, () => gateway.respond(greedy, short)));
      const passed = (answers: readonly Answer[]): number =>
        answers.filter(({ status }) => status === 200).length;
      assert.equal(passed(await many()), 3);
      const told = [await gateway.respond(ann, short), await gateway.respond(ben, short)];
      assert.deepEqual(
        told.map(({ status }) => status),
        [429, 429],
      );
      clock.pass(Number(told[0]?.headers.get("retry-after")) * 1_000);
      assert.equal(passed(await many()), 1, "two of three are promised");
      assert.deepEqual(
        [(await gateway.respond(ann, short)).status, (await gateway.respond(ben, short)).status],
        [200, 200],
      );
      // What is not fetched in time is anybody's.
      assert.equal((await gateway.respond(ann, short)).status, 429);
      clock.pass(60_000 + 3_000);
      assert.equal(passed(await many()), 3);
    });
  });

  it("spends its own part of a room's budget, and the others have theirs", () =>
    withLimits({ provider }, async (gateway) => {
      const { script, billedNanoUsd } = greedyBooks();
      provider.script(script);
      await gateway.limit({ id: "room", amountNanoUsd: 400_000_000, scope: { ...everything, room: "*" } });
      await gateway.limit({ id: "each", amountNanoUsd: 40_000_000, scope: eachParticipant });
      const { greedy, others } = await raceAgainstFlood(gateway);
      assert.deepEqual(others, Array(15).fill(200));
      assert.ok(greedy.includes(402));
      const accounts = await gateway.accounts("each");
      const subjects = accounts.map(({ key }) => key.split("|")[2]);
      assert.deepEqual(subjects, ["ann", "ben", "cem", "greedy"]);
      for (const account of accounts) assert.ok(account.spentNanoUsd <= 40_000_000, account.key);
      assert.equal((await gateway.accounts("room"))[0]?.spentNanoUsd, billedNanoUsd());
    }));

  it("that waits with many for a room's money waits behind itself: who comes after it has the next turn", () =>
    withLimits({ provider, config: { holdWaitMs: 60_000 } }, async (gateway) => {
      // Each holds $0.24 of output and its input: one fits into $0.30.
      await gateway.limit({ amountNanoUsd: 300_000_000, mode: "hard-no-edit" });
      const order: string[] = [];
      const gates: PromiseWithResolvers<void>[] = [];
      provider.script((request) => {
        order.push((JSON.parse(request.body.toString()) as { input: string }).input);
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        return gated(billed({ input: 10, output: 10 }), gate.promise);
      });
      const greedy = await gateway.token({ identity: "greedy" });
      const other = await gateway.token({ identity: "other" });
      const large = (input: string): object => ({ input, max_output_tokens: 8_000 });
      const answers: Promise<Answer>[] = [gateway.respond(greedy, large("greedy 0"))];
      await until(() => order.length === 1);
      for (let count = 1; count <= 5; count++) {
        answers.push(gateway.respond(greedy, large(`greedy ${count}`)));
        await gateway.untilWaiting(count);
      }
      answers.push(gateway.respond(other, large("other 1")));
      await gateway.untilWaiting(6);
      answers.push(gateway.respond(other, large("other 2")));
      await gateway.untilWaiting(7);
      for (let count = 0; count < 8; count++) {
        await until(() => gates.length > count);
        gates[count]?.resolve();
      }
      assert.deepEqual(
        (await Promise.all(answers)).map(({ status }) => status),
        Array(8).fill(200),
      );
      assert.deepEqual(order, [
        "greedy 0",
        "greedy 1",
        "other 1",
        "greedy 2",
        "other 2",
        "greedy 3",
        "greedy 4",
        "greedy 5",
      ]);
    }));
});

describe("an exchange that drains", () => {
  /** A streamed reply that has begun, and ends when `gate` opens. */
  function streamed(request: RecordedRequest, gate: Promise<void>): RawReply {
    const { input, output } = mostOf(request);
    const event = (type: string, rest: object): Uint8Array =>
      rawChunk(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
    const response = { id: "resp_1", object: "response", model: "gpt-5.5", service_tier: "default" };
    const usage = {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      total_tokens: input + output,
    };
    return {
      pieces: [
        rawHead(200, [
          ["content-type", "text/event-stream"],
          ["transfer-encoding", "chunked"],
        ]),
        event("response.created", { response: { ...response, status: "in_progress" } }),
        { until: gate },
        event("response.completed", { response: { ...response, status: "completed", usage } }),
        rawLastChunk(),
      ],
      end: "keep",
    };
  }

  it("still counts: as one that runs, and with all that it holds, until the provider has ended it", () =>
    withLimits({ provider }, async (gateway) => {
      await gateway.limit({ amountNanoUsd: 1_000_000_000, mode: "hard-no-edit" });
      await gateway.limit({ kind: "rate", maxConcurrency: 1 });
      const gate = Promise.withResolvers<void>();
      provider.script((request) => streamed(request, gate.promise));
      const token = await gateway.token();
      const leaving = new AbortController();
      const begun = await gateway.post(
        "/openai/v1/responses",
        ask({ stream: true, max_output_tokens: 1_000 }),
        token,
        leaving.signal,
      );
      await begun.body?.getReader().read();
      leaving.abort();
      await gateway.untilDrains(1);
      const refused = await gateway.respond(token, short);
      assert.deepEqual([refused.status, refused.code], [429, "rate_limit_exceeded"]);
      const [held] = await gateway.accounts("b");
      assert.ok((held?.heldNanoUsd ?? 0) > 30_000_000, "the output is held in full");
      assert.equal(held?.spentNanoUsd, 0);
      gate.resolve();
      const [row] = await gateway.untilExchanges((rows) => rows.every(({ result }) => result !== null));
      assert.equal(row?.result?.usageSource, "drained");
      provider.script((request) => billed(mostOf(request)));
      assert.equal((await gateway.respond(token, short)).status, 200);
      const [settled] = await gateway.accounts("b");
      assert.equal(settled?.heldNanoUsd, 0);
      assert.ok((settled?.spentNanoUsd ?? 0) >= (row?.result?.costNanoUsd ?? Number.NaN));
    }));
});

describe("retry-after", () => {
  it("of several rates is that of the one that takes longest: exactly so long lets the next one in", async () => {
    const clock = new HandClock(Date.parse("2026-11-25T12:00:00Z"));
    await withLimits({ provider, clock }, async (gateway) => {
      provider.script(() => billed({ input: 100, output: 0 }));
      await gateway.limit({ kind: "rate", id: "few", requestsPerMinute: 3 });
      // A request holds at most 1,100 tokens of input and 10 of output, and uses 100.
      await gateway.limit({ kind: "rate", id: "large", inputTokensPerMinute: 1_350 });
      const token = await gateway.token();
      const asked = async (): Promise<Answer> => gateway.respond(token, short);
      assert.equal((await asked()).status, 200);
      clock.pass(10_000);
      assert.equal((await asked()).status, 200);
      clock.pass(20_000);
      assert.equal((await asked()).status, 200);
      // Requests: the first leaves the minute at 12:01:00. Input: 300 are used, and 1,100 more fit when 50 are free: then, too.
      const refused = await asked();
      assert.equal(refused.status, 429);
      const first = Number(refused.headers.get("retry-after"));
      clock.pass(first * 1_000 - 1_000);
      assert.equal((await asked()).status, 429, "not before");
      clock.pass(1_000);
      assert.equal((await asked()).status, 200);
      // Now one of them alone would let it in earlier than the other.
      await gateway.limit({ kind: "rate", id: "large", inputTokensPerMinute: 1_200 });
      const again = await asked();
      assert.equal(again.status, 429);
      assert.match(again.message, /^The limit of 1200 input tokens a minute of the project is reached/);
      const second = Number(again.headers.get("retry-after"));
      clock.pass(second * 1_000 - 1_000);
      assert.equal((await asked()).status, 429, "not before");
      clock.pass(1_000);
      assert.equal((await asked()).status, 200);
    });
  });

  it("is never more than a minute and a second, however much runs", async () => {
    const clock = new HandClock();
    await withLimits({ provider, clock }, async (gateway) => {
      const gate = Promise.withResolvers<void>();
      provider.script(() => gated(billed({ input: 5, output: 5 }), gate.promise));
      await gateway.limit({ kind: "rate", tokensPerMinute: 2_000 });
      const token = await gateway.token();
      // Larger than a minute's worth: it takes all of it.
      const seen = provider.requests.length;
      const running = gateway.respond(token, { max_output_tokens: 50_000 });
      await provider.untilRequests(seen + 1);
      const refused = await gateway.respond(token, short);
      assert.equal(refused.status, 429);
      const seconds = Number(refused.headers.get("retry-after"));
      assert.ok(seconds >= 60 && seconds <= 61, String(seconds));
      clock.pass(seconds * 1_000);
      gate.resolve();
      assert.equal((await running).status, 200);
      assert.equal((await gateway.respond(token, short)).status, 200);
    });
  });
});
