/**
 * The door of a gateway of several processes: it has the listening socket and gives each connection to the process that
 * is the quickest to take one. It reads nothing of them. The port stays taken whoever dies: a connection that
 * comes while nobody takes any waits.
 */

import { createServer, type Server, type Socket } from "node:net";

export interface Taker {
  /** Resolves when the other process has the connection, rejects when it is gone. Never both for long. */
  give(connection: Socket): Promise<void>;
}

/** More than these wait for nobody: they are ended. */
const MAX_WAITING = 4096;
/** A busy process takes what it was given once in a turn of its event loop; who dies takes no more than these along. */
const MAX_ON_THE_WAY = 8;

export class Door {
  readonly #server: Server;
  /** How many connections each is being given; whoever was given one the longest ago comes first. */
  readonly #takers = new Map<Taker, number>();
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

  /** Gives connections to it, too. */
  admit(taker: Taker): void {
    this.#takers.set(taker, 0);
    this.#hand();
  }

  /** Gives it no more. What it is being given is its own still. */
  dismiss(taker: Taker): void {
    this.#takers.delete(taker);
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
    for (let taker = this.#next(); taker !== null; taker = this.#next()) {
      const socket = this.#waiting.shift();
      if (socket === undefined) return;
      const onTheWay = this.#takers.get(taker) ?? 0;
      // To the end of the line.
      this.#takers.delete(taker);
      this.#takers.set(taker, onTheWay + 1);
      void this.#give(taker, socket);
    }
  }

  /** Who has the least on the way, in turn; null while all have enough. */
  #next(): Taker | null {
    let found: Taker | null = null;
    let least = MAX_ON_THE_WAY;
    for (const [taker, onTheWay] of this.#takers) {
      if (onTheWay < least) [found, least] = [taker, onTheWay];
    }
    return found;
  }

  async #give(taker: Taker, socket: Socket): Promise<void> {
    try {
      await taker.give(socket);
    } catch {
      // It may have read some of it, so that nobody else can make sense of the rest: the caller comes again.
    }
    // Ends the connection if this was the last process to have it.
    socket.destroy();
    const onTheWay = this.#takers.get(taker);
    if (onTheWay !== undefined) this.#takers.set(taker, onTheWay - 1);
    this.#hand();
  }
}
