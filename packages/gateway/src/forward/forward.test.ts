import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { sampleBody } from "../sample-routed.ts";
import { RelayBed, sse } from "./relay-harness.ts";

let bed: RelayBed;
before(async () => {
  bed = new RelayBed();
  await bed.open();
});
after(() => bed.close());

const head = [
  "POST /openai/v1/responses?a=%20b&a HTTP/1.1",
  "Host: gw",
  "Authorization: Bearer caller",
  "X-Odd: \xff",
  "x-odd: 2",
  "Content-Encoding: gzip",
  "Meshagent-Session: s",
  "Content-Length: 0",
  "",
  "",
].join("\r\n");

describe("what goes up", () => {
  it("is what came: the closed table's headers, the provider's key, path and query as they are", async () => {
    const { up } = await bed.exchange({
      requestHead: Buffer.from(head, "latin1").toString("latin1"),
      call: { query: "?a=%20b&a" },
      body: sampleBody("bytes", "gzip"),
      dialect: "anthropic",
    });
    const { method, origin, path, headers, body, timeouts } = up.request;
    assert.deepEqual([method, origin, path], ["POST", "https://provider.example", "/v1/messages?a=%20b&a"]);
    assert.deepEqual(
      headers.map(([name]) => name),
      ["X-Odd", "x-odd", "Content-Encoding", "x-api-key"],
    );
    assert.deepEqual(headers.at(-1), ["x-api-key", "sk-of-the-provider"]);
    assert.equal(body?.byteLength, 5);
    assert.deepEqual(timeouts, { connectTimeoutMs: 1000, firstByteTimeoutMs: 2000, idleTimeoutMs: 3000 });
    up.reply(200, sse);
    up.end();
  });

  it("no body where there is none, no credential to the simulated provider", async () => {
    const { up } = await bed.exchange({
      endpoint: "models",
      body: null,
      upstream: { apiKey: null, isSimulated: true },
    });
    assert.equal(up.request.body, null);
    assert.deepEqual(up.request.headers, []);
    up.reply(200, []);
    up.end();
  });

  it("gives the body's memory back with its last chunk, and not before", async () => {
    const body = sampleBody("bytes");
    const { up } = await bed.exchange({ body });
    assert.equal(body.released(), 0);
    const chunks = up.request.body?.chunks()[Symbol.iterator]();
    assert.equal(Buffer.from(chunks?.next().value ?? []).toString(), "bytes");
    assert.equal(body.released(), 0);
    assert.equal(chunks?.next().done, true);
    assert.equal(body.released(), 1);
    up.reply(200, sse);
    up.end();
  });
});
