/** Where a server's connections come from: a port of its own, or a process beside it that has accepted them. */

import type { Server } from "node:http";
import type { Socket } from "node:net";

/** How long a silent connection may be before the kernel asks whether the other end is still there. */
export const keepAliveInitialDelayMs = 60_000;

/** A process that listens, and hands over what it accepts. */
export interface ConnectionSource {
  /** Where it listens. */
  readonly port: number;
  /** None of them has been read from. */
  onConnection(listener: (connection: Socket) => void): void;
}

/** Resolves with the port once connections are taken. Rejects with what listening throws. */
export function listen(
  server: Server,
  at: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: at.host, port: at.port, backlog: 4096 }, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : at.port);
    });
  });
}

/** Serves what another process has accepted as if it had been accepted here. */
export function listenTo(server: Server, source: ConnectionSource): number {
  // With this `node:http` begins to look for connections that never send a head.
  server.emit("listening");
  source.onConnection((connection) => {
    // What an accepted connection of `node:http` has, and one that is handed over has not.
    connection.allowHalfOpen = true;
    connection.setNoDelay(true);
    connection.setKeepAlive(true, keepAliveInitialDelayMs);
    server.emit("connection", connection);
  });
  return source.port;
}
