import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { upstreamClientConformance } from "./conformance.ts";
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
