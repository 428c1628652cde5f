/**
 * The provider of the benchmark, on bare sockets so that it costs little: a small request gets W1's JSON reply of
 * 1.5 KB, a large one W2's 300 events of about 120 bytes, a chunk each, in one write. Prints its port.
 */

import { type AddressInfo, createServer } from "node:net";

const usage =
  '"usage":{"input_tokens":90000,"input_tokens_details":{"cached_tokens":88000},"output_tokens":300,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":90300}';

function event(index: number): string {
  const data = `{"type":"response.output_text.delta","sequence_number":${index},"delta":"word "}`;
  return `event: response.output_text.delta\ndata: ${data}\n\n`;
}

function frame(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const completed = `event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_b","model":"gpt-5.5","status":"completed",${usage}}}\n\n`;
const events = Array.from({ length: 300 }, (_each, index) => frame(event(index))).join("");
const stream = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${events}${frame(completed)}0\r\n\r\n`,
);
const text = "x".repeat(1150);
const json = `{"id":"resp_b","model":"gpt-5.5","status":"completed","output":[{"type":"message","text":"${text}"}],${usage}}`;
const plain = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
);

const server = createServer((socket) => {
  let head = "";
  let remaining = -1;
  let length = 0;
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    let rest = bytes.length;
    if (remaining === -1) {
      head += bytes.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) return;
      length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      remaining = length;
      rest = head.length - end - 4;
      head = "";
    }
    remaining -= rest;
    if (remaining > 0) return;
    remaining = -1;
    socket.write(length > 10_000 ? stream : plain);
  });
});

server.listen(0, "127.0.0.1", 4096, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
