/**
 * The provider of the benchmark, on bare sockets so that it costs little: a large request gets W2's reply in one
 * write, a small one W1's, unless its text orders a slow stream. Prints its port. It knows `content-length` and
 * no other framing of a request.
 */

import { type AddressInfo, createServer, type Socket } from "node:net";
import { nowUs } from "../load/stamp.ts";
import { findStreamOrder, slowEnd, slowEvent, smallReply, streamHead, turnReply } from "./replies.ts";
import type { StreamOrder } from "./replies.ts";

/** From here on a request is W2's, and its text is not kept. */
const largeBytes = 10_000;
const tickMs = 1;

interface SlowStream {
  readonly socket: Socket;
  readonly order: StreamOrder;
  sent: number;
  nextUs: number;
}

const slowStreams = new Set<SlowStream>();
let ticking: NodeJS.Timeout | null = null;

/** One timer for all: thousands of them would cost more than the writes. */
function tick(): void {
  const now = nowUs();
  for (const stream of slowStreams) {
    if (stream.socket.destroyed) slowStreams.delete(stream);
    else if (stream.nextUs <= now) writeEvent(stream);
  }
  if (slowStreams.size > 0 || ticking === null) return;
  clearInterval(ticking);
  ticking = null;
}

function writeEvent(stream: SlowStream): void {
  const { socket, order } = stream;
  if (stream.sent === order.events) {
    slowStreams.delete(stream);
    socket.write(slowEnd(order), "latin1");
    return;
  }
  socket.write(slowEvent(stream.sent, nowUs()), "latin1");
  stream.sent++;
  stream.nextUs += 1_000_000 / order.eventsPerSecond;
}

function answer(socket: Socket, body: string | null): void {
  const order = body === null ? null : findStreamOrder(body);
  if (order === null) {
    socket.write(body === null ? turnReply : smallReply);
    return;
  }
  socket.write(streamHead, "latin1");
  slowStreams.add({ socket, order, sent: 0, nextUs: nowUs() });
  ticking ??= setInterval(tick, tickMs);
}

const server = createServer({ noDelay: true }, (socket) => {
  let text = "";
  /** Of the body, still to come; -1 while the head is not complete. */
  let remaining = -1;
  let isLarge = false;
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    if (remaining === -1) {
      text += bytes.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end === -1) return;
      const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1] ?? 0);
      isLarge = length >= largeBytes;
      text = text.slice(end + 4);
      remaining = length - text.length;
    } else {
      if (!isLarge) text += bytes.toString("latin1");
      remaining -= bytes.length;
    }
    if (remaining > 0) return;
    answer(socket, isLarge ? null : text);
    remaining = -1;
    text = "";
  });
});

server.listen(0, "127.0.0.1", 4096, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
