/** What passes through a WebSocket, byte for byte, and what is no WebSocket any more. Both ends are bare sockets. */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import {
  closePayload,
  masked,
  op,
  rawFrame,
  type RawProviderEnd,
  type RawSocketCaller,
  takeSockets,
  upgradeRaw,
} from "./bed/raw-socket.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let provider: FakeProvider;
let gateway: TestGateway;
let next: () => Promise<RawProviderEnd>;
let token = "";

before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider, config: { maxBodyBytes: 300_000, drainMaxMs: 2_000 } });
  token = await gateway.token();
  next = takeSockets(provider);
});

after(async () => {
  await gateway.close();
  await provider.close();
});

async function open(): Promise<{ caller: RawSocketCaller; theirs: RawProviderEnd }> {
  const caller = await upgradeRaw(`${gateway.openaiUrl}/responses`, token);
  return { caller, theirs: await next() };
}

/** Writes in pieces of `size`, each in its own packet as far as that can be had. */
async function writeInPieces(socket: Socket, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    socket.write(bytes.subarray(at, at + size));
    await new Promise(setImmediate);
  }
}

const said = JSON.stringify({ type: "session.note", text: "grüße \u{1F600}" });
const long = JSON.stringify({ type: "session.note", text: "y".repeat(70_000) });

describe("from the caller to the provider", () => {
  const first = masked(op.text, said.slice(0, 20), { isFinal: false });
  const rest = masked(op.continuation, Buffer.from(said).subarray(20), { isFinal: true });
  // The cut is inside a character.
  const inCharacter = Buffer.from(said).indexOf(0xc3) + 1;
  const half = masked(op.text, Buffer.from(said).subarray(0, inCharacter), { isFinal: false });
  const nothing = masked(op.continuation, "", { isFinal: false });
  const otherHalf = masked(op.continuation, Buffer.from(said).subarray(inCharacter));
  const ping = masked(op.ping, "are you there");
  const pong = masked(op.pong, "");
  const binary = masked(op.binary, Buffer.from([0, 1, 2, 0xff]));

  it("every frame passes as it came, masks and fragments too, in whatever pieces it comes", async () => {
    for (const size of [1, 2, 7, 100, 5_000, 1_000_000]) {
      const { caller, theirs } = await open();
      const sent = [masked(op.text, said), first, ping, rest, half, nothing, otherHalf, pong, binary];
      if (size > 50) sent.push(masked(op.text, long));
      await writeInPieces(caller.raw.socket, Buffer.concat(sent), size);
      // A message waits until it is whole, so a ping inside it goes ahead of it, as it may.
      const expected = Buffer.concat(
        [sent[0], ping, first, rest, ...sent.slice(4)].map((each) => each ?? ping),
      );
      const got = await theirs.until(expected.length);
      assert.ok(got.equals(expected), `pieces of ${size}: ${got.length} of ${expected.length} bytes`);
      caller.raw.socket.destroy();
      await theirs.ended;
    }
  });

  const faults: readonly (readonly [string, Buffer, number])[] = [
    ["a frame that is not masked", rawFrame(op.text, said), 1002],
    ["a reserved bit, as compression would set it", masked(op.text, said, { reserved: 0x40 }), 1002],
    ["a reserved opcode", masked(3, "x"), 1002],
    ["a fragmented ping", masked(op.ping, "x", { isFinal: false }), 1002],
    ["a ping of 126 bytes", masked(op.ping, "x".repeat(126)), 1002],
    ["a continuation of nothing", masked(op.continuation, "x"), 1002],
    [
      "a message inside a message",
      Buffer.concat([masked(op.text, "x", { isFinal: false }), masked(op.text, said)]),
      1002,
    ],
    ["text that is no UTF-8", masked(op.text, Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d])), 1007],
    ["text that ends inside a character", masked(op.text, Buffer.from([0xe2, 0x82])), 1007],
    ["a frame over the limit", masked(op.text, "x".repeat(300_001)), 1009],
    [
      "fragments that are over it together",
      Buffer.concat([
        masked(op.text, "x".repeat(200_000), { isFinal: false }),
        masked(op.continuation, "x".repeat(100_001), { isFinal: false }),
      ]),
      1009,
    ],
  ];
  for (const [what, bytes, code] of faults) {
    it(`${what} closes with ${code}, and the provider gets none of it`, async () => {
      const { caller, theirs } = await open();
      caller.raw.write(masked(op.text, said));
      caller.raw.write(bytes);
      const got = await caller.ended();
      assert.deepEqual([got[0], got.readUInt16BE(2)], [0x88, code]);
      assert.ok(got.length > 10, "it says why");
      await theirs.ended;
      const up = theirs.received();
      const good = masked(op.text, said);
      assert.ok(up.subarray(0, good.length).equals(good), "what was right has passed");
      assert.equal(up[good.length], 0x88, "and then nothing but a close frame");
      theirs.socket.destroy();
    });
  }
});

describe("from the provider to the caller", () => {
  const created = { type: "response.created", response: { id: "resp_1", model: "gpt-5.5" } };
  const usage = { input_tokens: 11, output_tokens: 7, total_tokens: 18 };
  const completed = {
    type: "response.completed",
    response: { id: "resp_1", model: "gpt-5.5", status: "completed", output: ["z".repeat(500)], usage },
  };
  const frames = [
    rawFrame(op.text, JSON.stringify(created)),
    rawFrame(op.text, '{"type":"a.delta"', { isFinal: false }),
    rawFrame(op.ping, "here"),
    rawFrame(op.continuation, "", { isFinal: false }),
    rawFrame(op.continuation, ',"delta":"\u{1F600}"}'),
    rawFrame(op.binary, Buffer.alloc(300, 7)),
    // No affair of the gateway's: whoever reads it may complain.
    rawFrame(op.text, Buffer.from([0xc3, 0x28])),
    rawFrame(op.text, "no json"),
    rawFrame(op.pong, ""),
    rawFrame(op.text, ""),
    rawFrame(op.text, JSON.stringify(completed).slice(0, 60), { isFinal: false }),
    rawFrame(op.ping, ""),
    rawFrame(op.continuation, JSON.stringify(completed).slice(60)),
  ];

  it("every frame passes as it came, in whatever pieces it comes, and the end after its row", async () => {
    const ask = masked(op.text, JSON.stringify({ type: "response.create", model: "gpt-5.5", input: "x" }));
    for (const size of [1, 2, 3, 11, 64, 500, 1_000_000]) {
      const before = (await gateway.exchanges()).length;
      const { caller, theirs } = await open();
      caller.raw.write(ask);
      await theirs.until(ask.length);
      const bytes = Buffer.concat(frames);
      await writeInPieces(theirs.socket, bytes, size);
      const got = await caller.until(bytes.length);
      // Whoever has the last byte finds the row.
      const [row, ...others] = (await gateway.exchanges()).slice(before);
      assert.ok(got.equals(bytes), `pieces of ${size}`);
      assert.deepEqual(others, []);
      assert.equal(row?.result?.outcome, "ok");
      // gpt-5.5: 11 x $5 / 1M + 7 x $30 / 1M = $0.000265
      assert.equal(row.result.costNanoUsd, 265_000);
      assert.equal(row.result.providerRequestId, "req_socket");
      caller.raw.socket.destroy();
      await theirs.ended;
    }
  });

  it("a message of ten megabytes passes while it comes, and is not held whole", async () => {
    const { caller, theirs } = await open();
    const bytes = rawFrame(op.text, `{"type":"a.delta","delta":"${"q".repeat(10_000_000)}"}`);
    theirs.socket.write(bytes.subarray(0, 5_000_000));
    await caller.until(4_900_000);
    theirs.socket.write(bytes.subarray(5_000_000));
    assert.ok((await caller.until(bytes.length)).equals(bytes));
    caller.raw.socket.destroy();
  });

  it("the gateway's own words wait until the provider's message is whole", async () => {
    const { caller, theirs } = await open();
    const begun = rawFrame(op.text, '{"type":"a.delta",', { isFinal: false });
    theirs.socket.write(begun);
    await caller.until(begun.length);
    const refused = masked(op.text, JSON.stringify({ type: "response.create", input: "no model" }));
    const ping = masked(op.ping, "after it");
    caller.raw.write(Buffer.concat([refused, ping]));
    // The ping comes after the refused message, which is judged by now.
    assert.ok((await theirs.until(ping.length)).equals(ping));
    const rest = rawFrame(op.continuation, '"delta":"x"}');
    theirs.socket.write(rest);
    const got = await caller.until(begun.length + rest.length + 10);
    assert.ok(got.subarray(0, begun.length + rest.length).equals(Buffer.concat([begun, rest])));
    assert.match(
      got.subarray(begun.length + rest.length).toString("latin1"),
      /^\x81.*"The request names no model.*"type":"invalid_request_error"/s,
    );
    caller.raw.socket.destroy();
  });

  it("what is no frame closes with 1014, and the exchange says that it was cut", async () => {
    for (const bytes of [
      rawFrame(3, "x"),
      masked(op.text, said),
      rawFrame(op.text, "x", { reserved: 0x40 }),
    ]) {
      const before = (await gateway.exchanges()).length;
      const { caller, theirs } = await open();
      const ask = masked(op.text, JSON.stringify({ type: "response.create", model: "gpt-5.5", input: "x" }));
      caller.raw.write(ask);
      await theirs.until(ask.length);
      const good = rawFrame(op.text, JSON.stringify(created));
      theirs.socket.write(Buffer.concat([good, bytes]));
      const got = await caller.ended();
      assert.ok(got.subarray(0, good.length).equals(good), "what was right has passed");
      assert.deepEqual([got[good.length], got.readUInt16BE(good.length + 2)], [0x88, 1014]);
      const [row] = (await gateway.exchanges()).slice(before);
      assert.deepEqual([row?.result?.outcome, row?.result?.usage[0]?.completeness], ["truncated", "missing"]);
      assert.equal(row?.result?.costNanoUsd, null);
      theirs.socket.destroy();
    }
  });

  it("a caller that reads nothing holds the provider up, and gets all of it when it reads", async () => {
    const { caller, theirs } = await open();
    caller.raw.socket.pause();
    const one = rawFrame(op.binary, Buffer.alloc(256 * 1024, 1));
    let sent = 0;
    for (let isStuck = false; !isStuck;) {
      assert.ok(sent < 256 * 1024 * 1024, "the provider was never held up");
      sent += one.length;
      if (theirs.socket.write(one)) continue;
      const waited = Promise.withResolvers<boolean>();
      // The one thing that cannot be seen is that nothing happens.
      const timer = setTimeout(() => waited.resolve(true), 1_000);
      theirs.socket.once("drain", () => waited.resolve(false));
      isStuck = await waited.promise;
      clearTimeout(timer);
    }
    caller.raw.socket.resume();
    const got = await caller.until(sent);
    assert.equal(got.length, sent);
    caller.raw.socket.destroy();
  });
});

describe("closing", () => {
  const codes = [1000, 1001, 1003, 1007, 1008, 1011, 1012, 3000, 4999];

  it("the caller's code and reason reach the provider as they came, and the answer comes back", async () => {
    for (const payload of [...codes.map((code) => closePayload(code, `reason ${code} ü`)), Buffer.alloc(0)]) {
      const { caller, theirs } = await open();
      const close = masked(op.close, payload);
      caller.raw.write(close);
      assert.ok((await theirs.until(close.length)).equals(close));
      const answer = rawFrame(op.close, payload);
      theirs.socket.end(answer);
      assert.ok((await caller.ended()).equals(answer));
      await theirs.ended;
    }
  });

  it("the provider's code and reason reach the caller as they came, and the answer goes back", async () => {
    for (const payload of [...codes.map((code) => closePayload(code, `reason ${code} ü`)), Buffer.alloc(0)]) {
      const { caller, theirs } = await open();
      const close = rawFrame(op.close, payload);
      theirs.socket.write(close);
      assert.ok((await caller.until(close.length)).equals(close));
      const answer = masked(op.close, payload);
      caller.raw.write(answer);
      await theirs.ended;
      assert.ok(theirs.received().equals(answer));
      theirs.socket.end();
      await caller.ended();
    }
  });

  it("a connection that ends without a word ends so on the other side", async () => {
    const one = await open();
    one.theirs.socket.end();
    assert.equal((await one.caller.ended()).length, 0, "no close frame is made up");
    const other = await open();
    other.caller.raw.socket.end();
    await other.theirs.ended;
    other.theirs.socket.destroy();
    const reset = await open();
    reset.caller.raw.socket.resetAndDestroy();
    await reset.theirs.ended;
    reset.theirs.socket.destroy();
  });

  it("a caller that has said its last frame and ends its half still gets the answer", async () => {
    const { caller, theirs } = await open();
    caller.raw.socket.end(masked(op.close, closePayload(1000, "bye")));
    await theirs.until(1);
    const answer = rawFrame(op.close, closePayload(1000, "bye"));
    theirs.socket.end(answer);
    assert.ok((await caller.ended()).equals(answer));
  });

  it("frames behind a close frame go nowhere", async () => {
    const { caller, theirs } = await open();
    const close = masked(op.close, closePayload(1000));
    caller.raw.write(Buffer.concat([close, masked(op.text, said)]));
    await theirs.until(close.length);
    theirs.socket.end(rawFrame(op.close, closePayload(1000)));
    await caller.ended();
    assert.ok(theirs.received().equals(close));
  });

  it("what came with the upgrade is not lost, on either side", async () => {
    const upgrade = upgradeRaw(`${gateway.openaiUrl}/responses`, token);
    const theirs = await next();
    const early = rawFrame(op.text, '{"type":"hello"}');
    theirs.socket.write(early);
    const caller = await upgrade;
    assert.ok((await caller.until(early.length)).equals(early));
    caller.raw.socket.destroy();
    await theirs.ended;
  });
});
