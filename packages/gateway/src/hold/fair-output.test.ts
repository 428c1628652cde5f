import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fairOutput, hasPlenty, type Room } from "./fair-output.ts";

/** An agent's warm turn: $0.75 for its input, $25 for a million tokens out. */
function room({ free, unspent = free }: { readonly free: number; readonly unspent?: number }): Room {
  const inputNanoUsd = 750_000_000;
  return {
    freeNanoUsd: free * 1e9,
    unspentNanoUsd: unspent * 1e9,
    inputNanoUsd,
    tokensIn: (nanoUsd) => Math.floor((nanoUsd - inputNanoUsd) / 25_000),
  };
}

const turn = { isChat: false, isContent: false };
const chat = { isChat: true, isContent: false };

describe("the room for an answer", () => {
  it("is a sixth of what is free, less the input, where money is plenty", () => {
    // $60 / 6 - $0.75 = $9.25 at $25 a million.
    assert.equal(fairOutput(room({ free: 60 }), turn), 370_000);
  });

  it("is all of it where money is plenty for the whole, and only there", () => {
    const free = 60;
    for (const tokens of [1, 369_999, 370_000, 370_001, 400_000]) {
      const whole = 750_000_000 + tokens * 25_000;
      assert.equal(hasPlenty(free * 1e9, whole), fairOutput(room({ free }), turn) >= tokens, String(tokens));
    }
  });

  it("is a 32nd of what is unspent where a sixth of what is free holds less, as far as it is free", () => {
    // $16 / 32 = $0.50; a sixth of $6 would be $0.25 beside the input.
    assert.equal(fairOutput(room({ free: 6, unspent: 16 }), turn), 20_000);
    // $1.15 - $0.75 = $0.40.
    assert.equal(fairOutput(room({ free: 1.15, unspent: 16 }), turn), 16_000);
  });

  it("is what nearly all turns need where it is free, however little that is of the whole", () => {
    assert.equal(fairOutput(room({ free: 1.5 }), turn), 12_288);
    assert.equal(fairOutput(room({ free: 1.5 }), chat), 2_048);
  });

  it("is at least one worth having, and at last a short one: that is what it waits for", () => {
    for (const free of [0.77, 0.1, 0, -3]) {
      assert.equal(fairOutput(room({ free }), turn), 8_192, String(free));
      assert.equal(fairOutput(room({ free }), { ...turn, isContent: true }), 4_096);
      assert.equal(fairOutput(room({ free }), chat), 2_048);
      assert.equal(fairOutput(room({ free }), { ...chat, isContent: true }), 1_024);
    }
  });

  it("is more than the last where more is free", () => {
    // $0.90 - $0.75 = $0.15.
    assert.equal(fairOutput(room({ free: 0.9 }), { ...turn, isContent: true }), 6_000);
  });

  it("never falls when more is free or unspent", () => {
    for (const wanted of [turn, chat, { ...turn, isContent: true }]) {
      let before = 0;
      for (let free = 0; free < 40; free += 0.05) {
        const now = fairOutput(room({ free, unspent: free + 3 }), wanted);
        assert.ok(now >= before, `${now} at $${free}`);
        before = now;
      }
    }
  });
});
