import assert from "node:assert/strict";
import { createServer as createHttpServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import { RawCaller, turns } from "../../forward/relay-harness.ts";
import { createSlabs } from "../../slabs.ts";
import { createLane } from "./lane.ts";
import type { LaneRequest } from "./lane-request.ts";
import type { LaneResponse } from "./lane-response.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface Bed {
  readonly port: number;
  readonly taken: { request: LaneRequest; response: LaneResponse }[];
  /** What `node:http` was asked: first line and body. */
  readonly left: string[];
  /** Resolves when so many requests were taken. */
  until(count: number): Promise<{ request: LaneRequest; response: LaneResponse }>;
  /** In place of an echo. */
  onUpgrade: ((socket: Socket) => void) | null;
  /** Milliseconds to go forward. */
  advance(ms: number): void;
}

type OnRequest = (request: LaneRequest, response: LaneResponse) => void;

/** A lane before a server of `node:http`, which answers `node` to all. */
async function open(onRequest: OnRequest = () => {}): Promise<Bed> {
  let nowMs = Date.UTC(2026, 10, 25);
  let onTaken: () => void = () => {};
  const taken: Bed["taken"] = [];
  const left: string[] = [];
  const server: Server = createHttpServer((request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => (body += bytes.toString("latin1")));
    request.on("end", () => {
      left.push(`${request.method} ${request.url} ${body}`);
      response.end("node");
    });
  });
  server.on("upgrade", (_request, socket: Socket, head: Buffer) => {
    if (bed.onUpgrade !== null) return bed.onUpgrade(socket);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n<${head.toString()}>`,
    );
    socket.on("data", (bytes: Buffer) => socket.write(`[${bytes.toString()}]`));
  });
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  const lane = createLane({
    clock: { now: () => nowMs },
    slabs: createSlabs(),
    keepAliveMs: 5000,
    headersTimeoutMs: 60_000,
    sweepMs: 1,
    takes: (target) => target.startsWith("/openai/"),
    onRequest: (request, response) => {
      onRequest(request, response);
      taken.push({ request, response });
      onTaken();
    },
    leave: (socket) => {
      for (const listener of listeners) listener.call(server, socket);
    },
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(lane.accept(socket)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    lane.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bed: Bed = {
    port: (server.address() as AddressInfo).port,
    taken,
    left,
    onUpgrade: null,
    until: async (count) => {
      while (taken.length < count) await new Promise<void>((resolve) => (onTaken = resolve));
      return taken[count - 1] as Bed["taken"][number];
    },
    advance: (ms) => {
      nowMs += ms;
    },
  };
  return bed;
}

function call(bed: Bed): RawCaller {
  const socket = connect({ port: bed.port, host: "127.0.0.1", noDelay: true });
  closing.push(() => socket.destroy());
  return new RawCaller(socket);
}

const post = (body: string, path = "/openai/v1/responses"): string =>
  `POST ${path} HTTP/1.1\r\nhost: gw\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Answers with the body that it was sent. */
const echo: OnRequest = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (bytes: Uint8Array) => chunks.push(Buffer.from(bytes)));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    response.writeHead(200, ["content-length", String(body.length)]);
    response.end(body);
  });
};

/** The replies that came, each with a body by length. */
function bodies(text: string): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\r\n\r\n", at);
    const length = Number(/content-length: (\d+)/i.exec(text.slice(at, end))?.[1]);
    found.push(text.slice(end + 4, end + 4 + length));
    at = end + 4 + length;
  }
  return found;
}

describe("requests on the lane", () => {
  it("come one after the other on a connection, and no byte of one is in another", async () => {
    const bed = await open(echo);
    const raw = call(bed);
    const sent = Array.from({ length: 20 }, (_, at) =>
      `${at}:`.padEnd(at * 7001 + 5, String.fromCharCode(97 + at)),
    );
    for (const [at, body] of sent.entries()) {
      raw.socket.write(post(body));
      await raw.until(`${body.slice(-3)}`);
      while (bodies(raw.text).length <= at || bodies(raw.text)[at]?.length !== body.length) await turns();
    }
    assert.deepEqual(bodies(raw.text), sent);
    assert.deepEqual(bed.left, []);
  });

  it("may come in crumbs, but for the head", async () => {
    const bed = await open(echo);
    const raw = call(bed);
    const [head = "", body = ""] = post("crumbs of a body").split(/(?<=\r\n\r\n)/);
    raw.socket.write(head);
    await bed.until(1);
    for (const byte of body) {
      raw.socket.write(byte);
      await turns();
    }
    await raw.until("\r\n\r\ncrumbs of a body");
    assert.deepEqual(bed.left, []);
  });

  it("are heard from the microtask after the first listener, and keep what came before", async () => {
    const bed = await open();
    const raw = call(bed);
    const body = "x".repeat(300_000);
    raw.socket.write(post(body));
    const { request, response } = await bed.until(1);
    await turns();
    const heard: string[] = [];
    request.on("data", (bytes: Uint8Array) => heard.push(Buffer.from(bytes).toString()));
    assert.deepEqual(heard, []);
    await new Promise<void>((resolve) => request.on("end", resolve));
    assert.equal(heard.join(""), body);
    assert.ok(request.complete && request.readableEnded);
    response.end("done");
    await raw.until("done");
  });

  it("stop to be read while nobody listens, however much comes", async () => {
    const bed = await open();
    const raw = call(bed);
    const body = Buffer.alloc(50 * 1024 * 1024, "y");
    raw.socket.write(post("").replace("content-length: 0", `content-length: ${body.length}`));
    raw.socket.write(body);
    const { request } = await bed.until(1);
    await turns();
    const waiting = raw.socket.writableLength;
    assert.ok(waiting > 20 * 1024 * 1024, `${waiting} bytes wait with the caller`);
    let heard = 0;
    request.on("data", (bytes: Uint8Array) => (heard += bytes.length));
    await new Promise<void>((resolve) => request.on("end", resolve));
    assert.equal(heard, body.length);
  });

  it("that are refused unread leave the connection usable once their body has passed", async () => {
    const bed = await open((request, response) => {
      if (bed.taken.length > 0) return echo(request, response);
      response.writeHead(401, ["content-length", "2"]);
      response.end("no");
      request.resume();
    });
    const raw = call(bed);
    raw.socket.write(post("z".repeat(200_000)));
    await raw.until("\r\n\r\nno");
    raw.socket.write(post("again"));
    await raw.until("again");
    assert.deepEqual(bed.left, []);
  });

  it("are followed by the next also where one was kept whole before anybody listened", async () => {
    const bed = await open();
    const raw = call(bed);
    // With its last byte there is as much as is kept.
    raw.socket.write(post("k".repeat(64 * 1024)));
    const { request, response } = await bed.until(1);
    while (!request.complete) await turns();
    let heard = 0;
    request.on("data", (bytes: Uint8Array) => (heard += bytes.length));
    await new Promise<void>((resolve) => request.on("end", resolve));
    assert.equal(heard, 64 * 1024);
    response.end("first");
    await raw.until("first");
    raw.socket.write(post("{}"));
    await bed.until(2);
  });

  it("are followed by the next also where one was refused that nobody listened to", async () => {
    const bed = await open();
    const raw = call(bed);
    raw.socket.write(post("k".repeat(64 * 1024)));
    const { request, response } = await bed.until(1);
    while (!request.complete) await turns();
    response.end("refused");
    await raw.until("refused");
    raw.socket.write(post("{}"));
    await bed.until(2);
  });

  it("that many send at once do not share memory", async () => {
    const bed = await open(echo);
    const callers = Array.from({ length: 40 }, () => call(bed));
    await Promise.all(
      callers.map(async (raw, at) => {
        const body = `<${at}>`.repeat(40_000);
        raw.socket.write(post(body));
        await raw.until("\r\n\r\n");
        while (bodies(raw.text)[0]?.length !== body.length) await turns();
        assert.ok(bodies(raw.text)[0] === body, `caller ${at}`);
      }),
    );
  });
});

describe("the reply", () => {
  const firstReply = async (onRequest: OnRequest, end = "\r\n\r\n"): Promise<string> => {
    const raw = call(await open(onRequest));
    raw.socket.write(post("{}"));
    await raw.until(end);
    return raw.text;
  };

  it("has the lines that it was given, and those that `node:http` adds", async () => {
    assert.equal(
      await firstReply((_request, response) => {
        response.writeHead(201, "Made", ["X-Odd", "\xe9", "content-length", "2"]);
        response.end("ok");
      }, "ok"),
      "HTTP/1.1 201 Made\r\nX-Odd: \xe9\r\ncontent-length: 2\r\nDate: Wed, 25 Nov 2026 00:00:00 GMT\r\n" +
        "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nok",
    );
  });

  it("is chunked where it has no length, and one piece where it is gathered", async () => {
    const text = await firstReply((_request, response) => {
      response.writeHead(200, ["date", "never"]);
      response.gather();
      response.write("one");
      response.write("");
      response.write(Buffer.from("and two"));
      response.end();
    }, "\r\n0\r\n\r\n");
    assert.equal(
      text,
      "HTTP/1.1 200 OK\r\ndate: never\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n" +
        "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n7\r\nand two\r\n0\r\n\r\n",
    );
  });

  it("may be given chunks with their framing", async () => {
    const text = await firstReply((_request, response) => {
      response.writeHead(200, []);
      response.chunkedEncoding = false;
      response.write("1\r\na\r\n2\r\nbc\r\n");
      response.chunkedEncoding = true;
      response.end();
    }, "\r\n0\r\n\r\n");
    assert.match(text, /\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n$/);
  });

  it("has no body, and no framing of one, where its status has none", async () => {
    const text = await firstReply((_request, response) => {
      response.writeHead(204, []);
      response.end();
    });
    assert.doesNotMatch(text, /transfer-encoding|content-length/i);
  });

  it("sends a gathered head by itself when nothing follows", async () => {
    const text = await firstReply((_request, response) => {
      response.writeHead(200, []);
      response.gather();
    });
    assert.match(text, /chunked\r\n\r\n$/);
  });

  it("has a status line also when it ends before it began", async () => {
    const text = await firstReply((_request, response) => response.end("hé"), "h\xc3\xa9");
    assert.match(text, /^HTTP\/1\.1 200 OK\r\ncontent-length: 3\r\n/);
  });

  it("refuses a line that would be two", async () => {
    const errors: unknown[] = [];
    const bed = await open((_request, response) => {
      for (const value of ["a\r\nb: c", "a\nb", "a\rb", "a\0", "\u0100"]) {
        try {
          response.writeHead(200, ["x", value]);
        } catch (error) {
          errors.push(error);
        }
      }
    });
    call(bed).socket.write(post("{}"));
    await bed.until(1);
    assert.equal(errors.length, 5);
  });

  it("ends the connection where a line says so", async () => {
    const bed = await open((_request, response) => {
      response.writeHead(200, ["connection", "close", "content-length", "3"]);
      response.end("bye");
    });
    const raw = call(bed);
    raw.socket.write(post("{}"));
    assert.equal(await raw.closed, "end");
    assert.match(raw.text, /bye$/);
    assert.doesNotMatch(raw.text, /keep-alive/i);
  });

  it("asks for patience when the caller is slow, and says when it has caught up", async () => {
    const bed = await open();
    const raw = call(bed);
    raw.socket.pause();
    raw.socket.write(post("{}"));
    const { response } = await bed.until(1);
    response.writeHead(200, []);
    const chunk = Buffer.alloc(1024 * 1024, "s");
    let written = 0;
    for (; written < 64 && response.write(chunk); written++) assert.equal(response.writableNeedDrain, false);
    assert.ok(written < 64 && response.writableNeedDrain);
    const drained = new Promise((resolve) => response.once("drain", resolve));
    raw.socket.resume();
    await drained;
    response.end("end");
    await raw.until("3\r\nend\r\n0\r\n\r\n");
    assert.ok(response.writableFinished);
  });
});

describe("who leaves", () => {
  for (const [how, leave] of [
    ["resets the connection", (socket: Socket) => socket.resetAndDestroy()],
    ["ends it", (socket: Socket) => socket.end()],
    ["destroys it", (socket: Socket) => socket.destroy()],
  ] as const) {
    it(`${how} before the reply: request and response close`, async () => {
      const bed = await open();
      const raw = call(bed);
      raw.socket.write(post("{}"));
      const { request, response } = await bed.until(1);
      const closed = Promise.all([
        new Promise<void>((resolve) => request.once("close", resolve)),
        new Promise<void>((resolve) => response.once("close", resolve)),
      ]);
      leave(raw.socket);
      await closed;
      assert.ok(response.destroyed && request.destroyed && !response.writableFinished);
      assert.equal(response.write("nobody"), true);
      response.end();
    });
  }

  it("is noticed also after a body that was kept whole before anybody listened", async () => {
    const bed = await open();
    const raw = call(bed);
    raw.socket.write(post("k".repeat(64 * 1024)));
    const { request, response } = await bed.until(1);
    while (!request.complete) await turns();
    request.resume();
    await turns();
    const closed = new Promise<void>((resolve) => response.once("close", resolve));
    raw.socket.destroy();
    await closed;
  });

  it("before its reply is written: the reply closes, and is not finished", async () => {
    const bed = await open();
    const raw = call(bed);
    raw.socket.write(post("{}") + post("behind"));
    const { response } = await bed.until(1);
    const told: string[] = [];
    for (const event of ["finish", "close"]) response.on(event, () => told.push(event));
    raw.socket.resetAndDestroy();
    while (told.length === 0) {
      // More than the kernel takes, so that some of it is never with it.
      if (!response.headersSent) response.writeHead(200, []);
      response.end(Buffer.alloc(64 * 1024 * 1024));
      await turns();
    }
    assert.deepEqual(told, ["close"]);
    assert.deepEqual(bed.left, []);
  });

  it("in the middle of a body: the request closes and does not end", async () => {
    const bed = await open();
    const raw = call(bed);
    raw.socket.write(post("{}").replace("content-length: 2", "content-length: 9"));
    const { request } = await bed.until(1);
    let isEnded = false;
    request.on("data", () => {}).on("end", () => (isEnded = true));
    const closed = new Promise<void>((resolve) => request.once("close", resolve));
    raw.socket.destroy();
    await closed;
    assert.ok(!isEnded && !request.complete);
  });
});

describe("what leaves the lane", () => {
  it("is served by `node:http`, from its first byte on", async () => {
    const bed = await open(echo);
    for (const request of [
      "GET /openai/v1/models HTTP/1.1\r\nhost: gw\r\n\r\n",
      post("a body", "/accounts"),
      "POST /openai/v1 HTTP/1.1\r\nhost: gw\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ]) {
      const raw = call(bed);
      raw.socket.write(request);
      await raw.until("node");
    }
    assert.deepEqual(bed.left, ["GET /openai/v1/models ", "POST /accounts a body", "POST /openai/v1 hi"]);
    assert.equal(bed.taken.length, 0);
  });

  it("may be a later request, and then all that follow", async () => {
    const bed = await open(echo);
    const raw = call(bed);
    raw.socket.write(post("first"));
    await raw.until("first");
    raw.socket.write("GET /openai/v1/models HTTP/1.1\r\nhost: gw\r\n\r\n");
    await raw.until("node");
    raw.socket.write(post("second".repeat(50_000)));
    while (bed.left.length < 2) await turns();
    assert.equal(bed.left[1], `POST /openai/v1/responses ${"second".repeat(50_000)}`);
    assert.equal(bed.taken.length, 1);
  });

  it("is a head in two pieces", async () => {
    const bed = await open(echo);
    const raw = call(bed);
    raw.socket.write("POST /openai/v1/responses HTTP/1.1\r\nhost: g");
    await turns();
    raw.socket.write("w\r\ncontent-length: 2\r\n\r\nhi");
    await raw.until("node");
    assert.deepEqual(bed.left, ["POST /openai/v1/responses hi"]);
  });

  it("is read on by `node:http`: a body that comes later, in any pieces", async () => {
    const bed = await open(echo);
    const raw = call(bed);
    raw.socket.write("POST /openai/v1/responses HTTP/1.1\r\nhost: gw\r\ntransfer-encoding: chunked\r\n\r\n");
    await turns();
    const sent: string[] = [];
    for (const size of [1, 20_000, 300_000, 2]) {
      sent.push("c".repeat(size));
      raw.socket.write(`${size.toString(16)}\r\n${"c".repeat(size)}\r\n`);
      await turns();
    }
    raw.socket.write("0\r\n\r\n");
    await raw.until("node");
    assert.deepEqual(bed.left, [`POST /openai/v1/responses ${sent.join("")}`]);
  });

  it("is what comes behind a request that is not answered yet, after its reply", async () => {
    const bed = await open();
    const raw = call(bed);
    raw.socket.write(post("one") + post("two"));
    const { request, response } = await bed.until(1);
    raw.socket.write(post("three"));
    await turns();
    assert.deepEqual([bed.taken.length, bed.left], [1, []]);
    request.resume();
    response.writeHead(200, ["content-length", "3"]);
    response.end("1st");
    while (bed.left.length < 2) await turns();
    assert.deepEqual(bed.left, ["POST /openai/v1/responses two", "POST /openai/v1/responses three"]);
    assert.ok(raw.text.indexOf("1st") < raw.text.indexOf("node"));
  });

  it("is an upgrade, whose connection is a stream in both directions", async () => {
    const bed = await open(echo);
    const raw = call(bed);
    raw.socket.write(post("before"));
    await raw.until("before");
    raw.socket.write(
      "GET /openai/v1/responses HTTP/1.1\r\nhost: gw\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhead",
    );
    await raw.until("<head>");
    for (const text of ["a", "b".repeat(100), "c"]) {
      raw.socket.write(text);
      await raw.until(`${text.at(-1) ?? ""}]`);
    }
  });
});

describe("an upgraded connection that was the lane's", () => {
  for (const how of ["flows", "is iterated"] as const) {
    it(`keeps the pace of whoever reads slowly, and ends: it ${how}`, async () => {
      const bed = await open(echo);
      const read: Buffer[] = [];
      let mostBuffered = 0;
      const ended = Promise.withResolvers<void>();
      bed.onUpgrade = (socket) => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
        const look = (bytes: Buffer): void => {
          read.push(bytes);
          mostBuffered = Math.max(mostBuffered, socket.readableLength);
        };
        if (how === "flows") {
          socket.on("data", (bytes: Buffer) => {
            look(bytes);
            socket.pause();
            setImmediate(() => setImmediate(() => socket.resume()));
          });
          socket.on("end", () => ended.resolve());
        } else
          void (async () => {
            for await (const bytes of socket as AsyncIterable<Buffer>) {
              look(bytes);
              await new Promise(setImmediate);
            }
            ended.resolve();
          })();
      };
      const raw = call(bed);
      raw.socket.write("GET /openai/v1 HTTP/1.1\r\nhost: gw\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
      await raw.until("\r\n\r\n");
      const sent = Buffer.from(Array.from({ length: 500_000 }, (_, at) => `${at},`).join(""));
      raw.socket.end(sent);
      await ended.promise;
      assert.ok(Buffer.concat(read).equals(sent));
      assert.ok(mostBuffered <= 512 * 1024, `${mostBuffered} bytes waited`);
    });
  }
});

describe("a connection without a request", () => {
  it("is closed after the time that its caller was told", async () => {
    const bed = await open(echo);
    const raw = call(bed);
    raw.socket.write(post("used"));
    await raw.until("used");
    bed.advance(4000);
    await turns();
    raw.socket.write(post("again"));
    await raw.until("again");
    // A request that was sent in the last moment is still taken.
    bed.advance(5900);
    await turns();
    raw.socket.write(post("in time"));
    await raw.until("in time");
    bed.advance(6001);
    await raw.closed;
  });

  it("is closed when its first request does not come", async () => {
    const bed = await open(echo);
    const raw = call(bed);
    await new Promise((resolve) => raw.socket.once("connect", resolve));
    await turns();
    bed.advance(60_001);
    await raw.closed;
  });
});
