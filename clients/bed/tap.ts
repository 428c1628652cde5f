/**
 * A listener on the wire between a client and the gateway: passes bytes, closes and resets on as they are, counts
 * the client's requests without asking the gateway, and tells when the client has been sent a certain text.
 * Alters nothing.
 */

import { createConnection, createServer, type AddressInfo, type Socket } from "node:net";

export interface Tap {
  /** What the client is given in place of the gateway's URL. */
  readonly url: string;
  /** First lines of the requests, such as `POST /openai/v1/responses HTTP/1.1`. */
  readonly requests: readonly string[];
  /** Whether this text went to the client so far. */
  wasSent(text: string): boolean;
  /** Resolves once this text went to the client. */
  untilSent(text: string): Promise<void>;
  close(): Promise<void>;
}

/** A line inside a JSON body cannot look like this: JSON has no bare line ends inside its strings. */
const requestLine = /^(?:[A-Z]+) \/\S* HTTP\/1\.1(?=\r\n)/gm;

/** Puts a tap before a gateway; `gatewayUrl` is `http://127.0.0.1:port`. */
export async function startTap(gatewayUrl: string): Promise<Tap> {
  const requests: string[] = [];
  const waiting = new Map<string, () => void>();
  const sockets = new Set<Socket>();
  let sent = "";
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const gateway = createConnection({
      host: "127.0.0.1",
      port: Number(new URL(gatewayUrl).port),
      allowHalfOpen: true,
    });
    join(client, gateway);
    for (const socket of [client, gateway]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
    client.on("data", (chunk: Buffer) =>
      requests.push(...(chunk.toString("latin1").match(requestLine) ?? [])),
    );
    gateway.on("data", (chunk: Buffer) => {
      sent += chunk.toString("latin1");
      for (const [text, resolve] of waiting) if (sent.includes(text)) resolve();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    wasSent: (text) => sent.includes(text),
    untilSent: (text) =>
      new Promise((resolve) => {
        if (sent.includes(text)) resolve();
        else waiting.set(text, resolve);
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function join(client: Socket, gateway: Socket): void {
  client.pipe(gateway);
  gateway.pipe(client);
  client.on("error", () => gateway.resetAndDestroy());
  gateway.on("error", () => client.resetAndDestroy());
  client.on("close", () => gateway.destroySoon());
  gateway.on("close", () => client.destroySoon());
}
