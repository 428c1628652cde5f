/** A caller's end of a WebSocket, by another implementation than the gateway's: what came, in order, and how it ended. */

import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type ClientOptions, type RawData, WebSocket } from "ws";

export interface SocketMessage {
  readonly type: string;
  readonly [name: string]: unknown;
}

export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
}

/** A plain reply to the upgrade. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export class SocketCaller {
  readonly socket: WebSocket;
  /** Headers of the 101. */
  readonly headers: IncomingMessage["headers"];
  readonly messages: SocketMessage[] = [];
  readonly binaries: Buffer[] = [];
  /** Every text, as it came. */
  readonly texts: string[] = [];
  readonly ended: Promise<SocketEnd>;
  readonly #watchers = new Set<() => void>();
  #end: SocketEnd | null = null;

  constructor(socket: WebSocket, headers: IncomingMessage["headers"]) {
    this.socket = socket;
    this.headers = headers;
    socket.on("message", (data: RawData, isBinary: boolean) => {
      const bytes = data as Buffer;
      if (isBinary) this.binaries.push(bytes);
      else this.#take(bytes.toString());
      this.#changed();
    });
    socket.on("error", () => {});
    this.ended = new Promise((resolve) => {
      socket.on("close", (code: number, reason: Buffer) => {
        this.#end = { code, reason: reason.toString() };
        resolve(this.#end);
        this.#changed();
      });
    });
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The first message from `from` on for which this holds. Rejects when the socket ends without one. */
  async until(holds: (message: SocketMessage) => boolean, from = 0): Promise<SocketMessage> {
    for (;;) {
      const found = this.messages.slice(from).find(holds);
      if (found !== undefined) return found;
      if (this.#end !== null)
        throw new Error(`The socket ended (${JSON.stringify(this.#end)}) after ${this.texts.join("\n")}`);
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  untilType(type: string, from = 0): Promise<SocketMessage> {
    return this.until((message) => message.type === type, from);
  }

  /** Asks for a response and gives the message that ends it. */
  async respond(message: object): Promise<SocketMessage> {
    const from = this.messages.length;
    this.send({ type: "response.create", ...message });
    return this.until(({ type }) => isTerminal(type), from);
  }

  async close(code = 1000, reason = ""): Promise<SocketEnd> {
    this.socket.close(code, reason);
    return this.ended;
  }

  #take(text: string): void {
    this.texts.push(text);
    this.messages.push(JSON.parse(text) as SocketMessage);
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }
}

export function isTerminal(type: string): boolean {
  return ["response.completed", "response.incomplete", "response.failed", "response.done", "error"].includes(
    type,
  );
}

export interface OpenOptions extends ClientOptions {
  readonly token?: string;
  readonly protocols?: readonly string[];
}

/** `url` is the gateway's with `http`. Rejects with the refusal when there is one. */
export async function openSocket(url: string, options: OpenOptions = {}): Promise<SocketCaller> {
  const { token, protocols, ...rest } = options;
  const headers = { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...rest.headers };
  const socket = new WebSocket(url.replace(/^http/, "ws"), [...(protocols ?? [])], { ...rest, headers });
  let head: IncomingMessage["headers"] = {};
  socket.on("upgrade", (reply: IncomingMessage) => {
    head = reply.headers;
  });
  const refused = new Promise<never>((_resolve, reject) => {
    socket.on("unexpected-response", (_request, reply: IncomingMessage) => {
      const chunks: Buffer[] = [];
      reply.on("data", (chunk: Buffer) => chunks.push(chunk));
      reply.on("end", () => {
        const refusal: UpgradeRefusal = {
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          body: Buffer.concat(chunks).toString(),
        };
        reject(new UpgradeError(refusal));
      });
    });
    socket.on("error", reject);
  });
  const caller = { it: null as SocketCaller | null };
  socket.once("upgrade", (reply: IncomingMessage) => {
    caller.it = new SocketCaller(socket, reply.headers);
  });
  await Promise.race([once(socket, "open"), refused]);
  refused.catch(() => {});
  return caller.it ?? new SocketCaller(socket, head);
}

export class UpgradeError extends Error {
  readonly refusal: UpgradeRefusal;

  constructor(refusal: UpgradeRefusal) {
    super(`${refusal.status} ${refusal.body}`);
    this.refusal = refusal;
  }
}

/** The plain reply with which an upgrade is refused; throws when it is not. */
export async function refusalOf(url: string, options: OpenOptions = {}): Promise<UpgradeRefusal> {
  try {
    const caller = await openSocket(url, options);
    caller.socket.terminate();
  } catch (error) {
    if (error instanceof UpgradeError) return error.refusal;
    throw error;
  }
  throw new Error("The upgrade was not refused.");
}
