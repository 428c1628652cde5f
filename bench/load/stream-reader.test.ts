import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stampText } from "./stamp.ts";
import { StreamReader } from "./stream-reader.ts";

const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
const events = [
  `event: response.output_text.delta\ndata: {"delta":"${stampText(1_000)}"}\n\n`,
  `event: response.output_text.delta\ndata: {"delta":"${stampText(2_000)}"}\n\n`,
  'event: response.completed\ndata: {"type":"response.completed"}\n\n',
];
const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${events
  .map((event) => `${event.length.toString(16)}\r\n${event}\r\n`)
  .join("")}0\r\n\r\n`;

function read(pieces: readonly string[]): { reader: StreamReader; delays: readonly number[] } {
  const delays: number[] = [];
  const reader = new StreamReader((delayUs) => delays.push(delayUs));
  for (const piece of pieces) reader.feed(Buffer.from(piece), 2_500);
  return { reader, delays };
}

describe("StreamReader", () => {
  it("counts events, their delays and the end", () => {
    const { reader, delays } = read([chunked]);
    assert.deepEqual(delays, [1_500, 500]);
    assert.equal(reader.events, 2);
    assert.ok(reader.isCompleted && reader.isEnded);
  });

  it("does so wherever the bytes are cut", () => {
    for (let cut = 0; cut <= chunked.length; cut++) {
      const { reader, delays } = read([chunked.slice(0, cut), chunked.slice(cut)]);
      assert.deepEqual(delays, [1_500, 500], `cut at ${cut}`);
      assert.ok(reader.isCompleted && reader.isEnded, `cut at ${cut}`);
    }
  });

  it("reads events that a proxy cut into other chunks", () => {
    const body = events.join("");
    const pieces = body.match(/[\s\S]{1,7}/g) ?? [];
    const reframed = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("");
    const { reader } = read([`${head}transfer-encoding: chunked\r\n\r\n${reframed}0\r\n\r\n`]);
    assert.equal(reader.events, 2);
    assert.ok(reader.isCompleted && reader.isEnded);
  });

  it("knows a stream that was cut before its end", () => {
    const { reader } = read([chunked.slice(0, chunked.indexOf("event: response.completed"))]);
    assert.equal(reader.events, 2);
    assert.equal(reader.isCompleted, false);
    assert.equal(reader.isEnded, false);
  });

  it("knows one that lacks its last chunk only", () => {
    const { reader } = read([chunked.slice(0, chunked.lastIndexOf("0\r\n\r\n"))]);
    assert.ok(reader.isCompleted);
    assert.equal(reader.isEnded, false);
  });

  it("reads a body without framing", () => {
    const { reader } = read([`${head}\r\n${events.join("")}`]);
    assert.equal(reader.events, 2);
    assert.ok(reader.isCompleted);
    assert.equal(reader.isEnded, false);
  });

  it("throws for a refusal", () => {
    assert.throws(() => read(["HTTP/1.1 503 Service Unavailable\r\n\r\n"]), /503 Service Unavailable/);
  });
});
