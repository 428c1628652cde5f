import assert from "node:assert/strict";
import { test } from "node:test";
import type { UsageRecord } from "@meshagent/llm-proxy-protocol/usage";
import { BatchRecords, MAX_RECORDS } from "./merge-records.ts";

function record(index: number, changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    kind: "primary",
    model: "gpt-5.5",
    response_id: `resp_${index}`,
    service_tier: "batch",
    source: "batch_line",
    completeness: "complete",
    billed: true,
    raw: { input_tokens: 10 },
    input_tokens: 10,
    output_tokens: 2,
    cost_nano_usd: 55,
    cost_usd: "0.000000055",
    cost_status: "priced",
    price_version: "v1",
    lines: [
      { component: "input", quantity: 10, unit_price: "2.5", per: 1_000_000, amount: "0.000025" },
      { component: "output", quantity: 2, unit_price: "15", per: 1_000_000, amount: "0.00003" },
    ],
    ...changes,
  };
}

function recordsOf(records: readonly UsageRecord[]): readonly UsageRecord[] {
  const batch = new BatchRecords("batch_1");
  for (const each of records) batch.add(each);
  return batch.records();
}

test("a batch of a few lines keeps a record for each, as it was", () => {
  const few = Array.from({ length: MAX_RECORDS }, (_, index) => record(index));
  assert.deepEqual(recordsOf(few), few);
  assert.deepEqual(recordsOf([]), []);
});

test("of more lines, counts, costs and the lines of the charge are added up", () => {
  const count = MAX_RECORDS + 1;
  const [sum, ...more] = recordsOf(Array.from({ length: count }, (_, index) => record(index)));
  assert.deepEqual(more, []);
  assert.deepEqual(sum, {
    ...record(0),
    response_id: "batch_1",
    raw: null,
    // 201 x 10, 201 x 2, 201 x 55 nano-dollars.
    input_tokens: 2010,
    output_tokens: 402,
    cost_nano_usd: 11_055,
    cost_usd: "0.000011055",
    lines: [
      { component: "input", quantity: 2010, unit_price: "2.5", per: 1_000_000, amount: "0.005025" },
      { component: "output", quantity: 402, unit_price: "15", per: 1_000_000, amount: "0.00603" },
    ],
  });
});

test("what differs in model, in billing or in how well it is known stays apart", () => {
  const many = Array.from({ length: MAX_RECORDS }, (_, index) => record(index));
  const others = [
    record(900, { model: "gpt-5.4" }),
    record(901, { billed: false, cost_nano_usd: 0, cost_usd: "0.000000000" }),
    record(902, { completeness: "missing", cost_status: "unpriced", cost_nano_usd: null, cost_usd: null }),
    record(903, { completeness: "missing", cost_status: "unpriced", cost_nano_usd: null, cost_usd: null }),
  ];
  const merged = recordsOf([...many, ...others]);
  assert.deepEqual(
    merged.map(({ model, billed, completeness, cost_nano_usd }) => [
      model,
      billed,
      completeness,
      cost_nano_usd,
    ]),
    [
      ["gpt-5.5", true, "complete", 55 * MAX_RECORDS],
      ["gpt-5.4", true, "complete", 55],
      ["gpt-5.5", false, "complete", 0],
      ["gpt-5.5", true, "missing", null],
    ],
  );
});
