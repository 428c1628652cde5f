import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VirtualTime } from "./virtual-time.ts";

const nothing = async (): Promise<void> => {};

describe("virtual time", () => {
  it("calls what is due in its order, whatever the order it was asked in", async () => {
    const time = new VirtualTime(1000);
    const called: string[] = [];
    const at = (delayMs: number): void =>
      void time.after(delayMs, () => called.push(`${delayMs}@${time.now()}`));
    for (const delayMs of [30, 5, 90, 0, 60, 5, 1]) at(delayMs);
    time.after(40, () => called.push("never"))();
    await time.run(1000 + 60, nothing);
    assert.deepEqual(called, ["0@1000", "1@1001", "5@1005", "5@1005", "30@1030", "60@1060"]);
  });

  it("stands still until the work of a moment is done, and checks then", async () => {
    const time = new VirtualTime(0);
    const seen: string[] = [];
    time.start(async () => {
      await time.sleep(10);
      for (let turn = 0; turn < 3; turn++) {
        await time.track(new Promise((resolve) => setImmediate(() => setImmediate(resolve))));
        seen.push(`work ${time.now()}`);
      }
    });
    time.after(11, () => seen.push(`next ${time.now()}`));
    await time.run(100, async () => void seen.push(`rest ${time.now()}`));
    assert.deepEqual(seen, ["rest 0", "work 10", "work 10", "work 10", "rest 10", "next 11", "rest 11"]);
  });

  it("ends with what fails in it", async () => {
    const time = new VirtualTime(0);
    time.start(async () => {
      await time.sleep(5);
      throw new Error("broken");
    });
    await assert.rejects(time.run(100, nothing), /broken/);
    assert.equal(time.now(), 5);
  });
});
