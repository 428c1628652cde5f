/**
 * Connections to providers: dialled with a bound on time, kept while idle, one request at a time on each. It
 * knows sockets and TLS, and nothing of HTTP.
 */

import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { createReadBuffer } from "../read-buffer.ts";

export interface ConnectionsOptions {
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** More certificate authorities, PEM. */
  readonly extraCa?: string;
}

/** Who uses a connection now, and is told what happens on it. */
export interface ConnectionUser {
  /** The memory is the connection's again after the call. */
  onData(bytes: Buffer): void;
  /** The other side has said its last word. */
  onEnd(): void;
  /** Nothing comes after this. */
  onClosed(cause: Error): void;
}

export interface ConnectFailure {
  readonly isTimeout: boolean;
  readonly cause: Error;
}

export interface Connections {
  /**
   * Gives a connection that is ready to be written, an idle one first. Calls back exactly once, unless the
   * returned function cancels the wait.
   */
  open(
    origin: string,
    connectTimeoutMs: number,
    onOpen: (result: Connection | ConnectFailure) => void,
  ): () => void;
  close(): void;
}

export class Connection {
  readonly socket: Socket;
  readonly #onIdle: (connection: Connection) => void;
  #user: ConnectionUser | null = null;
  #error: Error | null = null;

  constructor({ socket, reads }: Dialled, onIdle: (connection: Connection) => void) {
    this.socket = socket;
    this.#onIdle = onIdle;
    const onData = (bytes: Buffer): void => {
      // Whatever an idle connection says, it says to nobody: it is out of step.
      if (this.#user === null) socket.destroy();
      else this.#user.onData(bytes);
    };
    if (reads === null) socket.on("data", onData);
    else reads.onBytes = onData;
    socket.on("end", () => {
      if (this.#user === null) socket.destroy();
      else this.#user.onEnd();
    });
    socket.on("timeout", () => socket.destroy());
    socket.on("error", (error: Error) => {
      this.#error = error;
    });
    socket.on("close", () => {
      const user = this.#user;
      this.#user = null;
      user?.onClosed(this.#error ?? new Error("The connection was closed."));
    });
  }

  get isUsable(): boolean {
    return !this.socket.destroyed && this.socket.writable && this.socket.readable;
  }

  use(user: ConnectionUser): void {
    this.#user = user;
    this.socket.setTimeout(0);
    this.socket.ref();
    this.socket.resume();
  }

  /** Gives the connection back for the next request; nothing may be left to read or write. */
  keep(): void {
    this.#user = null;
    this.socket.resume();
    this.socket.unref();
    this.#onIdle(this);
  }

  /** Ends the connection; its user hears no more of it. */
  discard(): void {
    this.#user = null;
    this.socket.destroy();
  }
}

export function createConnections(options: ConnectionsOptions): Connections {
  const idle = new Map<string, Connection[]>();
  /** TLS sessions to resume, by origin: saves a round trip and the certificate's verification. */
  const sessions = new Map<string, Buffer>();
  const sockets = new Set<Socket>();
  const buffer = createReadBuffer();

  const onIdle = (origin: string) => (connection: Connection) => {
    connection.socket.setTimeout(options.keepAliveTimeoutMs);
    const known = idle.get(origin);
    if (known === undefined) idle.set(origin, [connection]);
    else known.push(connection);
  };
  const forget = (origin: string, connection: Connection): void => {
    const known = idle.get(origin);
    const at = known?.indexOf(connection) ?? -1;
    if (at !== -1) known?.splice(at, 1);
  };

  return {
    open: (origin, connectTimeoutMs, onOpen) => {
      // The most recently used one is the least likely to have been closed by the other side.
      for (let kept = idle.get(origin)?.pop(); kept !== undefined; kept = idle.get(origin)?.pop()) {
        if (kept.isUsable) {
          onOpen(kept);
          return () => {};
        }
        kept.discard();
      }
      return dial({ ...options, origin, connectTimeoutMs, sessions, sockets, buffer }, (result) => {
        if ("cause" in result) {
          onOpen(result);
          return;
        }
        const connection = new Connection(result, onIdle(origin));
        result.socket.once("close", () => forget(origin, connection));
        onOpen(connection);
      });
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      idle.clear();
    },
  };
}

interface DialOptions extends ConnectionsOptions {
  readonly origin: string;
  readonly connectTimeoutMs: number;
  readonly sessions: Map<string, Buffer>;
  readonly sockets: Set<Socket>;
  readonly buffer: Buffer | null;
}

/** Reads into memory that all connections share; whose they are is known when the connection is made. */
interface Reads {
  onBytes: (bytes: Buffer) => void;
}

/** A connection that can be written; null: its reads are events. */
export interface Dialled {
  readonly socket: Socket;
  readonly reads: Reads | null;
}

function dial(options: DialOptions, onDialled: (result: Dialled | ConnectFailure) => void): () => void {
  const { socket, reads, readyEvent } = startDial(options);
  options.sockets.add(socket);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  socket.once("close", () => options.sockets.delete(socket));
  let isOver = false;
  const finish = (result: Dialled | ConnectFailure | null): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    if (result === null || "cause" in result) socket.destroy();
    if (result !== null) onDialled(result);
  };
  const timer = setTimeout(() => {
    finish({ isTimeout: true, cause: new Error(`No connection within ${options.connectTimeoutMs} ms.`) });
  }, options.connectTimeoutMs);
  socket.once(readyEvent, () => finish({ socket, reads }));
  socket.once("end", () =>
    finish({ isTimeout: false, cause: new Error("The connection ended while it was made.") }),
  );
  // Destroyed by `close()`, which is neither of them.
  socket.once("close", () =>
    finish({ isTimeout: false, cause: new Error("The connection was closed while it was made.") }),
  );
  // Stays for the socket's life: a late error of a socket that nobody waits for must not end the process.
  socket.on("error", (cause: Error) => finish({ isTimeout: false, cause }));
  return () => finish(null);
}

function startDial(options: DialOptions): Dialled & { readonly readyEvent: string } {
  const url = new URL(options.origin);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (url.protocol !== "https:") {
    const { reads, onread } = lentReads(options.buffer);
    const socket = connectTcp({ host, port: Number(url.port || 80), ...(onread === null ? {} : { onread }) });
    return { socket, reads, readyEvent: "connect" };
  }
  const session = options.sessions.get(options.origin);
  const tls: ConnectionOptions = {
    host,
    port: Number(url.port || 443),
    ALPNProtocols: ["http/1.1"],
    // A name for SNI may not be an IP address (RFC 6066 section 3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(options.extraCa === undefined ? {} : { ca: options.extraCa }),
    ...(session === undefined ? {} : { session }),
  };
  const socket = connectTls(tls);
  socket.on("session", (ticket) => options.sessions.set(options.origin, ticket));
  return { socket, reads: null, readyEvent: "secureConnect" };
}

function lentReads(buffer: Buffer | null): {
  readonly reads: Reads | null;
  readonly onread: OnReadOpts | null;
} {
  if (buffer === null) return { reads: null, onread: null };
  const reads: Reads = { onBytes: () => {} };
  const callback = (byteLength: number): boolean => {
    reads.onBytes(buffer.subarray(0, byteLength));
    return true;
  };
  return { reads, onread: { buffer, callback } };
}
