/** Both ends of a WebSocket as bare bytes: a caller that writes any frame there is, and a provider that scripts its own. */

import type { Socket } from "node:net";
import { type FakeProvider, grantOf, type RecordedRequest } from "./fake-provider.ts";
import { connectRaw, type RawCaller } from "./raw-caller.ts";

export interface FrameOptions {
  readonly isFinal?: boolean;
  readonly mask?: boolean;
  /** The reserved bits, as they stand in the first byte. */
  readonly reserved?: number;
}

export const op = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A frame by hand, right or wrong. */
export function rawFrame(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const bytes = Buffer.from(payload);
  const { length } = bytes;
  const first = (options.isFinal === false ? 0 : 0x80) | (options.reserved ?? 0) | opcode;
  const maskBit = options.mask === true ? 0x80 : 0;
  let head = Buffer.from([first, maskBit | length]);
  if (length > 125 && length < 65_536) head = Buffer.from([first, maskBit | 126, length >> 8, length & 255]);
  if (length >= 65_536) {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = maskBit | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (options.mask !== true) return Buffer.concat([head, bytes]);
  const mask = Buffer.from([0xa1, 0xb2, 0xc3, 0xd4]);
  return Buffer.concat([head, mask, bytes.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
}

/** A caller's frame. */
export function masked(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  return rawFrame(opcode, payload, { ...options, mask: true });
}

export function closePayload(code: number, reason = ""): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
}

/** The end of a connection that a script got. */
export interface RawProviderEnd {
  readonly request: RecordedRequest;
  readonly socket: Socket;
  received(): Buffer;
  /** Resolves when so many bytes have come, or the connection has ended. */
  until(byteLength: number): Promise<Buffer>;
  /** Resolves when the other side has ended or reset it. */
  readonly ended: Promise<void>;
}

/** Takes the provider's next WebSockets, one for each call of the function that is returned. */
export function takeSockets(provider: FakeProvider): () => Promise<RawProviderEnd> {
  const waiting: ((end: RawProviderEnd) => void)[] = [];
  const ready: RawProviderEnd[] = [];
  provider.scriptSocket((request, socket, head) => {
    const headers = Object.fromEntries(request.headers.map(([name, value]) => [name.toLowerCase(), value]));
    socket.write(grantOf({ headers }, [["x-request-id", "req_socket"]]), "latin1");
    const end = providerEnd(request, socket, head);
    const next = waiting.shift();
    if (next === undefined) ready.push(end);
    else next(end);
    return true;
  });
  return () => {
    const known = ready.shift();
    return known === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(known);
  };
}

function providerEnd(request: RecordedRequest, socket: Socket, head: Buffer): RawProviderEnd {
  const chunks: Buffer[] = [head];
  const watchers = new Set<() => void>();
  const tell = (): void => {
    for (const watcher of watchers) watcher();
  };
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    tell();
  });
  socket.on("error", () => {});
  const ended = new Promise<void>((resolve) => {
    for (const event of ["end", "close"])
      socket.on(event, () => {
        resolve();
        tell();
      });
  });
  const received = (): Buffer => Buffer.concat(chunks);
  return {
    request,
    socket,
    received,
    ended,
    until: (byteLength) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (received().length < byteLength && !socket.readableEnded && !socket.destroyed) return;
          watchers.delete(check);
          resolve(received());
        };
        watchers.add(check);
        check();
      }),
  };
}

/** A caller's upgraded connection; what it gets after the 101 is `got()`. */
export interface RawSocketCaller {
  readonly raw: RawCaller;
  got(): Buffer;
  /** Resolves when so many bytes have come behind the 101, or the connection has ended. */
  until(byteLength: number): Promise<Buffer>;
  /** All that came behind the 101, once the connection has ended. */
  ended(): Promise<Buffer>;
}

export async function upgradeRaw(url: string, token: string): Promise<RawSocketCaller> {
  const raw = await connectRaw(url);
  const { pathname, search } = new URL(url);
  raw.write(
    [
      `GET ${pathname}${search} HTTP/1.1`,
      "host: gateway",
      "connection: Upgrade",
      "upgrade: websocket",
      "sec-websocket-version: 13",
      "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-extensions: permessage-deflate; client_max_window_bits",
      `authorization: Bearer ${token}`,
      "",
      "",
    ].join("\r\n"),
  );
  const reply = await raw.until((text) => text.includes("\r\n\r\n"));
  if (!reply.startsWith("HTTP/1.1 101 ")) throw new Error(reply);
  const headEnd = reply.indexOf("\r\n\r\n") + 4;
  const got = (): Buffer => Buffer.from(raw.received().slice(headEnd), "latin1");
  return {
    raw,
    got,
    until: async (byteLength) => {
      await raw.until((text) => text.length - headEnd >= byteLength);
      return got();
    },
    ended: async () => {
      await raw.closed();
      return got();
    },
  };
}
