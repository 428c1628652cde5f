/** Plays a simulated reply on a node:http response, with real waiting and real cuts. */

import type { ServerResponse } from "node:http";
import type { SimulatedReply } from "@meshagent/llm-proxy-gateway/providers/simulated/reply";

/**
 * Writes the reply. Resolves to true when all of it was handed to the system, false when it was cut by
 * itself or the peer left.
 */
export async function writeSimulatedReply(
  response: ServerResponse,
  reply: SimulatedReply,
  pieceBytes?: number,
): Promise<boolean> {
  const peer = watchPeer(response);
  await peer.wait(reply.headerDelayMs);
  if (peer.isGone()) return false;
  response.sendDate = false;
  response.writeHead(reply.status, reply.headers.flat());
  response.flushHeaders();
  for (const step of reply.steps) {
    if (peer.isGone()) return false;
    if (step.kind === "bytes") {
      for (const piece of split(step.bytes, pieceBytes)) await peer.write(piece);
    } else if (step.kind === "cut") {
      response.socket?.destroy();
      return false;
    } else {
      await peer.wait(step.kind === "wait" ? step.waitMs : Infinity);
    }
  }
  return await peer.end();
}

interface Peer {
  isGone(): boolean;
  /** Waits, until the peer leaves at the latest. */
  wait(waitMs: number): Promise<void>;
  /** Writes, and waits while the peer does not read. */
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<boolean>;
}

function watchPeer(response: ServerResponse): Peer {
  const isGone = (): boolean => response.destroyed || response.socket === null || response.socket.destroyed;
  const untilEither = async (begin: (resolve: () => void) => void): Promise<void> => {
    await new Promise<void>((resolve) => {
      response.once("close", resolve);
      begin(() => {
        response.off("close", resolve);
        resolve();
      });
    });
  };
  return {
    isGone,
    wait: async (waitMs) => {
      if (waitMs === 0 || isGone()) return;
      let timer: NodeJS.Timeout | undefined;
      await untilEither((resolve) => {
        if (waitMs !== Infinity) timer = setTimeout(resolve, waitMs);
      });
      clearTimeout(timer);
    },
    write: async (bytes) => {
      if (isGone() || response.write(bytes)) return;
      await untilEither((resolve) => response.once("drain", resolve));
    },
    end: async () => {
      if (isGone()) return false;
      await untilEither((resolve) => response.end(resolve));
      return response.writableFinished;
    },
  };
}

function* split(bytes: Uint8Array, pieceBytes: number | undefined): Iterable<Uint8Array> {
  const size = pieceBytes ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
