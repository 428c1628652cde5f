import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findStreamOrder } from "./upstream/replies.ts";
import { slowStreamBody, workloadNames, workloads } from "./workloads.ts";

describe("workloads", () => {
  it("are one of each name", () => {
    assert.deepEqual(
      workloads.map(({ name }) => name),
      workloadNames,
    );
  });

  it("W1 is about 1 KB, W2 about 400 KB, both JSON that names a model", () => {
    const sizes = workloads.flatMap((workload) => {
      if (workload.kind !== "requests") return [];
      const { model } = JSON.parse(workload.body) as { model: string };
      assert.equal(model, "gpt-5.5");
      return [Buffer.byteLength(workload.body)];
    });
    const [small = 0, large = 0] = sizes;
    assert.ok(small > 950 && small < 1050, String(small));
    assert.ok(large > 390_000 && large < 410_000, String(large));
  });

  it("a slow stream's body orders it, inside JSON", () => {
    const order = { events: 3, eventsPerSecond: 20, inputTokens: 7 };
    const body = slowStreamBody(order);
    assert.equal((JSON.parse(body) as { stream: boolean }).stream, true);
    assert.deepEqual(findStreamOrder(body), order);
  });
});
