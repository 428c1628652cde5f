/** Worker processes as Node forks them: their channel carries messages, and connections that were accepted here. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { LinkClosedError, type Port } from "./link.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** What goes over the channel besides a link's own messages. */
type HandOver =
  | { readonly kind: "connection"; readonly number: number }
  /** The connection is with the worker. */
  | { readonly kind: "taken"; readonly number: number };

/** Makes what starts workers from this file, whose output is the keeper's own. */
export function createForker(file: URL): () => WorkerProcess {
  return () => {
    const child = fork(fileURLToPath(file), [], {
      // As the command does it for its own process.
      execArgv: [...process.execArgv, "--disable-warning=ExperimentalWarning"],
      serialization: "advanced",
    });
    // A channel that breaks is told by its end.
    child.on("error", () => {});
    const exited = once(child, "exit").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }));
    return {
      pid: child.pid ?? 0,
      port: portTo(child),
      give: connectionGiver(child),
      kill: (signal) => void child.kill(signal),
      exited,
    };
  };
}

function portTo(child: ChildProcess): Port {
  return {
    send: (message) => {
      if (child.connected) child.send(message as object, () => {});
    },
    onMessage: (listener) => onLinkMessage(child, listener),
    onClose: (listener) => {
      child.once("disconnect", listener);
      child.once("exit", listener);
    },
  };
}

function connectionGiver(child: ChildProcess): (connection: Socket) => Promise<void> {
  const given = new Map<number, PromiseWithResolvers<void>>();
  let lastNumber = 0;
  child.on("message", (message) => {
    const handOver = message as HandOver;
    if (handOver.kind !== "taken") return;
    given.get(handOver.number)?.resolve();
    given.delete(handOver.number);
  });
  child.once("exit", () => {
    for (const { reject } of given.values()) reject(new LinkClosedError("The worker is gone."));
    given.clear();
  });
  return async (connection) => {
    // One that has been reset while it waited.
    if (connection.destroyed) return;
    const number = ++lastNumber;
    const taking = Promise.withResolvers<void>();
    given.set(number, taking);
    const handOver: HandOver = { kind: "connection", number };
    // Kept open here until it is known to be there, so that it cannot be lost on the way.
    child.send(handOver, connection, { keepOpen: true }, (error) => {
      if (error !== null) taking.reject(error);
    });
    await taking.promise;
  };
}

/** A worker's way to its keeper. */
export interface KeeperChannel {
  readonly port: Port;
  /** Connections that were accepted there; none has been read from. */
  onConnection(listener: (connection: Socket) => void): void;
}

export function channelToKeeper(): KeeperChannel {
  return {
    port: {
      send: (message) => {
        if (process.connected) process.send?.(message, undefined, undefined, () => {});
      },
      onMessage: (listener) => onLinkMessage(process, listener),
      onClose: (listener) => {
        process.once("disconnect", listener);
        // It went while this process was loading.
        if (!process.connected) queueMicrotask(listener);
      },
    },
    onConnection: (listener) => {
      process.on("message", (message, handle) => {
        const handOver = message as HandOver;
        if (handOver.kind !== "connection") return;
        process.send?.(
          { kind: "taken", number: handOver.number } satisfies HandOver,
          undefined,
          undefined,
          () => {},
        );
        // Absent when it was closed on the way.
        if (handle instanceof Socket) listener(handle);
      });
    },
  };
}

function onLinkMessage(
  source: Pick<ChildProcess, "on"> | NodeJS.Process,
  listener: (message: unknown) => void,
): void {
  (source as Pick<ChildProcess, "on">).on("message", (message) => {
    const { kind } = message as HandOver;
    if (kind !== "connection" && kind !== "taken") listener(message);
  });
}
