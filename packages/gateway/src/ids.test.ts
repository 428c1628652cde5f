import assert from "node:assert/strict";
import { test } from "node:test";
import { newBootId, newExchangeId, newUuid } from "./ids.ts";

test("an exchange's id is `ex_` and 26 characters of Crockford's base 32", () => {
  assert.match(newExchangeId(Date.UTC(2026, 10, 23)), /^ex_[0-9a-hjkmnp-tv-z]{26}$/);
  assert.match(newBootId(0), /^boot_0000000000[0-9a-hjkmnp-tv-z]{16}$/);
});

test("ids sort by creation, over all 48 bits of time", () => {
  const times = [
    0,
    1,
    31,
    32,
    1023,
    2 ** 31,
    2 ** 32,
    Date.UTC(2026, 10, 23),
    Date.UTC(2026, 10, 23) + 1,
    2 ** 48 - 1,
  ];
  const ids = times.map(newExchangeId);
  assert.deepEqual(ids.toSorted(), ids);
  // 2^48 - 1 ms is 7ZZZZZZZZZ in the ULID specification.
  assert.equal(ids.at(-1)?.slice(3, 13), "7zzzzzzzzz");
});

test("no two are alike, and the random part uses every symbol", () => {
  const ids = Array.from({ length: 2000 }, () => newExchangeId(7));
  assert.equal(new Set(ids).size, 2000);
  // 32 000 draws of 32 symbols: one that never comes has a chance below 1e-400.
  assert.equal(new Set(ids.flatMap((id) => id.slice(13).split(""))).size, 32);
});

test("a uuid is of version 4", () => {
  assert.match(newUuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
