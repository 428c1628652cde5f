/** The step on a store that answers what the test says, in time that the test owns. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CallerGone } from "../caller-gone.ts";
import { GatewayError } from "../errors.ts";
import type { Held } from "../exchange.ts";
import { sampleBody, sampleCall, sampleRouted } from "../sample-routed.ts";
import type { BudgetState, HoldReply, HoldRequest, LimitAccount } from "../store/limits.ts";
import { hold } from "./hold.ts";
import { everything, holdBed, type HoldBed, sampleBudget, sampleRate, settled } from "./hold-harness.ts";

/** gpt-5.5 in the standard tier: $5 and $30 a million. */
const input = 5_000;
const output = 30_000;
const text = JSON.stringify({
  model: "gpt-5.5",
  input: "hello",
  service_tier: "default",
  max_output_tokens: 100_000,
});
/** Every byte and a template. */
const inputTokens = text.length + 1_000;

function routed(exchangeId = "ex_1", rest: Parameters<typeof sampleRouted>[0] = {}): Held {
  return sampleRouted({ body: sampleBody(text), ...rest, call: { exchangeId, ...rest.call } });
}

/** Nano-dollars of a request's budget share. */
function askedOf(request: HoldRequest | undefined): number {
  return request?.shares.find(({ account }) => account.kind === "budget")?.amount ?? Number.NaN;
}

/** Of $1 all is held. */
const nothingFree: BudgetState = {
  amountNanoUsd: 1e9,
  toleranceNanoUsd: 0,
  spentNanoUsd: 0,
  heldNanoUsd: 1e9,
  leasedNanoUsd: 0,
  freeNanoUsd: 0,
};

function refuse(
  reason: "spent" | "too_large" | "busy",
  which: LimitAccount["kind"] = "budget",
): (request: HoldRequest) => HoldReply {
  return ({ shares }) => {
    const account = shares.find((share) => share.account.kind === which)?.account;
    if (account === undefined) throw new Error("No such share.");
    const retryAfterMs = which === "rate" ? 7_500 : null;
    return { kind: "refused", account, reason, budget: nothingFree, retryAfterMs };
  };
}

async function codeOf(held: Promise<Held>): Promise<string> {
  try {
    await held;
  } catch (error) {
    return error instanceof GatewayError ? error.code : String(error);
  }
  return "held";
}

/** Follows a step that is under way. */
function follow(held: Promise<Held>): { code: string | null } {
  const followed: { code: string | null } = { code: null };
  void codeOf(held).then((code) => (followed.code = code));
  return followed;
}

describe("what is asked of the store", () => {
  test("nothing, where no limit covers the request or it bills nothing", async () => {
    const bed = holdBed(sampleBudget({ scope: { ...everything, room: "another" } }));
    assert.equal((await hold(bed.deps, routed())).hold, null);
    const counting = sampleRouted({
      dialect: "anthropic",
      endpoint: "messages.count_tokens",
      body: sampleBody("{}"),
    });
    bed.define(sampleBudget({ amountNanoUsd: 0 }));
    assert.equal((await hold(bed.deps, counting)).hold, null);
    assert.deepEqual(bed.reserved, []);
  });

  test("one share of every account at once: what runs, the rates, the money", async () => {
    const bed = holdBed(
      sampleBudget({ amountNanoUsd: 1e15, mode: "hard-no-edit" }),
      sampleRate({
        requestsPerMinute: 9,
        inputTokensPerMinute: 500,
        outputTokensPerMinute: 1e6,
        tokensPerMinute: 1e6,
        maxConcurrency: 2,
      }),
    );
    await hold(bed.deps, routed());
    assert.equal(bed.reserved.length, 1);
    const [request] = bed.reserved;
    assert.equal(request?.intent.id, "ex_1");
    assert.deepEqual(
      request.shares.map(({ account, amount }) => [account.key, amount]),
      [
        ["r|running|", 1],
        ["r|requests|", 1],
        ["r|input|", 500],
        ["r|output|", 100_000],
        ["r|tokens|", inputTokens + 100_000],
        ["b|total|", inputTokens * input + 100_000 * output],
      ],
    );
  });

  test("less output where a share of what is free has no room for all of it, and nothing less where no edit is allowed", async () => {
    const bed = holdBed(sampleBudget({ amountNanoUsd: 6e9 }));
    const { hold: taken } = await hold(bed.deps, routed());
    // A sixth of $6 is $1: at $30 a million 33,333 tokens, less the input.
    const tokens = Math.floor((1e9 - inputTokens * input) / output);
    assert.deepEqual(taken?.loweredOutput, {
      name: "max_output_tokens",
      alsoIn: [],
      tokens,
      thinkingTokens: null,
    });
    assert.equal(askedOf(bed.reserved[0]), inputTokens * input + tokens * output);
    bed.define(sampleBudget({ amountNanoUsd: 6e9, mode: "hard-no-edit" }));
    assert.equal((await hold(bed.deps, routed("ex_2"))).hold?.loweredOutput, null);
    assert.equal(askedOf(bed.reserved[1]), inputTokens * input + 100_000 * output);
  });

  test("by the budget that has least; a soft one counts and narrows nothing", async () => {
    const bed = holdBed(
      sampleBudget({ id: "wide", amountNanoUsd: 1e15 }),
      sampleBudget({ id: "narrow", amountNanoUsd: 6e9 }),
      sampleBudget({ id: "soft", amountNanoUsd: 1, mode: "soft" }),
    );
    await hold(bed.deps, routed());
    const amounts = bed.reserved[0]?.shares.map(({ amount }) => amount) ?? [];
    assert.equal(amounts.length, 3);
    assert.equal(new Set(amounts).size, 1, "a request costs the same in each");
    assert.ok((amounts[0] ?? 0) <= 1e9);
  });
});

describe("a request that does not fit", () => {
  test("is asked for with less and less, and then refused with the budget's name", async () => {
    const bed = holdBed(sampleBudget());
    bed.states.set("b|total|", nothingFree);
    bed.answer(refuse("too_large"));
    assert.equal(await codeOf(hold(bed.deps, routed())), "budget_exceeded");
    const outputs = bed.reserved.map((request) => (askedOf(request) - inputTokens * input) / output);
    assert.deepEqual(outputs, [2_048, 1_024]);
    assert.equal(bed.deps.lines.length, 0);
  });

  test("because the money is spent, or by a limit, is refused at once", async () => {
    const bed = holdBed(sampleBudget(), sampleRate({ requestsPerMinute: 1, maxConcurrency: 1 }));
    bed.answer(refuse("spent"));
    assert.equal(await codeOf(hold(bed.deps, routed())), "budget_exceeded");
    bed.answer(refuse("busy", "rate"));
    await assert.rejects(hold(bed.deps, routed()), { code: "rate_limit_exceeded", retryAfterS: 8 });
    bed.answer(refuse("busy", "concurrency"));
    await assert.rejects(hold(bed.deps, routed()), { code: "rate_limit_exceeded", retryAfterS: 1 });
    assert.equal(bed.reserved.length, 3);
  });

  test("into a store that cannot be written holds nothing", async () => {
    const bed = holdBed(sampleBudget());
    bed.answer(() => Promise.reject(new Error("disk full")));
    assert.equal(await codeOf(hold(bed.deps, routed())), "ledger_unavailable");
  });
});

test("limits that cannot be read let nothing pass, and are read again the next time", async () => {
  const bed = holdBed(sampleBudget());
  let isBroken = true;
  const { of } = bed.deps.definitions;
  const definitions = {
    ...bed.deps.definitions,
    of: (principal: Held["principal"]) =>
      isBroken ? Promise.reject(new Error("disk I/O error")) : of(principal),
  };
  const deps = { ...bed.deps, definitions };
  await assert.rejects(hold(deps, routed()), { code: "ledger_unavailable", retryAfterS: 5 });
  assert.deepEqual(bed.reserved, []);
  isBroken = false;
  assert.notEqual((await hold(deps, routed())).hold, null);
});

describe("a request that waits", () => {
  /** One that waits on a bed whose money is held. */
  async function waiting(bed: HoldBed, exchangeId = "ex_1"): Promise<{ code: string | null }> {
    bed.answer(refuse("busy"));
    const followed = follow(hold(bed.deps, routed(exchangeId)));
    await settled();
    assert.equal(followed.code, null);
    return followed;
  }

  test("looks again twice a second, and is refused when its time is over", async () => {
    const bed = holdBed(sampleBudget());
    const followed = await waiting(bed);
    assert.equal(bed.reserved.length, 1);
    await bed.time.pass(499);
    assert.equal(bed.reserved.length, 1);
    await bed.time.pass(1);
    assert.equal(bed.reserved.length, 2);
    for (let passed = 500; passed < 19_500; passed += 500) await bed.time.pass(500);
    assert.equal(followed.code, null);
    await bed.time.pass(500);
    assert.equal(followed.code, "budget_held");
    assert.deepEqual([bed.deps.lines.length, bed.time.pending], [0, 0]);
  });

  test("is let in as soon as one that runs has ended, and is content with less the longer it waits", async () => {
    const bed = holdBed(sampleBudget());
    const first = (await hold(bed.deps, routed("ex_0"))).hold;
    bed.states.set("b|total|", nothingFree);
    const followed = await waiting(bed);
    await bed.time.pass(15_000);
    const asked = bed.reserved.slice(1).map((request) => (askedOf(request) - inputTokens * input) / output);
    assert.deepEqual([asked[0], asked.at(-1)], [2_048, 1_024]);
    bed.answer(() => ({ kind: "held" }));
    first?.settled({ usage: [] } as never);
    await settled();
    assert.equal(followed.code, "held");
  });

  test("waits only where there is no room for less, when others took what it was to have", async () => {
    const bed = holdBed(sampleBudget());
    const busy = refuse("busy");
    bed.answer((request) => {
      bed.states.set("b|total|", nothingFree);
      return bed.reserved.length === 1 ? busy(request) : { kind: "held" };
    });
    // A sixth of $1 is there when it looks, and nothing when it asks.
    assert.equal(await codeOf(hold(bed.deps, routed())), "held");
    const outputs = bed.reserved.map((request) => (askedOf(request) - inputTokens * input) / output);
    assert.deepEqual(outputs, [Math.floor((1e9 / 6 - inputTokens * input) / output), 2_048]);
    assert.equal(bed.time.pending, 0);
  });

  test("lets nobody pass who came later, however little it asks for", async () => {
    const bed = holdBed(sampleBudget());
    const first = await waiting(bed, "ex_1");
    bed.answer(() => ({ kind: "held" }));
    const second = follow(hold(bed.deps, routed("ex_2")));
    await settled();
    assert.deepEqual([first.code, second.code], [null, null]);
    await bed.time.pass(500);
    assert.deepEqual([first.code, second.code], ["held", "held"]);
    assert.deepEqual(
      bed.reserved.slice(-2).map(({ intent }) => intent.id),
      ["ex_1", "ex_2"],
    );
  });

  test("and whose caller leaves holds nothing and gives its place back", async () => {
    const bed = holdBed(sampleBudget());
    bed.answer(refuse("busy"));
    const call = sampleCall({ exchangeId: "ex_1" });
    const held = hold(bed.deps, routed("ex_1", { call }));
    const gone = assert.rejects(held, CallerGone);
    await settled();
    call.response.destroy();
    await bed.time.pass(500);
    await gone;
    assert.equal(bed.deps.lines.length, 0);
  });

  test("is refused when its credential has ended", async () => {
    const bed = holdBed(sampleBudget());
    bed.answer(refuse("busy"));
    let hasEnded = false;
    const verify = async (): Promise<void> => {
      if (hasEnded) throw new GatewayError("token_revoked", "It was revoked.");
    };
    const followed = follow(hold({ ...bed.deps, verify }, routed()));
    await settled();
    await bed.time.pass(500);
    assert.equal(followed.code, null);
    hasEnded = true;
    bed.answer(() => ({ kind: "held" }));
    await bed.time.pass(500);
    assert.equal(followed.code, "token_revoked");
    assert.deepEqual([bed.deps.lines.length, bed.reserved.length], [0, 2]);
  });

  test("is refused at once when the gateway stops", async () => {
    const bed = holdBed(sampleBudget());
    const followed = await waiting(bed);
    bed.deps.lines.close();
    await settled();
    assert.equal(followed.code, "draining");
    assert.equal(await codeOf(hold(bed.deps, routed("ex_2"))), "draining", "nobody waits any more");
  });

  test("asks anew under limits that were changed, and passes where none is left", async () => {
    const bed = holdBed(sampleBudget());
    const followed = await waiting(bed);
    bed.define(sampleBudget({ id: "another", amountNanoUsd: 1e15, mode: "hard-no-edit" }));
    bed.answer(() => ({ kind: "held" }));
    await bed.time.pass(500);
    assert.equal(followed.code, "held");
    const last = bed.reserved.at(-1);
    assert.deepEqual(
      last?.shares.map(({ account }) => account.key),
      ["another|total|"],
    );
    assert.equal(askedOf(last), inputTokens * input + 100_000 * output, "and is not lowered any more");

    const free = await waiting(bed, "ex_2");
    const asked = bed.reserved.length;
    bed.define();
    await bed.time.pass(500);
    assert.equal(free.code, "held");
    assert.equal(bed.reserved.length, asked, "nothing is asked where nothing covers");
  });

  test("goes into the account of the new period when the old one ends", async () => {
    // 14 hours before midnight UTC.
    const bed = holdBed(sampleBudget({ period: "day" }));
    await bed.time.pass(14 * 3_600_000 - 250);
    const followed = await waiting(bed);
    bed.answer(({ shares }) =>
      shares[0]?.account.key === "b|2026-11-24|"
        ? { kind: "held" }
        : refuse("busy")({ shares } as HoldRequest),
    );
    await bed.time.pass(249);
    assert.equal(followed.code, null);
    await bed.time.pass(251);
    assert.equal(followed.code, "held");
  });
});
