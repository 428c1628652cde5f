import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { after, describe, it } from "node:test";
import { acceptOf } from "../websocket/handshake.ts";
import { createNodeSocketClient } from "./node-socket-client.ts";
import type { SocketRequest, SocketResult } from "./sockets.ts";

const client = createNodeSocketClient({ proxy: { httpsProxy: null, noProxy: null } });
const servers: { server: Server; sockets: Set<Socket> }[] = [];
after(async () => {
  await client.close();
  for (const { server, sockets } of servers) {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
});

/** A server that answers with what `reply` makes of the request's head; null says nothing. */
async function serve(reply: (head: string, key: string) => string | Buffer | null): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let head = "";
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      if (head.endsWith("\r\n\r\n")) return;
      head += chunk.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      const bytes = reply(head, /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? "");
      if (bytes !== null) socket.write(bytes);
    });
  });
  servers.push({ server, sockets });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function open(
  origin: string,
  more: Partial<SocketRequest> = {},
  signal?: AbortSignal,
): Promise<SocketResult> {
  return client.open(
    {
      origin,
      path: "/v1/responses?a=b",
      headers: [
        ["X-Case", "kept"],
        ["x-twice", "1"],
        ["x-twice", "2"],
      ],
      protocols: ["realtime"],
      timeouts: { connectTimeoutMs: 1_000, firstByteTimeoutMs: 300, idleTimeoutMs: 1_000 },
      ...more,
    },
    signal ?? new AbortController().signal,
  );
}

const granted = (key: string, more = ""): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\nX-Request-Id: req_1\r\n${more}\r\n`;

describe("an upgrade over the network", () => {
  it("asks with the lines it was given, as they are, and hands over every byte behind the 101", async () => {
    let asked = "";
    const origin = await serve((head, key) => {
      asked = head;
      return `${granted(key, "Sec-WebSocket-Protocol: realtime\r\n")}early`;
    });
    const result = await open(origin);
    assert(result.kind === "opened");
    assert.equal(result.protocol, "realtime");
    assert.deepEqual(result.reply.headers.at(-2), ["X-Request-Id", "req_1"]);
    assert.match(
      asked,
      /^GET \/v1\/responses\?a=b HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\nX-Case: kept\r\nx-twice: 1\r\nx-twice: 2\r\n/,
    );
    assert.match(asked, /\r\nsec-websocket-protocol: realtime\r\n/);
    assert.doesNotMatch(asked, /sec-websocket-extensions/i);
    const [bytes] = (await once(result.stream.resume(), "data")) as [Buffer];
    assert.equal(bytes.toString(), "early");
    result.stream.destroy();
  });

  it("gives a refusal with its body", async () => {
    const origin = await serve(
      () => "HTTP/1.1 429 Slow Down\r\nretry-after: 3\r\ncontent-length: 4\r\n\r\nnope",
    );
    const result = await open(origin);
    assert(result.kind === "refused");
    assert.deepEqual([result.reply.status, result.reply.statusText], [429, "Slow Down"]);
    assert.deepEqual(result.reply.headers[0], ["retry-after", "3"]);
    assert.equal(Buffer.from(result.body).toString(), "nope");
  });

  const lies: readonly (readonly [string, (key: string) => string])[] = [
    ["the answer to another key", (key) => granted(key).replace(acceptOf(key), acceptOf("another"))],
    [
      "an extension that nobody asked for",
      (key) => granted(key, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
    ],
    ["a protocol that nobody offered", (key) => granted(key, "Sec-WebSocket-Protocol: other\r\n")],
    ["no HTTP", () => "SSH-2.0-OpenSSH_9\r\n\r\n"],
  ];
  for (const [what, reply] of lies) {
    it(`takes ${what} for no answer`, async () => {
      const result = await open(await serve((_head, key) => reply(key)));
      assert(result.kind === "failed");
      assert.deepEqual([result.failure.reason, result.failure.isUnsent], ["invalid_reply", false]);
    });
  }

  it("tells a connection that cannot be had from a server that does not answer", async () => {
    const gone = await open("http://127.0.0.1:1");
    assert(gone.kind === "failed");
    assert.deepEqual([gone.failure.reason, gone.failure.isUnsent], ["connect_failed", true]);
    const silent = await open(await serve(() => null));
    assert(silent.kind === "failed");
    assert.deepEqual([silent.failure.reason, silent.failure.isUnsent], ["first_byte_timeout", false]);
  });

  it("gives up when it is told to", async () => {
    const abort = new AbortController();
    const asked = Promise.withResolvers<void>();
    const origin = await serve(() => {
      asked.resolve();
      return null;
    });
    const result = open(
      origin,
      { timeouts: { connectTimeoutMs: 1_000, firstByteTimeoutMs: 60_000, idleTimeoutMs: 1 } },
      abort.signal,
    );
    await asked.promise;
    abort.abort();
    assert.equal((await result).kind, "failed");
  });

  it("refuses a line that would break out of its own", async () => {
    const result = await open("http://127.0.0.1:1", { headers: [["x", "a\r\nb: c"]] });
    assert.equal(result.kind, "failed");
  });
});
