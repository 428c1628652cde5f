import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closeFrame, frame, FrameError, Opcode } from "../websocket/frames.ts";
import { CallerMessages, closeAnswer } from "./caller-messages.ts";
import { ProviderMessages } from "./provider-messages.ts";

/** Room for held bytes that is counted. */
class Room {
  used = 0;
  most = 0;
  reserve(): { grow(bytes: number): void; release(): void } {
    let held = 0;
    return {
      grow: (bytes) => {
        held += bytes;
        this.used += bytes;
        this.most = Math.max(this.most, this.used);
      },
      release: () => {
        this.used -= held;
        held = 0;
      },
    };
  }
}

describe("a caller's messages", () => {
  it("that have not come whole take room, as they came and unmasked, and give it back", () => {
    const room = new Room();
    const messages = new CallerMessages({ maxMessageBytes: 10_000, reserve: () => room.reserve() });
    const bytes = frame("client", Opcode.text, Buffer.alloc(4_000, "x"));
    assert.deepEqual([...messages.take(bytes.subarray(0, 1_008))], []);
    assert.equal(room.used, 2_000);
    assert.deepEqual([...messages.take(bytes.subarray(1_008, 2_008))], []);
    assert.equal(room.used, 4_000);
    const [whole, ...others] = [...messages.take(bytes.subarray(2_008))];
    assert.deepEqual([whole?.payload.length, others.length, room.used], [4_000, 0, 0]);
    assert.ok(Buffer.concat([...(whole?.raw ?? [])]).equals(bytes));
    for (const _each of messages.take(frame("client", Opcode.text, Buffer.alloc(4_000))));
    assert.equal(room.most, 4_000, "one that comes whole takes none");
  });

  it("over the limit are refused as soon as they are, not when they are whole", () => {
    const messages = new CallerMessages({ maxMessageBytes: 1_000, reserve: () => new Room().reserve() });
    const bytes = frame("client", Opcode.binary, Buffer.alloc(5_000));
    const isTooBig = (error: unknown): boolean => error instanceof FrameError && error.closeCode === 1009;
    assert.throws(() => [...messages.take(bytes.subarray(0, 1_100))], isTooBig);
  });

  it("a close frame is answered with its code, and one without with none", () => {
    const payload = closeFrame("server", 4321, "because").subarray(2);
    assert.deepEqual([...closeAnswer(payload)], [0x88, 2, 0x10, 0xe1]);
    assert.deepEqual([...closeAnswer(Buffer.alloc(0))], [0x88, 0]);
  });
});

describe("a provider's messages", () => {
  const text = frame("server", Opcode.text, Buffer.from("hello, whole"));
  const bytes = Buffer.concat([
    text,
    Buffer.from([0x01, 2, 0x61, 0x62]),
    frame("server", Opcode.ping, Buffer.from("p")),
    Buffer.from([0x80, 1, 0x63]),
    frame("server", Opcode.binary, Buffer.from("not looked at")),
  ]);

  it("are told when they are whole, however they come", () => {
    for (let size = 1; size <= bytes.length; size++) {
      const messages = new ProviderMessages();
      const wholes: string[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        for (const { whole } of messages.watch(Buffer.from(bytes.subarray(at, at + size))))
          if (whole !== null) wholes.push(whole.toString());
      }
      assert.deepEqual(wholes, ["hello, whole", "p", "abc"], `pieces of ${size}`);
      assert.ok(messages.isBetweenMessages);
    }
  });
});
