/** The promises of `WrongBounds` as tests. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { WrongBound } from "../wrong-bounds.ts";
import type { OpenStore } from "./store-under-test.ts";
import { withStore } from "./store-under-test.ts";

export function wrongBoundsConformance(name: string, open: OpenStore): void {
  test(`${name} wrong bounds: the latest of each subject and kind is kept`, () =>
    withStore(open, async ({ store }) => {
      const { wrongBounds } = store;
      const wrong = (kind: string, seenAtMs: number, exchangeId: string): WrongBound => ({
        subject: "https://a m",
        kind,
        seenAtMs,
        exchangeId,
      });
      assert.deepEqual(await wrongBounds.since(0), []);
      await wrongBounds.note(wrong("prefix", 100, "ex_1"));
      await wrongBounds.note(wrong("bytes", 300, "ex_3"));
      await wrongBounds.note(wrong("bytes", 200, "ex_2"));
      await wrongBounds.note({ ...wrong("bytes", 50, "ex_0"), subject: "https://a l" });
      assert.deepEqual(await wrongBounds.since(50), [
        { ...wrong("bytes", 50, "ex_0"), subject: "https://a l" },
        wrong("bytes", 300, "ex_3"),
        wrong("prefix", 100, "ex_1"),
      ]);
      assert.deepEqual(await wrongBounds.since(101), [wrong("bytes", 300, "ex_3")]);
    }));
}
