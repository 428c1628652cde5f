/**
 * What every upstream client must do, as tests over a real server that answers raw bytes. Run for each
 * implementation; knows none.
 */

import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import type {
  UpstreamBody,
  UpstreamClient,
  UpstreamFailure,
  UpstreamReply,
  UpstreamRequest,
} from "./client.ts";

const timeouts = { connectTimeoutMs: 2000, firstByteTimeoutMs: 5000, idleTimeoutMs: 5000 };

/** One call's fate, in the order in which it was told. */
interface Told {
  readonly reply: UpstreamReply | null;
  readonly body: Buffer;
  readonly ended: boolean;
  readonly failure: UpstreamFailure | null;
}

/** Answers a connection by hand: is given what was read since its last answer each time more comes. */
type Script = (socket: Socket, received: string) => void;

interface RawServer {
  readonly origin: string;
  readonly connections: () => number;
  script: Script;
  close(): Promise<void>;
}

async function startRawServer(): Promise<RawServer> {
  let connections = 0;
  const open = new Set<Socket>();
  const state: { script: Script } = { script: () => {} };
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    open.add(socket);
    let received = "";
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      const written = socket.bytesWritten;
      state.script(socket, received);
      if (socket.bytesWritten > written) received = "";
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    connections: () => connections,
    get script() {
      return state.script;
    },
    set script(script: Script) {
      state.script = script;
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function bodyOf(...chunks: readonly string[]): UpstreamBody {
  const bytes = chunks.map((chunk) => Buffer.from(chunk, "latin1"));
  return { byteLength: bytes.reduce((sum, each) => sum + each.length, 0), chunks: () => bytes };
}

function send(client: UpstreamClient, request: Partial<UpstreamRequest> & { origin: string }): Promise<Told> {
  return new Promise((resolve) => {
    let reply: UpstreamReply | null = null;
    const chunks: Uint8Array[] = [];
    const tell = (ended: boolean, failure: UpstreamFailure | null): void =>
      resolve({ reply, body: Buffer.concat(chunks), ended, failure });
    client.send(
      { method: "POST", path: "/v1/x?y=1", headers: [["x-a", "1"]], body: null, timeouts, ...request },
      {
        onReply: (given) => {
          assert.equal(reply, null, "one reply only");
          reply = given;
        },
        onChunk: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
        onEnd: () => tell(true, null),
        onFailure: (failure) => tell(false, failure),
      },
    );
  });
}

const ok = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

export function upstreamClientConformance(name: string, create: () => UpstreamClient): void {
  describe(`upstream client: ${name}`, () => {
    let server: RawServer;
    let client: UpstreamClient;
    before(async () => {
      server = await startRawServer();
      client = create();
    });
    after(async () => {
      await client.close();
      await server.close();
    });
    /** Answers every request once its head and `length` bytes of body are there. */
    const answerAll = (answer: string, length = 0): void => {
      server.script = (socket, received) => {
        const head = received.lastIndexOf("\r\n\r\n");
        if (head !== -1 && received.length >= head + 4 + length) socket.write(answer, "latin1");
      };
    };

    it("sends method, path, headers and body as given, and frames by length", async () => {
      const seen = Promise.withResolvers<string>();
      server.script = (socket, received) => {
        if (!received.endsWith("world")) return;
        seen.resolve(received);
        socket.write(ok("fine"));
      };
      const told = await send(client, { origin: server.origin, body: bodyOf("hello ", "world") });
      assert.equal(told.body.toString(), "fine");
      const [head, body] = (await seen.promise).split("\r\n\r\n");
      assert.equal(body, "hello world");
      assert.match(head ?? "", /^POST \/v1\/x\?y=1 HTTP\/1\.1\r\n/);
      assert.match(head ?? "", new RegExp(`\r\nhost: ${server.origin.slice(7)}\r\n`));
      assert.match(head ?? "", /\r\nx-a: 1(\r\n|$)/);
      assert.match(head ?? "", /\r\ncontent-length: 11(\r\n|$)/);
      assert.doesNotMatch(head ?? "", /user-agent|accept|transfer-encoding/i);
    });

    it("sends a large body whole, chunk by chunk", async () => {
      const chunks = Array.from({ length: 64 }, (_each, index) =>
        String.fromCharCode(97 + (index % 26)).repeat(65_536),
      );
      const seen = Promise.withResolvers<string>();
      server.script = (socket, received) => {
        const body = received.slice(received.indexOf("\r\n\r\n") + 4);
        if (body.length < 64 * 65_536) return;
        seen.resolve(body);
        socket.write(ok("1"));
      };
      const told = await send(client, { origin: server.origin, body: bodyOf(...chunks) });
      assert.equal(told.ended, true);
      assert.ok((await seen.promise) === chunks.join(""), "the body arrives as it was sent");
    });

    it("gives status, reason and header lines in order, repeats and bytes kept", async () => {
      answerAll("HTTP/1.1 418 I'm a teapot\r\nB: 1\r\na: 2\r\nB: 3\r\nx: \xe9\r\ncontent-length: 0\r\n\r\n");
      const told = await send(client, { origin: server.origin });
      assert.equal(told.reply?.status, 418);
      assert.equal(told.reply?.statusText, "I'm a teapot");
      assert.deepEqual(told.reply?.headers, [
        ["B", "1"],
        ["a", "2"],
        ["B", "3"],
        ["x", "\xe9"],
        ["content-length", "0"],
      ]);
    });

    it("uses a connection again after a whole reply", async () => {
      answerAll(ok("one"));
      await send(client, { origin: server.origin });
      await new Promise((resolve) => setImmediate(resolve));
      const before = server.connections();
      for (let round = 0; round < 5; round++) {
        const told = await send(client, { origin: server.origin });
        assert.equal(told.body.toString(), "one");
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal(server.connections(), before);
    });

    it("hands bytes on as they come", async () => {
      let socket: Socket | null = null;
      server.script = (given) => {
        socket = given;
        given.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n");
      };
      const chunks: string[] = [];
      const ended = await new Promise((resolve) => {
        client.send(
          { method: "GET", origin: server.origin, path: "/", headers: [], body: null, timeouts },
          {
            onReply: () => {},
            onChunk: (chunk) => {
              chunks.push(Buffer.from(chunk).toString());
              // Only what has arrived can set this off: the rest is written because of it.
              if (chunks.length === 1) socket?.write("3\r\ntwo\r\n0\r\n\r\n");
              return true;
            },
            onEnd: () => resolve(true),
            onFailure: (failure) => resolve(failure),
          },
        );
      });
      assert.equal(ended, true);
      assert.deepEqual(chunks, ["one", "two"]);
    });

    it("drops interim replies and trailers", async () => {
      answerAll(
        "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-late: 1\r\n\r\n",
      );
      const told = await send(client, { origin: server.origin });
      assert.equal(told.reply?.status, 200);
      assert.equal(told.body.toString(), "ok");
      assert.equal(told.ended, true);
    });

    it("takes a reply that the end of the connection frames", async () => {
      server.script = (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nall of it");
      const told = await send(client, { origin: server.origin });
      assert.equal(told.body.toString(), "all of it");
      assert.equal(told.ended, true);
    });

    it("tells a cut from an end", async () => {
      server.script = (socket) =>
        socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n");
      const told = await send(client, { origin: server.origin });
      assert.equal(told.body.toString(), "one");
      assert.equal(told.failure?.reason, "connection_lost");
      assert.equal(told.failure?.isUnsent, false);
    });

    it("says that nothing was sent when nobody listens", async () => {
      const gone = await startRawServer();
      await gone.close();
      const told = await send(client, { origin: gone.origin, body: bodyOf("x") });
      assert.equal(told.failure?.reason, "connect_failed");
      assert.equal(told.failure?.isUnsent, true);
    });

    it("does not touch a body before there is a connection, so that it can be sent again", async () => {
      const gone = await startRawServer();
      await gone.close();
      let touched = 0;
      const body = {
        byteLength: 1,
        *chunks() {
          touched += 1;
          yield Buffer.from("x");
        },
      };
      const told = await send(client, { origin: gone.origin, body });
      assert.equal(told.failure?.isUnsent, true);
      assert.equal(touched, 0);
    });

    it("says that something was sent when the connection ends before the reply", async () => {
      server.script = (socket) => socket.destroy();
      const told = await send(client, { origin: server.origin, body: bodyOf("x") });
      assert.equal(told.failure?.reason, "connection_lost");
      assert.equal(told.failure?.isUnsent, false);
    });

    it("refuses what is no HTTP", async () => {
      server.script = (socket) => socket.end("SSH-2.0-OpenSSH_9\r\n\r\n\r\n");
      const told = await send(client, { origin: server.origin });
      assert.equal(told.failure?.reason, "invalid_reply");
    });

    it("gives up on a first byte, and on a silence inside the reply", async () => {
      server.script = () => {};
      const brief = { ...timeouts, firstByteTimeoutMs: 1100, idleTimeoutMs: 1100 };
      const first = await send(client, { origin: server.origin, timeouts: brief });
      assert.equal(first.failure?.reason, "first_byte_timeout");
      server.script = (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome");
      const idle = await send(client, { origin: server.origin, timeouts: brief });
      assert.equal(idle.failure?.reason, "idle_timeout");
      assert.equal(idle.body.toString(), "some");
    });

    it("pauses when told to, loses nothing, and goes on when resumed", async () => {
      const whole = "0123456789abcdef".repeat(256 * 1024);
      answerAll(ok(whole));
      const chunks: Buffer[] = [];
      let whilePaused = 0;
      let isPaused = false;
      await new Promise<void>((resolve, reject) => {
        const call = client.send(
          { method: "GET", origin: server.origin, path: "/", headers: [], body: null, timeouts },
          {
            onReply: () => {},
            onChunk: (chunk) => {
              if (isPaused) whilePaused += 1;
              chunks.push(Buffer.from(chunk));
              isPaused = true;
              setImmediate(() => {
                isPaused = false;
                call.resume();
              });
              return false;
            },
            onEnd: resolve,
            onFailure: (failure) => reject(failure.cause),
          },
        );
      });
      assert.ok(Buffer.concat(chunks).toString() === whole, "the body arrives as it was sent");
      assert.equal(whilePaused, 0);
    });

    it("tells nothing more after an abort, and closes the connection", async () => {
      const closed = Promise.withResolvers<void>();
      server.script = (socket) => {
        socket.on("close", () => closed.resolve());
        socket.on("end", () => socket.end());
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome");
      };
      const told: string[] = [];
      await new Promise<void>((resolve) => {
        const call = client.send(
          { method: "GET", origin: server.origin, path: "/", headers: [], body: null, timeouts },
          {
            onReply: () => {},
            onChunk: () => {
              setImmediate(() => {
                call.abort();
                resolve();
              });
              return true;
            },
            onEnd: () => told.push("end"),
            onFailure: () => told.push("failure"),
          },
        );
      });
      await closed.promise;
      assert.deepEqual(told, []);
    });

    it("takes a final reply that comes before the body was sent", async () => {
      server.script = (socket, received) => {
        if (received.length < 70_000)
          socket.end("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno");
      };
      const chunks = Array.from({ length: 40 }, () => "x".repeat(65_536));
      const told = await send(client, { origin: server.origin, body: bodyOf(...chunks) });
      assert.equal(told.reply?.status, 413);
      assert.equal(told.body.toString(), "no");
    });

    it("runs many calls side by side", async () => {
      answerAll(ok("fine"));
      const all = await Promise.all(
        Array.from({ length: 200 }, () => send(client, { origin: server.origin })),
      );
      assert.ok(all.every((told) => told.body.toString() === "fine"));
    });
  });
}
