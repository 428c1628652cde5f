import assert from "node:assert/strict";
import type { Writable } from "node:stream";
import { describe, it } from "node:test";
import * as ws from "ws";
import {
  closeFrame,
  CloseCode,
  frame,
  FrameError,
  type FramePiece,
  FrameScanner,
  Opcode,
  payloadOf,
} from "./frames.ts";
import type { FrameSource } from "./frames.ts";

/** The other implementation's insides, which its types leave out. */
const { Receiver, Sender } = ws as unknown as {
  readonly Receiver: new (options: { isServer: boolean }) => Writable;
  readonly Sender: { frame(payload: Buffer, options: object): Buffer[] };
};

/** A frame written by hand, so that anything can be wrong with it. */
function raw(
  first: number,
  payload: Uint8Array,
  options: { mask?: boolean; lengthBytes?: 0 | 2 | 8 } = {},
): Buffer {
  const { length } = payload;
  const lengthBytes = options.lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const maskBit = options.mask === true ? 0x80 : 0;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = first;
  head[1] = maskBit | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (options.mask !== true) return Buffer.concat([head, payload]);
  const mask = Buffer.from([0x11, 0x22, 0x33, 0x44]);
  return Buffer.concat([head, mask, payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
}

interface Seen {
  readonly opcode: number;
  readonly message: number;
  readonly payload: string;
  readonly isMessageEnd: boolean;
}

/** The frames found when the bytes come in pieces of `size`, and the bytes that the pieces cover. */
function scan(bytes: Buffer, source: FrameSource, size = bytes.length): { frames: Seen[]; covered: Buffer } {
  const scanner = new FrameScanner(source);
  const frames: Seen[] = [];
  const covered: Buffer[] = [];
  let payload: Buffer[] = [];
  const take = (chunk: Buffer, piece: FramePiece): void => {
    if (piece.isFrameStart) payload = [];
    if (piece.carried !== null) covered.push(piece.carried);
    covered.push(Buffer.from(chunk.subarray(piece.start, piece.end)));
    payload.push(Buffer.from(payloadOf(chunk, piece)));
    if (!piece.isFrameEnd) return;
    frames.push({
      opcode: piece.opcode,
      message: piece.messageOpcode,
      payload: Buffer.concat(payload).toString("latin1"),
      isMessageEnd: piece.isMessageEnd,
    });
  };
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    for (const piece of scanner.scan(chunk)) take(chunk, piece);
  }
  return { frames, covered: Buffer.concat(covered) };
}

const { text, binary, continuation, ping, close } = Opcode;
const fin = 0x80;

describe("the frame scanner", () => {
  const long = Buffer.from("x".repeat(300));
  const huge = Buffer.alloc(70_000, "y");
  const conversation = (mask: boolean): Buffer =>
    Buffer.concat([
      raw(fin | text, Buffer.from("hello"), { mask }),
      raw(text, long, { mask }),
      raw(fin | ping, Buffer.from("are you there"), { mask }),
      raw(continuation, Buffer.alloc(0), { mask }),
      raw(fin | continuation, Buffer.from("end"), { mask }),
      raw(fin | binary, huge, { mask }),
      raw(fin | text, Buffer.alloc(0), { mask }),
      raw(fin | close, Buffer.from([0x03, 0xe8]), { mask }),
    ]);
  const expected: Seen[] = [
    { opcode: text, message: text, payload: "hello", isMessageEnd: true },
    { opcode: text, message: text, payload: "x".repeat(300), isMessageEnd: false },
    { opcode: ping, message: ping, payload: "are you there", isMessageEnd: true },
    { opcode: continuation, message: text, payload: "", isMessageEnd: false },
    { opcode: continuation, message: text, payload: "end", isMessageEnd: true },
    { opcode: binary, message: binary, payload: "y".repeat(70_000), isMessageEnd: true },
    { opcode: text, message: text, payload: "", isMessageEnd: true },
    { opcode: close, message: close, payload: "\x03\xe8", isMessageEnd: true },
  ];

  for (const source of ["client", "server"] as const) {
    it(`finds a ${source}'s frames in whatever pieces they come, and covers every byte`, () => {
      const bytes = conversation(source === "client");
      for (const size of [1, 2, 3, 5, 7, 13, 14, 64, 1000, 65_536, bytes.length]) {
        const { frames, covered } = scan(bytes, source, size);
        assert.deepEqual(frames, expected, `pieces of ${size}`);
        assert.ok(covered.equals(bytes), `pieces of ${size}`);
      }
    });
  }

  it("says where something may be put between", () => {
    const scanner = new FrameScanner("server");
    const feed = (bytes: Buffer): readonly [boolean, boolean] => {
      for (const _piece of scanner.scan(bytes));
      return [scanner.isBetweenFrames, scanner.isBetweenMessages];
    };
    assert.deepEqual(feed(raw(fin | text, Buffer.from("one"))), [true, true]);
    assert.deepEqual(feed(raw(text, Buffer.from("begun"))), [true, false], "a control frame may stand here");
    const last = raw(fin | continuation, Buffer.from("and over"));
    assert.deepEqual(feed(last.subarray(0, 1)), [false, false], "inside a header");
    assert.deepEqual(feed(last.subarray(1, 6)), [false, false], "inside a payload");
    assert.deepEqual(feed(last.subarray(6)), [true, true]);
  });

  const broken: readonly [string, FrameSource, Buffer, number][] = [
    ["a client's frame that is not masked", "client", raw(fin | text, Buffer.from("x")), 1002],
    ["a server's frame that is", "server", raw(fin | text, Buffer.from("x"), { mask: true }), 1002],
    [
      "the first reserved bit, which compression would use",
      "server",
      raw(fin | 0x40 | text, Buffer.from("x")),
      1002,
    ],
    ["the second reserved bit", "server", raw(fin | 0x20 | text, Buffer.from("x")), 1002],
    ["the third reserved bit", "server", raw(fin | 0x10 | text, Buffer.from("x")), 1002],
    ["a reserved data opcode", "server", raw(fin | 3, Buffer.from("x")), 1002],
    ["a reserved control opcode", "server", raw(fin | 11, Buffer.from("x")), 1002],
    ["a fragmented control frame", "server", raw(ping, Buffer.from("x")), 1002],
    ["a control frame of 126 bytes", "server", raw(fin | ping, Buffer.alloc(126)), 1002],
    ["a continuation of nothing", "server", raw(fin | continuation, Buffer.from("x")), 1002],
    [
      "a message inside a message",
      "server",
      Buffer.concat([raw(text, Buffer.from("x")), raw(fin | text, Buffer.from("y"))]),
      1002,
    ],
    ["a short length in two bytes", "server", raw(fin | text, Buffer.from("x"), { lengthBytes: 2 }), 1002],
    ["a short length in eight bytes", "server", raw(fin | text, Buffer.alloc(300), { lengthBytes: 8 }), 1002],
    [
      "a length that no number holds",
      "server",
      Buffer.from([fin | text, 127, 0xff, 0, 0, 0, 0, 0, 0, 0]),
      1009,
    ],
  ];
  for (const [what, source, bytes, closeCode] of broken) {
    it(`refuses ${what}, also byte for byte`, () => {
      for (const size of [1, bytes.length]) {
        assert.throws(
          () => scan(bytes, source, size),
          (error) => error instanceof FrameError && error.closeCode === closeCode,
        );
      }
    });
  }
});

describe("frames that are written", () => {
  for (const source of ["client", "server"] as const) {
    it(`a ${source}'s are read by another implementation`, async () => {
      for (const length of [0, 1, 125, 126, 65_535, 65_536, 200_000]) {
        const payload = Buffer.alloc(length, "payload ");
        const receiver = new Receiver({ isServer: source === "client" });
        const received = new Promise<Buffer>((resolve, reject) => {
          receiver.on("message", (data: Buffer) => resolve(data));
          receiver.on("error", reject);
        });
        receiver.write(frame(source, Opcode.binary, payload));
        assert.ok((await received).equals(payload), `${length} bytes`);
      }
    });
  }

  it("and another implementation's are read here", () => {
    const payload = Buffer.alloc(1000, "payload ");
    const parts = Sender.frame(payload, { fin: true, rsv1: false, opcode: 1, mask: true, readOnly: true });
    const { frames } = scan(Buffer.concat(parts), "client", 7);
    assert.deepEqual(frames, [{ opcode: 1, message: 1, payload: payload.toString(), isMessageEnd: true }]);
  });

  it("no two masks are alike", () => {
    const masks = new Set(
      Array.from({ length: 50 }, () => frame("client", text, Buffer.from("x")).toString("hex", 2, 6)),
    );
    assert.ok(masks.size > 45);
  });

  it("a close frame has its code and as much of its reason as fits, no half character", () => {
    const { frames } = scan(closeFrame("server", CloseCode.policy, "ended"), "server");
    assert.equal(frames[0]?.payload, "\x03\xf0ended");
    const cut = scan(closeFrame("server", CloseCode.policy, "é".repeat(100)), "server").frames[0];
    const reason = Buffer.from(cut?.payload ?? "", "latin1").subarray(2);
    assert.equal(reason.toString(), "é".repeat(61), "122 of 123 bytes");
  });
});
