/**
 * The lane against `node:http`: the same bytes on the same wire, once with the lane before it and once without. What is
 * read must be the same requests, and what is refused must be refused by both.
 */

import assert from "node:assert/strict";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import type { CallerRequest, CallerResponse } from "../../exchange.ts";
import { createSlabs } from "../../slabs.ts";
import { refuseNonsense } from "../nonsense.ts";
import { createLane } from "./lane.ts";

interface Read {
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, unknown>>;
  readonly distinct: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** What a connection's bytes were taken for. */
interface Outcome {
  readonly read: readonly Read[];
  /** The status of the refusal that ended the connection, "" for none. */
  readonly refusal: string;
}

interface Bed {
  readonly port: number;
  /** By the caller's port: what was read on each connection. */
  readonly read: Map<number, Read[]>;
  /** Requests that did not come by `node:http`. */
  laned: number;
  close(): void;
}

async function open(hasLane: boolean): Promise<Bed> {
  const read = new Map<number, Read[]>();
  const serve = (request: CallerRequest, response: CallerResponse): void => {
    if (request.url?.startsWith("/reply/") === true) {
      request.on("end", () => reply(response, new Chance(Number(request.url?.slice(7)))));
      request.resume();
      return;
    }
    const from = request.socket.remotePort ?? 0;
    const chunks: Buffer[] = [];
    request.on("data", (bytes: Uint8Array) => chunks.push(Buffer.from(bytes)));
    request.on("end", () => {
      const { url = "", rawHeaders, headers, headersDistinct } = request;
      const body = Buffer.concat(chunks).toString("latin1");
      const known = read.get(from) ?? [];
      read.set(from, known);
      known.push({
        target: url,
        rawHeaders,
        headers: { ...headers },
        distinct: { ...headersDistinct },
        body,
      });
      response.writeHead(200, ["content-length", "2"]);
      response.end("ok");
    });
  };
  const server: Server = createHttpServer({ maxHeaderSize: 64 * 1024, requestTimeout: 0 });
  const replies = new WeakMap<Socket, ServerResponse>();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    replies.set(request.socket, response);
    serve(request, response);
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) =>
    refuseNonsense(error, socket, replies.get(socket as Socket)),
  );
  const sockets = new Set<Socket>();
  const bed: Bed = { port: 0, read, laned: 0, close: () => {} };
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  const leave = (socket: Socket): void => {
    for (const listener of listeners) listener.call(server, socket);
  };
  const lane = createLane({
    clock: { now: Date.now },
    slabs: createSlabs(),
    keepAliveMs: 5000,
    headersTimeoutMs: 60_000,
    takes: (target) => !target.startsWith("/pages"),
    onRequest: (request, response) => {
      bed.laned += 1;
      serve(request, response);
    },
    leave,
  });
  server.on("connection", (accepted: Socket) => {
    const socket = hasLane ? lane.accept(accepted) : accepted;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    if (!hasLane) leave(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(bed, {
    port: (server.address() as AddressInfo).port,
    close: () => {
      lane.close();
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
}

/**
 * Ends whatever was begun: line ends fill a body that is short and end a head that goes on, between two requests they
 * are nothing, and a server closes after the last request.
 */
const ending = `${"\r\n".repeat(50)}GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`;

/** Writes the pieces one after the other, each in a packet of its own, and tells what became of them. */
async function outcome(bed: Bed, pieces: readonly string[]): Promise<Outcome> {
  const socket = connect({ port: bed.port, host: "127.0.0.1", noDelay: true });
  let reply = "";
  socket.setEncoding("latin1").on("data", (text: string) => (reply += text));
  const closed = new Promise<void>((resolve, reject) => {
    socket.on("close", () => resolve());
    socket.on("error", (error: NodeJS.ErrnoException) =>
      error.code === undefined ? reject(error) : undefined,
    );
  });
  await new Promise<void>((resolve) => socket.on("connect", resolve));
  const { localPort = 0 } = socket;
  for (const piece of [...pieces, ending]) {
    if (!socket.writable) break;
    socket.write(piece, "latin1");
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  }
  const wait = setTimeout(() => socket.destroy(new Error("It did not end.")), 20_000);
  await closed;
  clearTimeout(wait);
  const refusal = /HTTP\/1\.1 ([4-5]\d\d)/.exec(reply)?.[1] ?? "";
  const read = bed.read.get(localPort) ?? [];
  bed.read.delete(localPort);
  return { read, refusal };
}

/** The same numbers for the same seed (xorshift). */
class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) >>> 0 || 1;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % limit;
  }

  is(percent: number): boolean {
    return this.below(100) < percent;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

const targets = ["/openai/v1/responses", "/a?b=c#d", "/", "/pages", "//x", '/"<>|^`{}', "/%00", "/a#b#c?d"];
const oddTargets = ["http://gw/openai", "*", "openai", "/a b", "/a\tb", "/\xe4", "/a\x7f", "/a\x00", ""];
const oddMethods = [
  "post",
  "GET",
  "PUT",
  "POST ",
  " POST",
  "\r\nPOST",
  "\nPOST",
  "POSTX",
  "OPTIONS",
  "CONNECT",
  "",
];
const oddVersions = [
  "HTTP/1.0",
  "HTTP/2.0",
  "HTTP/1.1 ",
  "http/1.1",
  "HTTP/0.9",
  "HTTP/1.10",
  "",
  "HTTP/1.1\t",
];
const plainLines = [
  "user-agent: codex/1",
  "Authorization: Bearer x.y",
  "accept: */*",
  "X-Empty:",
  "x-spaces: \t inner  space\t ",
  "x-high: \xe4\xff\x80",
  "x!#$%&'*+-.^_`|~9: token",
  "connection: keep-alive",
  "Connection: Keep-Alive",
  "cookie: a=b; c=d",
  "set-cookie: a=b",
  "content-type: application/json",
  "keep-alive: timeout=5",
  "x-colons::a:b:",
];
const oddLines = [
  "connection: close",
  "connection: keep-alive, close",
  "connection: x-thing",
  "connection:",
  "proxy-connection: close",
  "proxy-connection: keep-alive",
  "transfer-encoding: chunked",
  "Transfer-Encoding: identity",
  "transfer-encoding: chunked, gzip",
  "transfer-encoding: xchunked",
  "transfer-encoding:",
  "transfer-encoding : chunked",
  "transfer-encoding:\x0bchunked",
  "host: other",
  "content-length: 3",
  "content-length: 0",
  "content-length:",
  "content-length: +3",
  "content-length: -1",
  "content-length: 3, 3",
  "content-length: 0x3",
  "content-length: 3 4",
  "content-length: 3\x0b",
  "content-length: 3\xa0",
  "content_length: 3",
  "content-length\t: 3",
  " folded",
  "\tfolded: x",
  "no colon",
  ": no name",
  "bad name: x",
  "b\xe4d: x",
  "b(d: x",
  "nul: a\x00b",
  "bell: a\x07b",
  "del: a\x7fb",
  "cr: a\rb",
  "lf: a\nb: c",
  "cr-at-end: a\r",
  "constructor: x",
  "__proto__: x",
  "hasOwnProperty: x",
  "te: trailers",
  "trailer: x",
  "http2-settings: x",
  "x-twice: 1\r\nX-Twice: 2",
  "user-agent: other",
  "accept: text/html",
  "cookie: e=f",
];

/** A request that is mostly right. */
function request(chance: Chance): string {
  const body = chance.of(["", "abc", "{}", "x".repeat(40), "POST / HTTP/1.1\r\n\r\n", "\r\n\r\n"]);
  const method = chance.is(5) ? chance.of(oddMethods) : "POST";
  const target = chance.is(5) ? chance.of(oddTargets) : chance.of(targets);
  const version = chance.is(4) ? chance.of(oddVersions) : "HTTP/1.1";
  const lines = chance.is(4) ? [] : ["host: gw"];
  for (let more = chance.below(4); more > 0; more--) {
    const line = chance.of(plainLines);
    if (!lines.includes(line) || chance.is(20)) lines.push(line);
  }
  if (chance.is(2)) for (let at = 0; at < 250; at++) lines.push(`x-${at}: ${at}`);
  if (chance.is(1)) lines.push(`x-long: ${"l".repeat(chance.of([60_000, 65_300, 65_500, 70_000]))}`);
  const length = chance.is(5) ? body.length + chance.below(5) - 2 : body.length;
  const spelling = chance.of(["content-length: ", "Content-Length:", "CONTENT-LENGTH: \t"]);
  if (!chance.is(5)) lines.push(`${spelling}${chance.is(5) ? "0" : ""}${length}${chance.is(5) ? " \t" : ""}`);
  if (chance.is(25)) lines.splice(chance.below(lines.length + 1), 0, chance.of(oddLines));
  const lineEnd = chance.is(3) ? chance.of(["\n", "\r", "\r\r\n", " \r\n"]) : "\r\n";
  const head = [`${method} ${target} ${version}`, ...lines].join(lineEnd);
  return `${chance.is(10) ? mutated(head, chance) : head}${chance.is(97) ? "\r\n\r\n" : lineEnd + lineEnd}${body}`;
}

function mutated(head: string, chance: Chance): string {
  const at = chance.below(head.length + 1);
  const byte = chance.of([
    "\r",
    "\n",
    "\r\n",
    " ",
    "\t",
    ":",
    "\x00",
    "\x0b",
    "\x85",
    "\xa0",
    "\x7f",
    "a",
    ",",
    ";",
    "",
  ]);
  return head.slice(0, at) + byte + head.slice(at + chance.below(3));
}

function pieces(text: string, chance: Chance): readonly string[] {
  if (chance.is(60)) return [text];
  const cuts = Array.from({ length: 1 + chance.below(4) }, () => chance.below(text.length + 1));
  cuts.sort((left, right) => left - right);
  const found: string[] = [];
  let from = 0;
  for (const cut of [...cuts, text.length]) {
    if (cut > from) found.push(text.slice(from, cut));
    from = Math.max(from, cut);
  }
  return found;
}

/** A reply of any shape that the steps give one. */
function reply(response: CallerResponse, chance: Chance): void {
  const status = chance.of([200, 200, 200, 201, 204, 304, 400, 429, 500, 529, 999]);
  const body = Array.from({ length: chance.below(4) }, () =>
    "y".repeat(chance.of([0, 1, 15, 16, 300, 70_000])),
  );
  const isLengthGiven = chance.is(50) || status === 204 || status === 304;
  const lines = [
    "x-id",
    "1",
    ...chance.of([[], ["Date", "today"], ["connection", "close"], ["X-High", "\xe4"]]),
  ];
  const length = body.join("").length;
  if (isLengthGiven) lines.push("Content-Length", String(length));
  const reason = chance.of(["", "", "Fine", "\xe4"]);
  if (reason === "") response.writeHead(status, lines);
  else response.writeHead(status, reason, lines);
  if (status === 204 || status === 304) response.end();
  else {
    const last = chance.is(50) ? body.pop() : undefined;
    for (const part of body) response.write(Buffer.from(part));
    response.end(last === undefined ? undefined : Buffer.from(last));
  }
}

/** All that comes back on a connection that is closed with the second reply. */
async function replies(bed: Bed, seed: number): Promise<string> {
  const socket = connect({ port: bed.port, host: "127.0.0.1", noDelay: true });
  let text = "";
  socket.setEncoding("latin1").on("data", (more: string) => (text += more));
  const head = (more: string): string =>
    `POST /reply/${seed} HTTP/1.1\r\nhost: x\r\n${more}content-length: 0\r\n\r\n`;
  socket.write(head(""));
  socket.write(head("connection: close\r\n"));
  await new Promise<void>((resolve) => socket.on("close", () => resolve()));
  return text.replaceAll(/^Date: .*GMT$/gm, "Date: now");
}

describe("the lane and node:http", () => {
  let laned: Bed;
  let plain: Bed;
  before(async () => {
    laned = await open(true);
    plain = await open(false);
  });
  after(() => {
    laned.close();
    plain.close();
  });

  it("read the same requests out of the same bytes, and refuse the same", async () => {
    const firstSeed = 1;
    const cases = 1500;
    const run = async (seed: number): Promise<void> => {
      const chance = new Chance(seed);
      const text = Array.from({ length: 1 + chance.below(3) }, () => request(chance)).join("");
      const sent = pieces(text, chance);
      const [got, expected] = await Promise.all([outcome(laned, sent), outcome(plain, sent)]);
      assert.deepEqual(got, expected, `seed ${seed}: ${JSON.stringify(sent)}`);
    };
    for (let seed = firstSeed; seed < firstSeed + cases; seed += 16)
      await Promise.all(
        Array.from({ length: Math.min(16, firstSeed + cases - seed) }, (_, at) => run(seed + at)),
      );
    assert.ok(laned.laned > cases / 4, `${laned.laned} requests were the lane's`);
  });

  it("write the same replies, byte for byte", async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const [got, expected] = await Promise.all([replies(laned, seed), replies(plain, seed)]);
      assert.equal(got, expected, `seed ${seed}`);
    }
  });
});
