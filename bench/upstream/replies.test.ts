import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StreamReader } from "../load/stream-reader.ts";
import {
  findStreamOrder,
  slowEnd,
  slowEvent,
  smallReply,
  streamHead,
  streamOrderText,
  turnReply,
} from "./replies.ts";

describe("the order of a slow stream", () => {
  const order = { events: 200, eventsPerSecond: 20, inputTokens: 1234 };
  it("is found in a request's body", () => {
    assert.deepEqual(findStreamOrder(JSON.stringify({ input: streamOrderText(order) })), order);
  });
  it("is not found where there is none", () =>
    assert.equal(findStreamOrder('{"input":"slow stream"}'), null));
  it("is answered with its events and its usage", () => {
    const delays: number[] = [];
    const reader = new StreamReader((delayUs) => delays.push(delayUs));
    const end = slowEnd(order);
    reader.feed(Buffer.from(streamHead + slowEvent(0, 40) + slowEvent(1, 50) + end), 60);
    assert.deepEqual(delays, [20, 10]);
    assert.ok(reader.isCompleted && reader.isEnded);
    assert.match(end, /"input_tokens":1234,.*"output_tokens":200,.*"total_tokens":1434/);
  });
});

describe("W1's reply", () => {
  it("is JSON of about 1.5 KB with the length that it states", () => {
    const [head = "", body = ""] = smallReply.toString().split("\r\n\r\n");
    assert.match(head, new RegExp(`content-length: ${body.length}$`));
    assert.ok(body.length > 1300 && body.length < 1600, String(body.length));
    const { usage } = JSON.parse(body) as { usage: { total_tokens: number } };
    assert.equal(usage.total_tokens, 590);
  });
});

describe("W2's reply", () => {
  it("is 300 events and the terminal one, a chunk each", () => {
    const reader = new StreamReader(() => {});
    reader.feed(turnReply, 0);
    assert.ok(reader.isCompleted && reader.isEnded);
    assert.equal(turnReply.toString().match(/event: response\.output_text\.delta/g)?.length, 300);
    assert.equal(turnReply.toString().match(/^[0-9a-f]+\r$/gm)?.length, 302);
  });
});
