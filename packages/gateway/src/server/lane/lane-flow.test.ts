/** Requests of any size, in pieces of any size, heard late, with pauses, or not at all: each body is its own, and whole. */

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { RawCaller, turns } from "../../forward/relay-harness.ts";
import { createSlabs, type Slabs } from "../../slabs.ts";
import { createLane, type Lane } from "./lane.ts";
import type { LaneRequest } from "./lane-request.ts";
import type { LaneResponse } from "./lane-response.ts";

/** Whoever reads what was given back reads nonsense, and nothing is given back twice. */
function poisoned(): Slabs {
  const slabs = createSlabs();
  const free = new Set<Uint8Array>();
  return {
    take: () => {
      const slab = slabs.take();
      free.delete(slab);
      return slab;
    },
    give: (given) => {
      for (const slab of given) {
        assert.ok(!free.has(slab), "given back twice");
        free.add(slab);
        slab.fill(0x21);
      }
      slabs.give(given);
    },
  };
}

/** From 0 to 1, the same for the same seed. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

type Listening = "at once" | "late" | "with pauses" | "never";
const listenings: readonly Listening[] = ["at once", "late", "with pauses", "never"];

/** Answers with the body, or with `unheard`. */
async function serve(request: LaneRequest, response: LaneResponse): Promise<void> {
  const chunks: Buffer[] = [];
  const listening = request.headers["x-listening"] as Listening;
  if (listening === "late") await turns();
  if (listening !== "never") {
    await new Promise<void>((resolve) => {
      request.on("end", resolve);
      request.on("data", (bytes: Uint8Array) => {
        chunks.push(Buffer.from(bytes));
        if (listening !== "with pauses" || chunks.length % 3 !== 0) return;
        request.pause();
        setImmediate(() => setImmediate(() => request.resume()));
      });
    });
  }
  const body = listening === "never" ? Buffer.from("unheard") : Buffer.concat(chunks);
  response.writeHead(200, ["content-length", String(body.length)]);
  response.end(body);
  if (listening === "never") request.resume();
}

let server: Server;
let lane: Lane;
const sockets = new Set<Socket>();
before(async () => {
  server = createServer();
  server.removeAllListeners("connection");
  lane = createLane({
    clock: { now: Date.now },
    slabs: poisoned(),
    keepAliveMs: 60_000,
    headersTimeoutMs: 60_000,
    takes: () => true,
    onRequest: (request, response) => void serve(request, response),
    leave: () => assert.fail("a request left the lane"),
  });
  server.on("connection", (socket: Socket) => sockets.add(lane.accept(socket)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => {
  lane.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

const sizes = [0, 1, 4095, 4096, 30_000, 65_000, 65_535, 65_536, 65_537, 131_072, 500_000];

async function session(seed: number): Promise<void> {
  const chance = chances(seed);
  const below = (limit: number): number => Math.floor(chance() * limit);
  const raw = new RawCaller(
    connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", noDelay: true }),
  );
  let end = 0;
  for (let number = 0; number < 12; number++) {
    const listening = listenings[below(listenings.length)] ?? "late";
    const size = sizes[below(sizes.length)] ?? 0;
    const body = Buffer.from(`<${seed}.${number}>`.repeat(Math.ceil(size / 4)).slice(0, size));
    const head = `POST / HTTP/1.1\r\nhost: x\r\nx-listening: ${listening}\r\ncontent-length: ${size}\r\n\r\n`;
    const isApart = chance() < 0.5;
    if (isApart) raw.socket.write(head);
    const sent = isApart ? body : Buffer.concat([Buffer.from(head), body]);
    const pieces = 1 + below(4);
    // The head has to come in one piece.
    for (let from = 0, at = 0; at < pieces; at++) {
      const to = at === pieces - 1 ? sent.length : Math.max(from, head.length, below(sent.length + 1));
      raw.socket.write(sent.subarray(from, to));
      from = Math.min(to, sent.length);
      if (chance() < 0.5) await turns();
    }
    const expected = listening === "never" ? Buffer.from("unheard") : body;
    const isWhole = (): boolean => {
      const headEnd = raw.bytes.indexOf("\r\n\r\n", end);
      return headEnd !== -1 && raw.bytes.length >= headEnd + 4 + expected.length;
    };
    const giveUpMs = Date.now() + 20_000;
    while (!isWhole()) {
      assert.ok(
        Date.now() < giveUpMs,
        `seed ${seed}, request ${number}, ${listening}, ${size} bytes: no reply`,
      );
      await turns();
    }
    const from = raw.bytes.indexOf("\r\n\r\n", end) + 4;
    end = from + expected.length;
    assert.ok(
      raw.bytes.subarray(from, end).equals(expected),
      `seed ${seed}, request ${number}, ${listening}`,
    );
    assert.equal(raw.bytes.length, end);
  }
  raw.socket.destroy();
}

describe("requests on the lane, in any pieces and heard at any time", () => {
  it("are whole, their own, and followed by the next", async () => {
    for (let seed = 1; seed <= 60; seed += 12)
      await Promise.all(Array.from({ length: 12 }, (_, at) => session(seed + at)));
  });
});
