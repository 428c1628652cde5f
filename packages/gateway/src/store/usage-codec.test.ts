import assert from "node:assert/strict";
import { test } from "node:test";
import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import { sampleRecord } from "./conformance/sample-exchanges.ts";
import { decodeUsage, encodeUsage } from "./usage-codec.ts";

/** A record with members that the type does not have. */
function withMembers(members: Record<string, unknown>): UsageRecord {
  return { ...sampleRecord({}), ...members };
}

const records: Readonly<Record<string, readonly UsageRecord[]>> = {
  "no record": [],
  "a usual record": [sampleRecord({})],
  "several records": [sampleRecord({}), sampleRecord({ kind: "svg", model: "" })],
  "nothing usual": [
    sampleRecord({
      kind: "advisor",
      completeness: "estimated",
      billed: false,
      cost_status: "unpriced",
      cost_nano_usd: null,
      cost_usd: null,
      lines: [],
      response_id: null,
      service_tier: null,
    }),
  ],
  "a cost text of another form": [sampleRecord({ cost_nano_usd: 5, cost_usd: "0.000000005000" })],
  "a cost text without a number": [sampleRecord({ cost_nano_usd: null, cost_usd: "1.5" })],
  "a number without a cost text": [sampleRecord({ cost_nano_usd: 5, cost_usd: null })],
  "costs at their ends": [0, 1, 999_999_999, 1_000_000_000, Number.MAX_SAFE_INTEGER].map((cost_nano_usd) =>
    sampleRecord({ cost_nano_usd, cost_usd: (BigInt(cost_nano_usd) / 10n ** 9n).toString() }),
  ),
  "counts of every kind": [
    sampleRecord({ input_audio_seconds: 1.25, web_search_requests: 3, speed: "fast" }),
  ],
  "unknown members": [withMembers({ x: 1, k: "short", "=": 2, "=k": [3], ir: null, __other: {} })],
  "a line with more to it": [
    withMembers({
      lines: [
        { component: "input", quantity: 1, unit_price: "2", per: 1, amount: "2", tier: "flex" },
        { component: "output", quantity: 0.5, unit_price: "2", per: 1, amount: "1" },
      ],
    }),
  ],
};

for (const [title, usage] of Object.entries(records)) {
  test(`usage is read as it was written: ${title}`, () => {
    const text = encodeUsage(usage);
    assert.deepEqual(decodeUsage(text), usage);
    assert.equal(encodeUsage(decodeUsage(text)).length, text.length);
  });
}

test("the stored form is what earlier versions wrote", () => {
  const usage = [
    sampleRecord({
      raw: { x: 1 },
      lines: [{ component: "input", quantity: 3, unit_price: "2", per: 4, amount: "6" }],
    }),
  ];
  assert.equal(
    encodeUsage(usage),
    '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard",' +
      '"s":"response.completed","n":4520000,"l":[["input",3,"2",4,"6"]],"v":"2026-11-20","w":{"x":1}}]',
  );
});

test("a usual record takes less than half of its JSON", () => {
  const usage = [sampleRecord({ raw: {} })];
  assert.ok(encodeUsage(usage).length * 2 < JSON.stringify(usage).length);
});
