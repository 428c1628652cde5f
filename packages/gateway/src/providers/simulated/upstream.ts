/**
 * The simulated provider as an upstream, in the gateway's own process: no socket, no key, no network. It
 * keeps the contract of every upstream client: nothing is told after an abort, and a paused call stands
 * still.
 */

import type { Clock } from "../../clock.ts";
import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailureReason,
  UpstreamObserver,
  UpstreamRequest,
} from "../../upstream/client.ts";
import type { DialectName } from "../provider.ts";
import type { SimulatedReply, SimulatedStep } from "./reply.ts";
import { createSimulation, type Simulation } from "./simulation.ts";

/** The origin that stands for a dialect's simulated provider; it resolves nowhere and is never dialled. */
export const simulatedOrigins: Readonly<Record<DialectName, string>> = {
  openai: "http://simulated.openai",
  anthropic: "http://simulated.anthropic",
};

export interface SimulatedUpstreamOptions {
  readonly clock: Clock;
  /** Keeps the ids of one process apart from those of another, such as its boot id. */
  readonly idSeed?: string;
  /** Answers; one of its own unless told. */
  readonly simulation?: Simulation;
  /** Runs `action` once after `delayMs`; returns what cancels it. For tests; a timer otherwise. */
  readonly schedule?: (action: () => void, delayMs: number) => () => void;
}

/** Node fires a timer at once when it is longer than this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** An upstream client that answers by itself. */
export function createSimulatedUpstream(options: SimulatedUpstreamOptions): UpstreamClient {
  const simulation = options.simulation ?? createSimulation(options);
  const schedule = options.schedule ?? scheduleTimer;
  return {
    send: (request, observer) => {
      const reply = simulation.answer({
        dialect: request.origin === simulatedOrigins.anthropic ? "anthropic" : "openai",
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: Buffer.concat([...(request.body?.chunks() ?? [])]),
      });
      return new SimulatedCall(reply, { request, observer, schedule });
    },
    close: async () => {},
  };
}

interface CallSurroundings {
  readonly request: UpstreamRequest;
  readonly observer: UpstreamObserver;
  readonly schedule: (action: () => void, delayMs: number) => () => void;
}

/** Plays one reply to its observer. */
class SimulatedCall implements UpstreamCall {
  readonly #reply: SimulatedReply;
  readonly #surroundings: CallSurroundings;
  readonly #steps: Iterator<SimulatedStep>;
  #cancel: () => void;
  #isPaused = false;
  #isOver = false;

  constructor(reply: SimulatedReply, surroundings: CallSurroundings) {
    this.#reply = reply;
    this.#surroundings = surroundings;
    this.#steps = reply.steps[Symbol.iterator]();
    const { firstByteTimeoutMs } = surroundings.request.timeouts;
    this.#cancel = () => {};
    this.#wait(reply.headerDelayMs, firstByteTimeoutMs, {
      goOn: () => this.#begin(),
      late: "first_byte_timeout",
    });
  }

  resume(): void {
    if (!this.#isPaused || this.#isOver) return;
    this.#isPaused = false;
    this.#soon();
  }

  abort(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #begin(): void {
    const { status, headers } = this.#reply;
    this.#surroundings.observer.onReply({ status, statusText: "", headers });
    if (!this.#isOver) this.#soon();
  }

  /** Every step has its own turn of the event loop, so that a long reply starves nobody. */
  #soon(): void {
    const immediate = setImmediate(() => this.#play());
    this.#cancel = () => clearImmediate(immediate);
  }

  #play(): void {
    const next = this.#steps.next();
    const { observer, request } = this.#surroundings;
    if (next.done === true) {
      this.#isOver = true;
      observer.onEnd();
      return;
    }
    const step = next.value;
    switch (step.kind) {
      case "bytes":
        this.#isPaused = !observer.onChunk(step.bytes);
        if (!this.#isPaused && !this.#isOver) this.#soon();
        return;
      case "wait":
      case "stall": {
        const waitMs = step.kind === "wait" ? step.waitMs : Infinity;
        this.#wait(waitMs, request.timeouts.idleTimeoutMs, {
          goOn: () => this.#play(),
          late: "idle_timeout",
        });
        return;
      }
      case "cut":
        this.#fail("connection_lost");
    }
  }

  /** Goes on after `waitMs`, or fails after `mostMs`, whichever is first. */
  #wait(waitMs: number, mostMs: number, ends: { goOn: () => void; late: UpstreamFailureReason }): void {
    if (waitMs === 0) {
      const immediate = setImmediate(ends.goOn);
      this.#cancel = () => clearImmediate(immediate);
      return;
    }
    const isLate = waitMs > mostMs;
    const action = isLate ? (): void => this.#fail(ends.late) : ends.goOn;
    this.#cancel = this.#surroundings.schedule(action, Math.min(waitMs, mostMs, LONGEST_TIMER_MS));
  }

  #fail(reason: UpstreamFailureReason): void {
    this.#isOver = true;
    const cause = new Error(`The simulated provider ended the reply: ${reason}.`);
    this.#surroundings.observer.onFailure({ reason, isUnsent: false, cause });
  }
}

function scheduleTimer(action: () => void, delayMs: number): () => void {
  const timer = setTimeout(action, delayMs);
  return () => clearTimeout(timer);
}
