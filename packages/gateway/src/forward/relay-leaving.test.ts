import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { RelayBed, responsesEvents, sse, turns } from "./relay-harness.ts";

const { created, delta, completed } = responsesEvents;

let bed: RelayBed;
before(async () => {
  bed = new RelayBed();
  await bed.open();
});
after(() => bed.close());

/** Resolves when the gateway has noticed that the caller is gone. */
function gone(response: { once(name: "close", listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => response.once("close", () => setImmediate(resolve)));
}

describe("a caller that leaves before the terminal event", () => {
  it("does not end what it will be billed for: the reply is read to its end", async () => {
    const { caller, up, response, outcome, rows, deps } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created);
    await caller.until("response.created");
    const left = gone(response);
    caller.socket.destroy();
    await left;
    assert.equal(up.isAborted, false);
    assert.deepEqual([deps.drainSlots.inUse, deps.running.size, rows.length], [1, 1, 0]);
    up.chunk(delta);
    up.chunk(completed);
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    assert.deepEqual([rows.length, rows[0]?.ending, rows[0]?.isCallerGone], [1, "drained", true]);
    assert.equal(rows[0]?.reading?.usage[0]?.input_tokens, 10);
    assert.equal(rows[0]?.responseBytes, (created + delta + completed).length);
    assert.deepEqual([deps.drainSlots.inUse, deps.running.size], [0, 0]);
  });

  it("while it is slow: what it did not take is let go, and the reply is read on", async () => {
    const { caller, up, response, outcome, rows } = await bed.exchange({ settings: { drainMaxBytes: 1e9 } });
    caller.socket.pause();
    up.reply(200, sse);
    for (let isFull = false; !isFull;) {
      if (up.chunk(Buffer.alloc(256 * 1024))) continue;
      await turns();
      isFull = !up.wantsMore;
    }
    const left = gone(response);
    caller.socket.destroy();
    await left;
    await up.resumed();
    up.chunk(`\n\n${completed}`);
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    assert.deepEqual([rows.length, rows[0]?.ending], [1, "drained"]);
  });

  it("before any reply came: it is waited for", async () => {
    const { caller, up, response, outcome, rows } = await bed.exchange();
    const left = gone(response);
    caller.socket.destroy();
    await left;
    assert.equal(up.isAborted, false);
    up.reply(200, sse);
    up.chunk(completed);
    await up.resumed();
    up.end();
    assert.equal(await outcome, null, "there is nobody to answer");
    assert.deepEqual([rows[0]?.ending, rows[0]?.status], ["drained", 200]);
  });

  it("and no reply comes: a row, no repeat and no error for nobody", async () => {
    const { caller, up, response, outcome, rows, client, deps } = await bed.exchange();
    const left = gone(response);
    caller.socket.destroy();
    await left;
    up.fail("connect_failed", true);
    assert.equal(await outcome, null);
    assert.equal(client.calls.length, 1);
    assert.deepEqual([rows.length, rows[0]?.ending, rows[0]?.isCallerGone], [1, "no_reply", true]);
    assert.equal(deps.drainSlots.inUse, 0);
  });

  it("and the provider is cut while it is read on", async () => {
    const { caller, up, response, outcome, rows, deps } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created);
    const left = gone(response);
    caller.socket.destroy();
    await left;
    up.fail("connection_lost");
    assert.equal(await outcome, null);
    assert.deepEqual(
      [rows[0]?.ending, rows[0]?.isCallerGone, rows[0]?.reading?.outcome],
      ["cut", true, "truncated"],
    );
    assert.equal(deps.drainSlots.inUse, 0);
  });

  it("of an encoded stream: its usage is read all the same", async () => {
    const { caller, up, response, outcome, rows } = await bed.exchange();
    const bytes = gzipSync(created + delta + completed);
    up.reply(200, [...sse, ["content-encoding", "gzip"]]);
    up.chunk(bytes.subarray(0, 30));
    await up.resumed();
    const left = gone(response);
    caller.socket.destroy();
    await left;
    up.chunk(bytes.subarray(30));
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    assert.deepEqual([rows.at(-1)?.ending, rows.at(-1)?.reading?.usage[0]?.output_tokens], ["drained", 2]);
  });
});

describe("reading on has limits", () => {
  it("of time", async () => {
    const { caller, up, outcome, rows, deps } = await bed.exchange({ settings: { drainMaxMs: 20 } });
    up.reply(200, sse);
    up.chunk(created);
    caller.socket.destroy();
    await up.aborted();
    assert.equal(await outcome, null);
    assert.deepEqual(
      [rows.length, rows[0]?.ending, rows[0]?.reading?.outcome],
      [1, "abandoned", "truncated"],
    );
    assert.deepEqual([deps.drainSlots.inUse, deps.running.size], [0, 0]);
  });

  it("of bytes", async () => {
    const { caller, up, response, outcome, rows, deps } = await bed.exchange({
      settings: { drainMaxBytes: 1000 },
    });
    up.reply(200, sse);
    up.chunk(created);
    const left = gone(response);
    caller.socket.destroy();
    await left;
    assert.equal(up.isAborted, false);
    up.chunk("x".repeat(1000 - created.length));
    await turns();
    assert.equal(up.isAborted, false, "exactly the limit is within it");
    up.chunk("x");
    await up.aborted();
    assert.equal(await outcome, null);
    assert.deepEqual(
      [rows[0]?.ending, rows[0]?.responseBytes, deps.drainSlots.inUse],
      ["abandoned", 1001, 0],
    );
  });

  it("of how many at once", async () => {
    const { caller, up, outcome, rows } = await bed.exchange({ maxDrains: 0 });
    up.reply(200, sse);
    up.chunk(created);
    caller.socket.destroy();
    await up.aborted();
    assert.equal(await outcome, null);
    assert.deepEqual([rows[0]?.ending, rows[0]?.isCallerGone], ["abandoned", true]);
  });

  it("and a policy that cancels at once", async () => {
    const running = { settings: { disconnectPolicy: "cancel" } } as const;
    for (const hasReply of [true, false]) {
      const { caller, up, outcome, rows, deps } = await bed.exchange(running);
      if (hasReply) up.reply(200, sse);
      caller.socket.destroy();
      await up.aborted();
      assert.equal(await outcome, null);
      assert.deepEqual(
        [rows.length, rows[0]?.ending, rows[0]?.status],
        [1, "abandoned", hasReply ? 200 : null],
      );
      assert.deepEqual([deps.drainSlots.inUse, deps.running.size], [0, 0]);
    }
  });

  it("and the project's own choice, which goes before the gateway's", async () => {
    for (const [byDefault, own, ending] of [
      ["drain", "cancel", "abandoned"],
      ["cancel", "drain", "drained"],
    ] as const) {
      const settings = { disconnectPolicy: byDefault };
      const { caller, up, outcome, rows, response } = await bed.exchange({
        settings,
        principal: { onDisconnect: own },
      });
      up.reply(200, sse);
      const left = gone(response);
      caller.socket.destroy();
      await left;
      if (ending === "drained") {
        up.chunk(created);
        up.chunk(completed);
        up.end();
      } else await up.aborted();
      assert.equal(await outcome, null);
      assert.deepEqual([rows[0]?.ending, rows[0]?.isCallerGone], [ending, true]);
    }
  });

  it("and a shutdown", async () => {
    const { caller, up, response, outcome, rows, deps } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created);
    const left = gone(response);
    caller.socket.destroy();
    await left;
    for (const relay of deps.running) relay.stop();
    assert.equal(await outcome, null);
    assert.deepEqual(
      [up.isAborted, rows.length, rows[0]?.ending, deps.drainSlots.inUse],
      [true, 1, "stopped", 0],
    );
  });
});

describe("a caller that leaves after the terminal event has finished", () => {
  it("its row stays as it is, and the provider may end and keep its connection", async () => {
    const { caller, up, response, outcome, rows, deps } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created + completed);
    await up.resumed();
    await caller.until("response.completed");
    const left = gone(response);
    caller.socket.destroy();
    await left;
    assert.deepEqual([up.isAborted, deps.drainSlots.inUse], [false, 0]);
    up.chunk("data: [DONE]\n\n");
    up.end();
    assert.equal(await outcome, null);
    assert.equal(up.isAborted, false);
    assert.deepEqual(
      rows.map((row) => [row.ending, row.isCallerGone, row.reading?.outcome]),
      [["complete", false, "ok"]],
    );
  });

  it("a provider that does not end soon is not waited for", async () => {
    const { caller, up, response, outcome, rows } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(completed);
    await up.resumed();
    await caller.until("response.completed");
    const left = gone(response);
    caller.socket.destroy();
    await left;
    await up.aborted();
    assert.equal(await outcome, null);
    assert.equal(rows.length, 1);
  });

  it("but the exchange is not over before its row is written", async () => {
    const opened = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const { caller, up, outcome, deps } = await bed.exchange({
      settle: async () => {
        reached.resolve();
        await opened.promise;
      },
    });
    up.reply(200, sse);
    up.chunk(completed);
    await reached.promise;
    caller.socket.destroy();
    await up.aborted();
    await turns();
    assert.equal(deps.running.size, 1);
    opened.resolve();
    assert.equal(await outcome, null);
    assert.equal(deps.running.size, 0);
  });
});
