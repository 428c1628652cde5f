import assert from "node:assert/strict";
import { test } from "node:test";
import { createDrainSlots } from "./drain-slots.ts";

test("gives as many as there are, and one more for each that comes back", () => {
  const slots = createDrainSlots(2);
  assert.deepEqual([slots.take(), slots.take(), slots.take(), slots.inUse], [true, true, false, 2]);
  slots.release();
  assert.equal(slots.inUse, 1);
  assert.deepEqual([slots.take(), slots.take()], [true, false]);
});

test("none is none", () => {
  assert.equal(createDrainSlots(0).take(), false);
});
