import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { comfortable, leastAfter, type LeastOutput, lessThan } from "./least-output.ts";

/** All that a request is content with one after the other. */
function everyLeast(): readonly LeastOutput[] {
  const all = [comfortable];
  for (let less = lessThan(comfortable); less !== null; less = lessThan(less)) all.push(less);
  return all;
}

describe("the least output of a request", () => {
  it("only ever gets smaller, for turns and for chats, and later", () => {
    const all = everyLeast();
    assert.ok(all.length > 1);
    for (const [index, { fromShareOfWait, tokens, chatTokens }] of all.entries()) {
      const before = all[index - 1];
      if (before === undefined) continue;
      assert.ok(tokens < before.tokens && chatTokens < before.chatTokens);
      assert.ok(fromShareOfWait > before.fromShareOfWait && fromShareOfWait < 1);
    }
  });

  it("is comfortable before the wait, and the smallest of all before it is over", () => {
    assert.equal(leastAfter(0, comfortable), comfortable);
    assert.equal(leastAfter(0.99, comfortable), everyLeast().at(-1));
  });

  it("never rises again for who was content with less before its time", () => {
    const smallest = everyLeast().at(-1);
    assert.ok(smallest !== undefined);
    assert.equal(leastAfter(0, smallest), smallest);
    assert.equal(lessThan(smallest), null);
  });

  it("leaves room for the smallest thinking, which stays below it (Anthropic: 1,024)", () => {
    for (const { tokens } of everyLeast()) assert.ok(tokens > 1_024);
  });
});
