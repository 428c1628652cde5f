import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { upstreamClientConformance } from "./conformance.ts";
import type { UpstreamClient } from "./client.ts";
import { createHttp1Client } from "./http1-client.ts";

upstreamClientConformance("own HTTP/1.1", () => createHttp1Client({ keepAliveTimeoutMs: 5000 }));

describe("a request that cannot be written", () => {
  const client = createHttp1Client({ keepAliveTimeoutMs: 5000 });
  const observer = { onReply: () => {}, onChunk: () => true, onEnd: () => {}, onFailure: () => {} };
  const timeouts = { connectTimeoutMs: 1000, firstByteTimeoutMs: 1000, idleTimeoutMs: 1000 };
  const request = {
    method: "GET",
    origin: "http://127.0.0.1:1",
    path: "/",
    headers: [],
    body: null,
    timeouts,
  };

  it("is refused before anything is dialled", () => {
    const broken = [
      { ...request, headers: [["a", "b\r\nc: d"]] as const },
      { ...request, headers: [["a\n", "b"]] as const },
      { ...request, path: "/a b" },
      { ...request, path: "/a\r\nhost: x" },
      { ...request, path: "a" },
      { ...request, method: "GET /" },
    ];
    for (const each of broken) assert.throws(() => client.send(each, observer), JSON.stringify(each));
  });
});

describe("a body that is not what its length says", () => {
  it("leaves no connection to be read out of step", async () => {
    const sockets = new Set<Socket>();
    // Answers each head at once.
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        if (bytes.includes("POST")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const clients = [
      createHttp1Client({ keepAliveTimeoutMs: 5000 }),
      createHttp1Client({ keepAliveTimeoutMs: 5000 }),
    ];
    const send = (client: UpstreamClient | undefined, byteLength: number, chunk: Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => {
        client?.send(
          {
            method: "POST",
            origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
            path: "/",
            headers: [],
            body: { byteLength, chunks: () => [chunk] },
            timeouts: { connectTimeoutMs: 1000, firstByteTimeoutMs: 1000, idleTimeoutMs: 1000 },
          },
          { onReply: () => {}, onChunk: () => true, onEnd: resolve, onFailure: ({ cause }) => reject(cause) },
        );
      });
    try {
      for (const [at, byteLength] of [10, 100_000].entries()) {
        const before = sockets.size;
        await send(clients[at], byteLength, new Uint8Array(4));
        await send(clients[at], 4, new Uint8Array(4));
        assert.equal(sockets.size, before + 2, `${byteLength} bytes`);
      }
    } finally {
      for (const client of clients) await client.close();
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
