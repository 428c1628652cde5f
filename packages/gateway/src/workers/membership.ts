/**
 * What a worker has its keeper for: to hear of the others' changes and tell its own, to have usage collected, to add
 * up metrics. Serves nothing itself.
 */

import type { Collector } from "../collect/collector.ts";
import type { ConnectionSource } from "../server/listening.ts";
import type { Peers } from "../store/peers.ts";
import type { DirectoryChange } from "../store/store.ts";
import type { TlsFiles } from "../tls-files.ts";
import type { KeeperChannel } from "./forked-process.ts";
import { Link, LinkClosedError } from "./link.ts";
import type { KeeperQuestions, WorkerQuestions, WorkerStart } from "./questions.ts";

/** The place of a serving process among others. */
export interface Membership {
  readonly bootId: string;
  /** How many share what a gateway may have of memory, drains and sockets. */
  readonly workers: number;
  readonly peers: Peers;
  readonly connections: ConnectionSource;
  readonly collector: Collector;
  /** The metrics of all of them. */
  renderMetrics(): Promise<string>;
  /** Throws when the keeper is gone: then nothing may be begun, for the next one knows nothing of this process. */
  checkKeeper(): void;
}

/** What the keeper asks for. */
export interface WorkerHandlers {
  readonly renderMetrics: () => string;
  readonly renewTls: (tls: TlsFiles) => void;
  /** To finish what runs and end: by the keeper's word, or because it is gone. */
  readonly drain: (isKeeperGone: boolean) => void;
}

export interface KeeperLink {
  /** The first word. Rejects when the keeper does not want it any more. */
  begin(): Promise<WorkerStart>;
  /** The last of a start: connections come from now on. */
  serves(url: string): Promise<void>;
  /** No connection comes after it. */
  leaves(): Promise<void>;
  /** For a worker that began with this. */
  membership(start: WorkerStart, workers: number): Membership;
}

export function createKeeperLink(
  { port, onConnection }: KeeperChannel,
  handlers: WorkerHandlers,
): KeeperLink {
  const listeners = new Set<(change: DirectoryChange) => void>();
  const link = new Link<WorkerQuestions, KeeperQuestions>(port, {
    changed: (change) => {
      for (const listener of listeners) listener(change);
      return null;
    },
    metrics: () => handlers.renderMetrics(),
    renewTls: (tls) => {
      handlers.renewTls(tls);
      return null;
    },
    drain: () => {
      handlers.drain(false);
      return null;
    },
  });
  port.onClose(() => handlers.drain(true));
  const peers: Peers = {
    tell: async (change) => {
      await link.ask("changed", change);
    },
    onTold: (listener) => void listeners.add(listener),
  };
  return {
    begin: () => link.ask("begin", null),
    serves: async (url) => {
      await link.ask("serves", { url });
    },
    leaves: async () => {
      await link.ask("leaves", null);
    },
    membership: (start, workers) => ({
      bootId: start.bootId,
      workers,
      peers,
      connections: { port: start.port, onConnection },
      collector: collectorBeyond(link),
      renderMetrics: () => link.ask("metrics", null),
      checkKeeper: () => {
        // The kernel gives a process another parent in the moment in which its own dies.
        if (process.ppid !== start.keeperPid) throw new LinkClosedError("The keeper of this worker is gone.");
      },
    }),
  };
}

/** The keeper's collector. What does not reach it is in the store, where the next one finds it. */
function collectorBeyond(link: Link<WorkerQuestions, KeeperQuestions>): Collector {
  const tell = (asked: Promise<unknown>): void => void asked.catch(() => {});
  return {
    start: async () => {},
    add: (awaited) => tell(link.ask("addAwaited", awaited)),
    nudge: (key) => tell(link.ask("wasRead", key)),
    collectBefore: async (key) => {
      await link.ask("collectBefore", key).catch(() => {});
    },
    size: 0,
    stop: async () => {},
  };
}
