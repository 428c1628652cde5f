/** The simulated provider's WebSockets, in the gateway's own process: a pair of streams, and no network between. */

import { duplexPair, type Duplex } from "node:stream";
import type { SocketClient } from "../../upstream/sockets.ts";
import { createSimulation, type Simulation, type SimulationOptions } from "./simulation.ts";
import { serveRealtimeSocket } from "./socket-realtime.ts";
import { serveResponsesSocket, type SimulatedSocketOptions } from "./socket-responses.ts";

const servers: Readonly<Record<string, (stream: Duplex, options: SimulatedSocketOptions) => void>> = {
  "/v1/responses": serveResponsesSocket,
  "/v1/realtime": serveRealtimeSocket,
};

/** Serves a connection of this path (`/v1/...`) whose handshake is over; null where there is no such socket. */
export function simulatedSocket(
  path: string,
): ((stream: Duplex, options: SimulatedSocketOptions) => void) | null {
  return servers[path] ?? null;
}

export interface SimulatedSocketsOptions extends SimulationOptions {
  /** Answers; one of its own unless told. */
  readonly simulation?: Simulation;
}

export function createSimulatedSockets(options: SimulatedSocketsOptions): SocketClient {
  const simulation = options.simulation ?? createSimulation(options);
  const open = new Set<Duplex>();
  return {
    open: async (request) => {
      const queryAt = request.path.indexOf("?");
      const path = queryAt === -1 ? request.path : request.path.slice(0, queryAt);
      const query = queryAt === -1 ? "" : request.path.slice(queryAt);
      const serve = simulatedSocket(path);
      if (serve === null) {
        const body = Buffer.from(
          JSON.stringify({ error: { message: "The simulated provider has no such WebSocket." } }),
        );
        return { kind: "refused", reply: { status: 404, statusText: "Not Found", headers: [] }, body };
      }
      const [ours, theirs] = duplexPair();
      open.add(ours);
      ours.once("close", () => {
        open.delete(ours);
        theirs.destroy();
      });
      theirs.once("close", () => ours.destroy());
      serve(theirs, { simulation, query });
      return {
        kind: "opened",
        reply: { status: 101, statusText: "Switching Protocols", headers: [] },
        protocol: null,
        stream: ours,
      };
    },
    close: async () => {
      for (const stream of open) stream.destroy();
    },
  };
}
