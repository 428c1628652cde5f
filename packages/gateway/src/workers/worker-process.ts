/** A worker as its keeper has it: a process that can be asked, killed and waited for. */

import type { Taker } from "./door.ts";
import type { Port } from "./link.ts";

/** How a process ended: one of the two is null. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface WorkerProcess extends Taker {
  readonly pid: number;
  readonly port: Port;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
  /** Resolves when the kernel has no such process any more: it writes nothing from then on. Never rejects. */
  readonly exited: Promise<ProcessEnd>;
}
