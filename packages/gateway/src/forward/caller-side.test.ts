import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, before, describe, it } from "node:test";
import { CallerSide } from "./caller-side.ts";
import { type RawCaller, RelayBed, turns } from "./relay-harness.ts";

let bed: RelayBed;
before(async () => {
  bed = new RelayBed();
  await bed.open();
});
after(() => bed.close());

interface Side {
  readonly side: CallerSide;
  readonly caller: RawCaller;
  readonly response: ServerResponse;
  readonly gone: () => number;
}

async function open(
  options: { readonly stallTimeoutMs?: number; readonly head?: string } = {},
): Promise<Side> {
  const { caller, response } = await bed.connect(options.head);
  let gone = 0;
  const side = new CallerSide({
    response,
    stallTimeoutMs: options.stallTimeoutMs ?? 10_000,
    onGone: () => (gone += 1),
  });
  return { side, caller, response, gone: () => gone };
}

async function fill(side: CallerSide): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (side.write(Buffer.alloc(256 * 1024))) continue;
    await turns();
    let isWritable = false;
    void side.whenWritable().then(() => (isWritable = true));
    await turns();
    if (!isWritable) return;
  }
  assert.fail("never full");
}

describe("the head", () => {
  it("is there at once, as latin1, and says so", async () => {
    const { side, caller } = await open();
    assert.equal(side.hasHead, false);
    side.writeHead(200, "\xc9tat", [
      ["x-a", "\xe9\x80"],
      ["x-a", "2"],
    ]);
    await caller.until("\r\n\r\n");
    assert.ok(caller.text.startsWith("HTTP/1.1 200 \xc9tat\r\nx-a: \xe9\x80\r\nx-a: 2\r\n"), caller.text);
    assert.equal(side.hasHead, true);
    side.end();
  });

  it("has Node's own words where the provider gave none", async () => {
    const { side, caller } = await open();
    side.writeHead(404, "", []);
    await caller.until("HTTP/1.1 404 Not Found\r\n");
    side.end();
  });
});

describe("a chunk with the provider's framing", () => {
  const framed = Buffer.from("0003\r\ntwo\r\n");

  it("goes on as it is between our own, and the end is ours", async () => {
    const { side, caller } = await open();
    side.writeHead(200, "OK", [["x-a", "1"]]);
    side.write(Buffer.from("one"));
    side.write(Buffer.from("two"), framed);
    side.write(Buffer.from("three"));
    side.end();
    await caller.until("0\r\n\r\n");
    const body = caller.text.slice(caller.text.indexOf("\r\n\r\n") + 4);
    assert.equal(body, "3\r\none\r\n0003\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
  });

  it("stays out where the reply is framed by its length, and for a caller of HTTP/1.0", async () => {
    const byLength = await open();
    byLength.side.writeHead(200, "OK", [["content-length", "3"]]);
    byLength.side.write(Buffer.from("two"), framed);
    byLength.side.end();
    await byLength.caller.until("\r\n\r\ntwo");
    const old = await open({ head: "GET /v1 HTTP/1.0\r\n\r\n" });
    old.side.writeHead(200, "OK", [["x-a", "1"]]);
    old.side.write(Buffer.from("two"), framed);
    old.side.end();
    await old.caller.closed;
    assert.ok(old.caller.text.endsWith("\r\n\r\ntwo"), old.caller.text);
  });
});

describe("a caller that leaves", () => {
  it("is told once, and bytes for it go nowhere", async () => {
    const { side, caller, response, gone } = await open();
    side.writeHead(200, "", []);
    const closed = new Promise((resolve) => response.once("close", resolve));
    caller.socket.destroy();
    await closed;
    await turns();
    assert.deepEqual([side.isGone, gone()], [true, 1]);
    assert.equal(side.write(Buffer.from("x")), true);
    await side.whenWritable();
    side.end();
    side.cut();
    assert.equal(gone(), 1);
  });

  it("before it was listened to is noticed all the same", async () => {
    const { caller, response } = await bed.connect();
    const closed = new Promise((resolve) => response.once("close", resolve));
    caller.socket.destroy();
    await closed;
    let gone = 0;
    const side = new CallerSide({ response, stallTimeoutMs: 10, onGone: () => (gone += 1) });
    assert.equal(gone, 0, "not inside the constructor");
    await turns();
    assert.deepEqual([gone, side.isGone], [1, true]);
    side.writeHead(200, "", []);
  });

  it("after the end has not left", async () => {
    const { side, caller, gone } = await open();
    side.writeHead(200, "", [["content-length", "2"]]);
    side.write(Buffer.from("ok"));
    side.end();
    await caller.until("ok");
    caller.socket.destroy();
    await turns();
    assert.deepEqual([side.isGone, gone()], [false, 0]);
  });
});

describe("a slow caller", () => {
  it("is waited for, and waiting ends when it is gone", async () => {
    const { side, caller, gone } = await open();
    caller.socket.pause();
    side.writeHead(200, "", []);
    await fill(side);
    const waiting = side.whenWritable();
    caller.socket.destroy();
    await waiting;
    assert.equal(gone(), 1);
  });

  it("is gone when it takes no byte for the stall timeout", async () => {
    const { side, caller, gone } = await open({ stallTimeoutMs: 20 });
    caller.socket.pause();
    side.writeHead(200, "", []);
    await fill(side);
    await side.whenWritable();
    assert.equal(gone(), 1);
  });

  for (const how of ["end", "cut"] as const) {
    it(`loses its connection when it takes no byte for as long after the ${how}, and has not left`, async () => {
      const { side, caller, response, gone } = await open({ stallTimeoutMs: 20 });
      caller.socket.pause();
      side.writeHead(200, "", [["content-length", "99999999"]]);
      side.write(Buffer.alloc(32 * 1024 * 1024));
      const closed = new Promise((resolve) => response.once("close", resolve));
      side[how]();
      await closed;
      assert.deepEqual([gone(), response.writableFinished], [0, false]);
    });
  }

  it("is not gone when it takes its time to the last bytes after the end", async () => {
    const { side, caller, gone } = await open();
    side.writeHead(200, "", []);
    side.write(Buffer.alloc(1024 * 1024));
    side.end();
    await caller.until("\r\n0\r\n\r\n");
    assert.equal(gone(), 0);
  });
});

describe("a cut", () => {
  const head10 = "GET /v1 HTTP/1.0\r\n\r\n";
  it("delivers what was written, then ends without the end", async () => {
    for (const lines of [[], [["Content-Length", "9999999"]]] as const) {
      const { side, caller } = await open();
      side.writeHead(200, "", lines);
      side.write(Buffer.alloc(500_000, "z"));
      side.cut();
      assert.equal(await caller.closed, "end");
      assert.deepEqual([caller.body.bytes.length, caller.body.isWhole], [500_000, false]);
    }
  });

  it("resets where the end of the connection would look like the end of the reply", async () => {
    const { side, caller } = await open({ head: head10 });
    side.writeHead(200, "", []);
    side.write(Buffer.from("part"));
    await caller.until("part");
    side.cut();
    assert.equal(await caller.closed, "ECONNRESET");
  });

  it("an HTTP/1.0 reply of known length needs no reset", async () => {
    const { side, caller } = await open({ head: head10 });
    side.writeHead(200, "", [["content-length", "100"]]);
    side.write(Buffer.from("part"));
    side.cut();
    assert.equal(await caller.closed, "end");
  });
});
