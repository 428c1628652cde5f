/**
 * The door of a gateway of several processes: it has the listening socket and gives each connection to the next
 * process that is free to take one. It reads nothing of them. The port stays taken whoever dies: a connection that
 * comes while nobody takes any waits.
 */

import { createServer, type Server, type Socket } from "node:net";

export interface Taker {
  /** Resolves when the other process has the connection, rejects when it is gone. Never both for long. */
  give(connection: Socket): Promise<void>;
}

/** More than these wait for nobody: they are ended. */
const MAX_WAITING = 4096;

export class Door {
  readonly #server: Server;
  readonly #takers = new Set<Taker>();
  /** Those that have all they were given, whoever waits the longest first. */
  readonly #free: Taker[] = [];
  readonly #waiting: Socket[] = [];

  constructor() {
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
      this.#take(socket),
    );
  }

  /** Resolves with the port, which is another than asked for if that is 0. Rejects with what listening throws. */
  listen(at: { readonly host: string; readonly port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: at.host, port: at.port, backlog: MAX_WAITING }, () => {
        this.#server.off("error", reject);
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : at.port);
      });
    });
  }

  /** Gives connections to it, too, one at a time. */
  admit(taker: Taker): void {
    this.#takers.add(taker);
    this.#free.push(taker);
    this.#hand();
  }

  /** Gives it no more. One that it is being given is its own still. */
  dismiss(taker: Taker): void {
    this.#takers.delete(taker);
    const at = this.#free.indexOf(taker);
    if (at !== -1) this.#free.splice(at, 1);
  }

  /** Takes no connection any more, and ends those that nobody has taken. */
  close(): void {
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }

  #take(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#waiting.length >= MAX_WAITING) {
      socket.destroy();
      return;
    }
    this.#waiting.push(socket);
    this.#hand();
  }

  #hand(): void {
    while (this.#waiting.length > 0 && this.#free.length > 0) {
      const [socket, taker] = [this.#waiting.shift(), this.#free.shift()];
      if (socket !== undefined && taker !== undefined) void this.#give(taker, socket);
    }
  }

  async #give(taker: Taker, socket: Socket): Promise<void> {
    try {
      await taker.give(socket);
    } catch {
      // It may have read some of it, so that nobody else can make sense of the rest: the caller comes again.
    }
    // Ends the connection if this was the last process to have it.
    socket.destroy();
    if (this.#takers.has(taker)) this.#free.push(taker);
    this.#hand();
  }
}
