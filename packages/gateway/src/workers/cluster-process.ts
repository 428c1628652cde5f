/**
 * Worker processes by `node:cluster`: the keeper's process has the listening socket and hands each connection to the
 * next worker in turn. Knows nothing of what they say to each other.
 */

import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Port } from "./link.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** Makes what starts workers from this file, whose output is the keeper's own. Call it once in a process. */
export function createForker(file: URL): () => WorkerProcess {
  // In turn, not as the kernel likes: connections live long, and so does what one worker has too many of.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({
    exec: fileURLToPath(file),
    args: [],
    // As the command does it for its own process.
    execArgv: [...process.execArgv, "--disable-warning=ExperimentalWarning"],
    serialization: "advanced",
  });
  return () => {
    const worker = cluster.fork();
    // A channel that breaks is told by its end.
    worker.on("error", () => {});
    return {
      pid: worker.process.pid ?? 0,
      port: portTo(worker),
      kill: (signal) => void worker.process.kill(signal),
      exited: once(worker, "exit").then(([code, signal]) => ({
        code: code as number | null,
        signal: signal as string | null,
      })),
    };
  };
}

function portTo(worker: Worker): Port {
  return {
    send: (message) => {
      if (worker.isConnected()) worker.send(message as object, () => {});
    },
    onMessage: (listener) => void worker.on("message", (message) => listener(message)),
    onClose: (listener) => {
      worker.once("disconnect", listener);
      worker.once("exit", listener);
    },
  };
}

/** This process's way to its keeper. */
export function portToKeeper(): Port {
  return {
    send: (message) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => {});
    },
    onMessage: (listener) => void process.on("message", (message) => listener(message)),
    onClose: (listener) => {
      // Node would end the process here; it is to finish what runs.
      cluster.worker?.once("disconnect", () => {
        if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
        listener();
      });
    },
  };
}
