import assert from "node:assert/strict";
import { test } from "node:test";
import type { Observation } from "../observation.ts";
import { sampleRouted } from "../sample-routed.ts";
import { ownsNothing } from "./relay-harness.ts";
import { forward } from "./forward.ts";
import type { ForwardDeps } from "./settings.ts";

test("a caller that left while its intent was written: nothing is sent, and the row says so", async () => {
  const routed = sampleRouted();
  routed.call.response.destroy();
  const rows: Observation[] = [];
  const deps = {
    clientFor: () => {
      throw new Error("Something was sent.");
    },
  } as unknown as ForwardDeps;
  await forward(deps, routed, {
    ownership: ownsNothing,
    onInput: null,
    settle: (observation) => {
      rows.push(observation);
      return Promise.resolve();
    },
  });
  assert.deepEqual(
    rows.map((row) => [row.ending, row.isCallerGone, row.attempts]),
    [["no_reply", true, 0]],
  );
});
