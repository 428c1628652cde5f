/** A forward proxy as companies run them: it opens tunnels by CONNECT, and writes down for whom. */

import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ConnectProxy {
  readonly port: number;
  /** `host:port` of every CONNECT. */
  readonly tunnels: readonly string[];
  /** The `proxy-authorization` of each. */
  readonly credentials: readonly (string | undefined)[];
  /** Every request that was no CONNECT. */
  readonly others: readonly string[];
  /** How it answers a CONNECT from now on; `silent` never does. */
  mode: "open" | "refuse" | "silent";
  close(): Promise<void>;
}

export async function startConnectProxy(): Promise<ConnectProxy> {
  const tunnels: string[] = [];
  const credentials: (string | undefined)[] = [];
  const others: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    others.push(`${request.method} ${request.url}`);
    response.writeHead(403).end();
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (request, caller, head) => {
    const target = request.url ?? "";
    tunnels.push(target);
    credentials.push(request.headers["proxy-authorization"]);
    caller.on("error", () => {});
    if (proxy.mode === "silent") return;
    if (proxy.mode === "refuse") {
      caller.end(
        "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
      );
      return;
    }
    const upstream = connect(Number(target.split(":").at(-1)), "127.0.0.1", () => {
      caller.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.write(head);
      upstream.pipe(caller).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => caller.destroy());
    upstream.on("close", () => caller.destroy());
    caller.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: ConnectProxy = {
    port: (server.address() as AddressInfo).port,
    tunnels,
    credentials,
    others,
    mode: "open",
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
