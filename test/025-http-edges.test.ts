/** The corners of HTTP between caller and provider, each decided once: framing, interim replies, pace, TLS. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { bodyOf, connectRaw } from "./bed/raw-caller.ts";
import { rawChunk, rawHead, rawJson, rawLastChunk } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let provider: FakeProvider;
let gateway: TestGateway;
let token: string;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider });
  token = await gateway.token();
});
after(async () => {
  await gateway.close();
  await provider.close();
});

const ask = JSON.stringify({ model: "gpt-5.5", input: "hi", stream: true });
const head = (extra = "", version = "1.1"): string =>
  `POST /openai/v1/responses HTTP/${version}\r\nhost: x\r\nauthorization: Bearer ${token}\r\n${extra}content-length: ${ask.length}\r\n\r\n`;

async function callRaw(extra = "connection: close\r\n", version = "1.1"): Promise<string> {
  const caller = await connectRaw(gateway.url);
  caller.write(head(extra, version) + ask);
  return caller.closed();
}

describe("replies and their framing", () => {
  it("interim replies of the provider end at the gateway", async () => {
    provider.script(() => ({
      pieces: [
        "HTTP/1.1 100 Continue\r\n\r\n",
        rawHead(103, [["link", "</x>"]]),
        rawHead(200, [["content-length", "2"]]),
        "ok",
      ],
      end: "keep",
    }));
    const reply = await callRaw();
    assert.match(reply, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(reply, /103|link/);
    assert.equal(bodyOf(reply), "ok");
  });

  it("trailers end at the gateway", async () => {
    provider.script(() => ({
      pieces: [
        rawHead(200, [
          ["transfer-encoding", "chunked"],
          ["trailer", "x-late"],
        ]),
        rawChunk("ok"),
        rawLastChunk([["x-late", "1"]]),
      ],
      end: "keep",
    }));
    const reply = await callRaw();
    assert.equal(bodyOf(reply), "ok");
    assert.doesNotMatch(reply, /x-late/);
  });

  for (const status of [204, 304]) {
    it(`${status} has no body, and the connection goes on`, async () => {
      provider.script(() => ({ pieces: [rawHead(status, [["x-kept", "1"]])], end: "keep" }));
      const caller = await connectRaw(gateway.url);
      caller.write(head() + ask);
      const first = await caller.until((text) => text.includes("\r\n\r\n"));
      assert.match(first, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(first, /x-kept: 1/);
      provider.script(() => rawJson(200, "{}"));
      caller.write(head("connection: close\r\n") + ask);
      assert.match(await caller.closed(), /\r\n\r\nHTTP\/1\.1 200 /);
    });
  }

  it("a reply framed by the end of the connection comes whole, framed anew", async () => {
    provider.script(() => ({
      pieces: [rawHead(200, [["content-type", "text/event-stream"]]), "data: 1\n\n", "data: 2\n\n"],
      end: "close",
    }));
    const reply = await callRaw();
    assert.equal(bodyOf(reply), "data: 1\n\ndata: 2\n\n");
    assert.ok(reply.endsWith("0\r\n\r\n"), "it ends cleanly");
  });

  it("a caller of HTTP/1.0 gets it without chunks", async () => {
    provider.script(() => ({
      pieces: [
        rawHead(200, [["transfer-encoding", "chunked"]]),
        rawChunk("one"),
        rawChunk("two"),
        rawLastChunk(),
      ],
      end: "keep",
    }));
    const reply = await callRaw("", "1.0");
    assert.doesNotMatch(reply, /transfer-encoding/i);
    assert.equal(reply.split("\r\n\r\n")[1], "onetwo");
  });

  it("a provider that speaks no HTTP is a 502", async () => {
    provider.script(() => ({ pieces: ["SSH-2.0-x\r\n\r\n"], end: "close" }));
    assert.match(await callRaw(), /^HTTP\/1\.1 502 /);
  });

  it("a final reply before the body was read, and the connection closed: it reaches the caller", async () => {
    const large = JSON.stringify({ model: "gpt-5.5", input: "x".repeat(6 * 1024 * 1024) });
    provider.scriptAtHead(() => rawJson(413, '{"error":{"message":"too large"}}', [["connection", "close"]]));
    const reply = await fetch(`${gateway.openaiUrl}/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: large,
    });
    provider.scriptAtHead(null);
    assert.equal(reply.status, 413);
    assert.equal(await reply.text(), '{"error":{"message":"too large"}}');
  });
});

describe("requests", () => {
  it("`Expect: 100-continue` is answered here and not sent up", async () => {
    provider.script(() => rawJson(200, "{}"));
    const caller = await connectRaw(gateway.url);
    caller.write(head("expect: 100-continue\r\nconnection: close\r\n"));
    await caller.until((text) => text.startsWith("HTTP/1.1 100 "));
    caller.write(ask);
    assert.match(await caller.closed(), /\r\n\r\nHTTP\/1\.1 200 /);
    const up = provider.requests.at(-1);
    assert.ok(!up?.headers.some(([name]) => name.toLowerCase() === "expect"));
  });

  it("another expectation is 417", async () => {
    assert.match(await callRaw("expect: magic\r\nconnection: close\r\n"), /^HTTP\/1\.1 417 /);
  });

  it("too large, told before it is read", async () => {
    const small = await startTestGateway({ provider, config: { maxBodyBytes: 1000 } });
    const caller = await connectRaw(small.url);
    caller.write(
      `POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await small.token()}\r\ncontent-length: 1001\r\n\r\n`,
    );
    const reply = await caller.until((text) => text.includes('"}}'));
    assert.match(reply, /^HTTP\/1\.1 413 /);
    caller.socket.destroy();
    await small.close();
  });

  it("a body that stops arriving is 408, and holds nothing", async () => {
    const brief = await startTestGateway({ provider, config: { bodyIdleTimeoutMs: 80 } });
    const caller = await connectRaw(brief.url);
    caller.write(
      `POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await brief.token()}\r\ncontent-length: 500\r\n\r\n{`,
    );
    assert.match(await caller.until((text) => text.includes("\r\n\r\n")), /^HTTP\/1\.1 408 /);
    const metrics = await (await fetch(`${brief.url}/metrics`)).text();
    assert.match(metrics, /\nmeshagent_kept_bytes 0\n/);
    caller.socket.destroy();
    await brief.close();
  });

  it("kept bodies have a bound together: who finds no room is told when to come back", async () => {
    const tight = await startTestGateway({ provider, config: { maxKeptBytes: 100_000 } });
    const tightToken = await tight.token();
    const blocker = await connectRaw(tight.url);
    blocker.write(
      `POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${tightToken}\r\ncontent-length: 90000\r\n\r\n{`,
    );
    await untilMetric(tight, "meshagent_kept_bytes 90000");
    const chunked = await connectRaw(tight.url);
    chunked.write(
      `POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${tightToken}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    chunked.write(rawChunk("x".repeat(20_000)));
    const reply = await chunked.until((text) => text.includes('"}}'));
    assert.match(reply, /^HTTP\/1\.1 503 /);
    assert.match(reply, /retry-after: \d/i);
    blocker.socket.destroy();
    await untilMetric(tight, "meshagent_kept_bytes 0");
    chunked.socket.destroy();
    await tight.close();
  });
});

async function untilMetric(which: TestGateway, line: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!(await (await fetch(`${which.url}/metrics`)).text()).includes(`\n${line}\n`)) {
    if (Date.now() > deadline) throw new Error(`${line} was never there`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("pace", () => {
  it("a chunk is with the caller before the next one is made", async () => {
    const seen = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    provider.script(() => ({
      pieces: [
        rawHead(200, [
          ["content-type", "text/event-stream"],
          ["transfer-encoding", "chunked"],
        ]),
        rawChunk("data: 1\n\n"),
        { until: seen[0]?.promise ?? Promise.resolve() },
        rawChunk("data: 2\n\n"),
        { until: seen[1]?.promise ?? Promise.resolve() },
        rawLastChunk(),
      ],
      end: "keep",
    }));
    const reply = await fetch(`${gateway.openaiUrl}/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: ask,
    });
    let text = "";
    for await (const chunk of reply.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes("1")) seen[0]?.resolve();
      if (text.includes("2")) seen[1]?.resolve();
    }
    assert.equal(text, "data: 1\n\ndata: 2\n\n");
  });

  it("headers come before the first byte of the body", async () => {
    const go = Promise.withResolvers<void>();
    provider.script(() => ({
      pieces: [rawHead(200, [["content-length", "2"]]), { until: go.promise }, "ok"],
      end: "keep",
    }));
    const reply = await fetch(`${gateway.openaiUrl}/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: ask,
    });
    assert.equal(reply.status, 200);
    go.resolve();
    assert.equal(await reply.text(), "ok");
  });

  it("a caller that does not read makes the provider wait, not the gateway's memory grow", async () => {
    const piece = rawChunk("x".repeat(64 * 1024));
    let written = 0;
    async function* endless(): AsyncGenerator<string | Uint8Array> {
      yield rawHead(200, [
        ["content-type", "text/event-stream"],
        ["transfer-encoding", "chunked"],
      ]);
      for (; written < 4000; written++) yield piece;
      yield rawLastChunk();
    }
    provider.script(() => ({ pieces: endless(), end: "keep" }));
    const caller = await connectRaw(gateway.url);
    caller.socket.pause();
    caller.write(head("connection: close\r\n") + ask);
    // The writer stands still once every buffer on the way is full.
    let last = -1;
    while (written === 0 || written !== last) {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    assert.ok(written < 1000, `${written} pieces of 64 KiB went into a caller that reads nothing`);
    caller.socket.resume();
    const reply = await caller.closed();
    assert.equal(bodyOf(reply).length, 4000 * 64 * 1024);
  });

  it("a request of 20 MB does not hold others up", async () => {
    provider.script(() => rawJson(200, '{"usage":{"input_tokens":1,"output_tokens":1}}'));
    const large = JSON.stringify({ model: "gpt-5.5", input: 'x\\n"'.repeat(7 * 1024 * 1024) });
    let isOver = false;
    const upload = fetch(`${gateway.openaiUrl}/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: large,
    }).finally(() => {
      isOver = true;
    });
    const waits: number[] = [];
    while (!isOver) {
      const began = performance.now();
      await (
        await fetch(`${gateway.openaiUrl}/responses`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: ask,
        })
      ).text();
      waits.push(performance.now() - began);
    }
    assert.equal((await upload).status, 200);
    waits.sort((a, b) => a - b);
    const worst = waits.at(-1) ?? 0;
    // In one process with the caller and the provider, on a busy machine: far below what a parse of 20 MB would block.
    assert.ok(worst < 1500, `the slowest of ${waits.length} small exchanges took ${Math.round(worst)} ms`);
  });

  it("a long silence inside a stream is not an end", async () => {
    provider.script(() => ({
      pieces: [
        rawHead(200, [
          ["content-type", "text/event-stream"],
          ["transfer-encoding", "chunked"],
        ]),
        rawChunk("data: 1\n\n"),
        { waitMs: 2500 },
        rawChunk("data: 2\n\n"),
        rawLastChunk(),
      ],
      end: "keep",
    }));
    const reply = await fetch(`${gateway.openaiUrl}/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: ask,
    });
    assert.equal(await reply.text(), "data: 1\n\ndata: 2\n\n");
  });
});

describe("TLS to the provider", () => {
  it("is verified, and kept alive", async () => {
    const directory = mkdtempSync(join(tmpdir(), "meshagent-tls-"));
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        join(directory, "key.pem"),
        "-out",
        join(directory, "cert.pem"),
      ],
      { stdio: "ignore" },
    );
    const tls = {
      key: readFileSync(join(directory, "key.pem"), "utf8"),
      cert: readFileSync(join(directory, "cert.pem"), "utf8"),
    };
    rmSync(directory, { recursive: true });
    const secure = await startFakeProvider({ tls });
    const trusting = await startTestGateway({ provider: secure, upstreamCa: tls.cert });
    const call = async (which: TestGateway): Promise<number> => {
      const reply = await fetch(`${which.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${await which.token()}` },
        body: ask,
      });
      await reply.text();
      return reply.status;
    };
    for (let round = 0; round < 4; round++) assert.equal(await call(trusting), 200);
    assert.equal(secure.connections, 1, "one connection served all four");
    const suspicious = await startTestGateway({ provider: secure });
    assert.equal(await call(suspicious), 502);
    await Promise.all([trusting.close(), suspicious.close()]);
    await secure.close();
  });
});
