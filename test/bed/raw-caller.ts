/** A caller on a bare socket, for what no HTTP library sends: it writes the given bytes and keeps what comes back. */

import { connect, type Socket } from "node:net";

export interface RawCaller {
  readonly socket: Socket;
  write(bytes: string | Uint8Array): void;
  /** Everything received so far, as latin1. */
  received(): string;
  /** Resolves once what was received satisfies this; rejects when the connection ends first. */
  until(isThere: (received: string) => boolean): Promise<string>;
  /** Resolves with all of it when the connection has ended. */
  closed(): Promise<string>;
}

export async function connectRaw(url: string): Promise<RawCaller> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  let text = "";
  const watchers = new Set<() => void>();
  const tell = (): void => {
    for (const watcher of watchers) watcher();
  };
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1");
    tell();
  });
  socket.on("error", () => {});
  socket.on("close", tell);
  return {
    socket,
    write: (bytes) => {
      socket.write(bytes);
    },
    received: () => text,
    until: (isThere) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (isThere(text)) resolve(text);
          else if (socket.closed) reject(new Error(`The connection ended after: ${text}`));
          else return;
          watchers.delete(check);
        };
        watchers.add(check);
        check();
      }),
    closed: () =>
      new Promise((resolve) => {
        if (socket.closed) resolve(text);
        else socket.once("close", () => resolve(text));
      }),
  };
}

/** The body of a reply as received, its chunked framing removed when it has one. */
export function bodyOf(reply: string): string {
  const [head = "", ...rest] = reply.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) return body;
  let out = "";
  for (let at = 0; at < body.length;) {
    const lineEnd = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.slice(at, lineEnd), 16);
    if (Number.isNaN(size) || size === 0) break;
    out += body.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
  return out;
}
