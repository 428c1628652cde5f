import assert from "node:assert/strict";
import { test } from "node:test";
import { GatewayError } from "../errors.ts";
import { CallerGone } from "../caller-gone.ts";
import { createKeptBytes } from "./kept-bytes.ts";

const never = new AbortController().signal;

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof GatewayError && error.code === code;
}

test("room is taken, grown and given back once", async () => {
  const kept = createKeptBytes({ maxBytes: 100 });
  const one = await kept.reserve(60, never);
  const two = kept.reserveNone();
  two.grow(30);
  two.grow(10);
  assert.equal(kept.usedBytes, 100);
  one.release();
  one.release();
  assert.equal(kept.usedBytes, 40);
  two.release();
  assert.equal(kept.usedBytes, 0);
});

test("a body of unknown length is refused when there is no room, and keeps what it has", async () => {
  const kept = createKeptBytes({ maxBytes: 100 });
  const one = await kept.reserve(60, never);
  const two = kept.reserveNone();
  two.grow(40);
  assert.throws(
    () => two.grow(1),
    (error) => hasCode("overloaded")(error) && error instanceof GatewayError && (error.retryAfterS ?? 0) > 0,
  );
  assert.equal(kept.usedBytes, 100);
  one.release();
  two.grow(1);
  assert.equal(kept.usedBytes, 41);
});

test("bodies of known length wait in the order they came, a small one behind a large one too", async () => {
  const kept = createKeptBytes({ maxBytes: 100 });
  const first = await kept.reserve(90, never);
  const order: string[] = [];
  const large = kept.reserve(80, never).then((reservation) => (order.push("large"), reservation));
  const small = kept.reserve(5, never).then((reservation) => (order.push("small"), reservation));
  assert.equal(kept.usedBytes, 90);
  first.release();
  await Promise.all([large, small]);
  assert.deepEqual(order, ["large", "small"]);
  assert.equal(kept.usedBytes, 85);
});

test("who waits too long is refused, and lets those behind in", async () => {
  const kept = createKeptBytes({ maxBytes: 100, maxWaitMs: 20 });
  await kept.reserve(50, never);
  const large = kept.reserve(60, never);
  await assert.rejects(large, hasCode("overloaded"));
  await kept.reserve(50, never);
  assert.equal(kept.usedBytes, 100);
});

test("who leaves while waiting lets those behind in at once", async () => {
  const kept = createKeptBytes({ maxBytes: 100 });
  await kept.reserve(50, never);
  const leaving = new AbortController();
  const large = kept.reserve(60, leaving.signal);
  const small = kept.reserve(50, never);
  leaving.abort();
  await assert.rejects(large, CallerGone);
  await small;
  assert.equal(kept.usedBytes, 100);
  await assert.rejects(kept.reserve(1, leaving.signal), CallerGone, "gone before it asked");
});

test("what could never fit is too large, not for later", async () => {
  await assert.rejects(createKeptBytes({ maxBytes: 100 }).reserve(101, never), hasCode("request_too_large"));
});
