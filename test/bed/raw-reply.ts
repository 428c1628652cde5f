/**
 * Replies written byte by byte, for what no well-behaved server does: broken framing, resets, silence. The
 * test says the bytes; nothing here adds or repairs any.
 */

import type { Socket } from "node:net";

/** Bytes to write (a string is UTF-8), a pause, or something to wait for before going on. */
export type RawPiece =
  | string
  | Uint8Array
  | { readonly waitMs: number }
  | { readonly until: Promise<unknown> };

export interface RawReply {
  readonly pieces: Iterable<RawPiece> | AsyncIterable<RawPiece>;
  /**
   * What happens to the connection afterwards. `keep`: the reply had its own end and the next request may
   * come. `close`: FIN, also the end of a close-framed body. `reset`: RST. `hang`: nothing, ever.
   */
  readonly end: "keep" | "close" | "reset" | "hang";
}

/** Status line and header lines, with the empty line that ends them. */
export function rawHead(
  status: number,
  lines: readonly (readonly [string, string])[],
  reason = "Raw",
): string {
  const head = [`HTTP/1.1 ${status} ${reason}`, ...lines.map(([name, value]) => `${name}: ${value}`)];
  return `${head.join("\r\n")}\r\n\r\n`;
}

/** One chunk of `transfer-encoding: chunked`. */
export function rawChunk(data: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

/** The end of a chunked body, with trailers when there are any. */
export function rawLastChunk(trailers: readonly (readonly [string, string])[] = []): string {
  return `0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** A whole reply of a known length, after which the connection stays usable. */
export function rawJson(
  status: number,
  text: string,
  lines: readonly (readonly [string, string])[] = [],
): RawReply {
  const length = String(Buffer.byteLength(text));
  const head = rawHead(status, [["content-type", "application/json"], ["content-length", length], ...lines]);
  return { pieces: [head, text], end: "keep" };
}

/** Writes the reply. Resolves to true when all of it was handed to the system, false when the peer was gone. */
export async function writeRawReply(socket: Socket, reply: RawReply): Promise<boolean> {
  const closing = Promise.withResolvers<void>();
  const onClose = (): void => closing.resolve();
  if (socket.destroyed) onClose();
  else socket.once("close", onClose);
  const closed = closing.promise;
  try {
    for await (const piece of reply.pieces) {
      if (socket.destroyed) return false;
      if (typeof piece === "string" || piece instanceof Uint8Array) await write(socket, piece, closed);
      else if ("waitMs" in piece) await pause(piece.waitMs, closed);
      else await Promise.race([piece.until, closed]);
    }
  } finally {
    socket.off("close", onClose);
  }
  if (socket.destroyed) return false;
  if (reply.end === "close") socket.end();
  if (reply.end === "reset") socket.resetAndDestroy();
  return true;
}

/** Waits for the system to take the bytes, so that a peer that does not read is felt. */
async function write(socket: Socket, data: string | Uint8Array, closed: Promise<void>): Promise<void> {
  const taken = new Promise<void>((resolve) => {
    socket.write(data, () => resolve());
  });
  await Promise.race([taken, closed]);
}

async function pause(waitMs: number, closed: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
  });
  await Promise.race([passed, closed]);
  clearTimeout(timer);
}
