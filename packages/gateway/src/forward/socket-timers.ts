/** The clocks of one WebSocket. They call back, and decide nothing. */

import type { SocketSettings } from "./socket-settings.ts";

export interface SocketTimerCallbacks {
  /** Nothing moved for too long. */
  readonly onIdle: () => void;
  readonly onLifetime: () => void;
  /** The caller left, and the reply takes too long. */
  readonly onDrainOver: () => void;
  /** What runs at the end of a socket takes too long. */
  readonly onEndingOver: () => void;
}

export class SocketTimers {
  readonly #settings: SocketSettings;
  readonly #callbacks: SocketTimerCallbacks;
  readonly #idle: NodeJS.Timeout;
  readonly #timers: NodeJS.Timeout[];

  constructor(settings: SocketSettings, callbacks: SocketTimerCallbacks) {
    this.#settings = settings;
    this.#callbacks = callbacks;
    this.#idle = setTimeout(callbacks.onIdle, settings.socketIdleTimeoutMs);
    this.#timers = [this.#idle, setTimeout(callbacks.onLifetime, settings.socketMaxLifetimeMs)];
  }

  /** Something moved. */
  touch(): void {
    this.#idle.refresh();
  }

  startDrain(): void {
    this.#timers.push(setTimeout(this.#callbacks.onDrainOver, this.#settings.drainMaxMs));
  }

  startEnding(): void {
    this.#timers.push(setTimeout(this.#callbacks.onEndingOver, this.#settings.drainMaxMs));
  }

  /** The closing handshake of one side waits for the other's. */
  awaitClose(ms: number, onOver: () => void): void {
    this.#timers.push(setTimeout(onOver, ms));
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
