/** Bytes: what the caller sends is what the provider gets, and what the provider sends is what the caller gets. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { bodyOf, connectRaw } from "./bed/raw-caller.ts";
import { rawChunk, rawHead, rawJson, rawLastChunk } from "./bed/raw-reply.ts";
import { providerKey, startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

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

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function post(
  path: string,
  body: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(gateway.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: body as BodyInit,
  });
}

const lastRequest = (): FakeProvider["requests"][number] => {
  const request = provider.requests.at(-1);
  assert.ok(request !== undefined);
  return request;
};

describe("request bodies go up as they came", () => {
  const odd: Readonly<Record<string, string>> = {
    "key order, white space and escapes":
      '{ "input" : "\\u0068i \\/ \\ud83d\\ude00",\r\n\t"model":"gpt-5.5" , "x":1.0e+02 }',
    "numbers that JSON.parse would change":
      '{"model":"gpt-5.5","big":123456789012345678901234567890,"f":1.10,"input":"hi"}',
    "unknown members, twice": '{"unknown":1,"unknown":{"a":[]},"model":"gpt-5.5","input":"hi"}',
    "an escaped policy key": '{"mod\\u0065l":"gpt-5.5","input":"hi"}',
    "characters beyond ASCII": '{"model":"gpt-5.5","input":"日本語 \u2028 é"}',
  };
  for (const [name, body] of Object.entries(odd)) {
    it(name, async () => {
      const reply = await post("/openai/v1/responses", body);
      assert.equal(reply.status, 200, await reply.text());
      assert.equal(lastRequest().body.toString(), body);
    });
  }

  it("a body of 20 MB", async () => {
    const body = Buffer.from(JSON.stringify({ model: "gpt-5.5", input: "x".repeat(20 * 1024 * 1024) }));
    provider.script(() => rawJson(200, "{}"));
    const reply = await post("/openai/v1/responses", body);
    provider.script(null);
    assert.equal(reply.status, 200);
    assert.equal(lastRequest().sha256, sha256(body));
  });

  it("of many callers at once, also where some leave in the middle: memory is used again, and never shared", async () => {
    const bodyFor = (round: number, at: number): string =>
      JSON.stringify({ model: "gpt-5.5", input: `${round}/${at};`.repeat(2000 + at * 1500), n: at });
    provider.script(() => rawJson(200, "{}"));
    for (let round = 0; round < 4; round++) {
      const before = provider.requests.length;
      const bodies = Array.from({ length: 24 }, (_, at) => bodyFor(round, at));
      const leaving = Array.from({ length: 8 }, async (_, at) => {
        const raw = await connectRaw(gateway.url);
        const half = bodyFor(round, at).slice(0, 150_000);
        raw.write(
          `POST /openai/v1/responses HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer ${token}\r\n` +
            `content-length: 900000\r\n\r\n${half}`,
        );
        raw.socket.resetAndDestroy();
      });
      const replies = bodies.map(async (body) => (await post("/openai/v1/responses", body)).status);
      assert.deepEqual(new Set(await Promise.all(replies)), new Set([200]));
      await Promise.all(leaving);
      const arrived = provider.requests.slice(before).map((request) => request.sha256);
      assert.deepEqual(arrived.toSorted(), bodies.map((body) => sha256(Buffer.from(body))).toSorted());
    }
    provider.script(null);
  });

  const encodings: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    gzip: gzipSync,
    deflate: deflateSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
    "gzip, zstd": (bytes) => zstdCompressSync(gzipSync(bytes)),
  };
  for (const [encoding, encode] of Object.entries(encodings)) {
    it(`encoded with ${encoding}: as it came where the provider takes it, else decoded`, async () => {
      const valuesOf = (name: string): readonly string[] =>
        lastRequest()
          .headers.filter(([header]) => header.toLowerCase() === name)
          .map(([, value]) => value);
      // Odd spacing, which a body that is parsed and written again would lose.
      const plain = Buffer.from('{"model" : "claude-opus-5-5",\n"input":"h\\u00e9",  "x":1.0 }');
      const encoded = encode(plain);
      for (const [path, takes] of [
        ["/openai/v1/responses", []],
        ["/anthropic/v1/messages", ["gzip"]],
      ] as const) {
        provider.script(() => rawJson(200, "{}"));
        const reply = await post(path, encoded, { "content-encoding": encoding });
        provider.script(null);
        assert.equal(reply.status, 200, await reply.text());
        const isTaken = takes.some((each) => each === encoding);
        const sent = isTaken ? encoded : plain;
        assert.equal(lastRequest().sha256, sha256(sent));
        assert.deepEqual(valuesOf("content-encoding"), isTaken ? [encoding] : []);
        assert.deepEqual(valuesOf("content-length"), [String(sent.byteLength)]);
      }
    });
  }

  it("a chunked upload arrives whole, framed by its length", async () => {
    const caller = await connectRaw(gateway.url);
    const body = '{"model":"gpt-5.5","input":"in pieces"}';
    caller.write(
      `POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
    );
    for (const character of body) caller.write(rawChunk(character));
    caller.write(rawLastChunk([["x-trailer", "stays here"]]));
    assert.match(await caller.closed(), /^HTTP\/1\.1 200/);
    assert.equal(lastRequest().body.toString(), body);
    const names = lastRequest().headers.map(([header]) => header.toLowerCase());
    assert.ok(!names.includes("transfer-encoding") && !names.includes("x-trailer"));
  });

  it("path and query pass as they are", async () => {
    await post(
      "/anthropic/v1/messages?beta=true&x=%2F%20y",
      '{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
    );
    assert.equal(
      lastRequest().path,
      "/anthropic/v1/messages?beta=true&x=%2F%20y".replace(
        "/anthropic",
        new URL(provider.anthropicBaseUrl).pathname,
      ),
    );
  });
});

describe("replies come down as they were sent", () => {
  it("a stream's every byte, whatever is in it", async () => {
    const bytes = Buffer.concat([
      Buffer.from("\ufeff: comment\r\n\r\nevent: odd\rdata: 1\r\rdata:no space\n\n"),
      Buffer.from([0xff, 0xfe, 0x00, 0x0a, 0x0a]),
      Buffer.from(
        'data: {"type":"response.completed","response":{"id":"resp_1","usage":{"input_tokens":1,"output_tokens":1}}}\n\nafter',
      ),
    ]);
    provider.script(() => ({
      pieces: [
        rawHead(200, [
          ["content-type", "text/event-stream"],
          ["transfer-encoding", "chunked"],
        ]),
        ...Array.from(bytes, (byte) => rawChunk(Buffer.from([byte]))),
        rawLastChunk(),
      ],
      end: "keep",
    }));
    const reply = await post("/openai/v1/responses", '{"model":"gpt-5.5","stream":true,"input":"hi"}');
    assert.equal(sha256(Buffer.from(await reply.arrayBuffer())), sha256(bytes));
  });

  for (const [encoding, encode] of Object.entries({
    gzip: gzipSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
  })) {
    it(`an encoded reply (${encoding}) stays encoded, and is counted`, async () => {
      const json =
        '{"id":"resp_enc","model":"gpt-5.5","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":5,"total_tokens":8}}';
      const bytes = encode(Buffer.from(json));
      provider.script(() => ({
        pieces: [
          rawHead(200, [
            ["content-type", "application/json"],
            ["content-encoding", encoding],
            ["content-length", String(bytes.length)],
          ]),
          bytes,
        ],
        end: "keep",
      }));
      const caller = await connectRaw(gateway.url);
      const body = '{"model":"gpt-5.5","input":"hi"}';
      caller.write(
        `POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
      const reply = await caller.closed();
      assert.match(reply, new RegExp(`\r\ncontent-encoding: ${encoding}\r\n`));
      assert.equal(bodyOf(reply), bytes.toString("latin1"));
      const row = (await gateway.exchanges()).at(-1);
      assert.equal(row?.result?.usage[0]?.input_tokens, 3);
      assert.equal(row.result.usage[0].output_tokens, 5);
      assert.equal(row.result.usageSource, "exact");
    });
  }

  it("a provider's error, its status and its headers", async () => {
    const error =
      '{"error": {"message":"Rate limit reached","type":"tokens","param":null,"code":"rate_limit_exceeded"} , "odd":1}';
    provider.script(() =>
      rawJson(429, error, [
        ["retry-after", "17"],
        ["x-should-retry", "true"],
        ["x-request-id", "req_1"],
        ["x-ratelimit-reset-tokens", "6m0s"],
      ]),
    );
    const reply = await post("/openai/v1/responses", '{"model":"gpt-5.5","input":"hi"}');
    assert.equal(reply.status, 429);
    assert.equal(await reply.text(), error);
    assert.equal(reply.headers.get("retry-after"), "17");
    assert.equal(reply.headers.get("x-should-retry"), "true");
    assert.equal(reply.headers.get("x-request-id"), "req_1");
    assert.equal(reply.headers.get("x-ratelimit-reset-tokens"), "6m0s");
    const row = (await gateway.exchanges()).at(-1);
    assert.equal(row?.result?.outcome, "upstream_error");
    assert.equal(row.result.costNanoUsd, 0);
    assert.equal(row.result.providerRequestId, "req_1");
  });

  it("a redirect passes and is not followed", async () => {
    provider.script(() => rawJson(302, "", [["location", "https://elsewhere.example/"]]));
    const reply = await fetch(`${gateway.openaiUrl}/models`, {
      redirect: "manual",
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(reply.status, 302);
    assert.equal(reply.headers.get("location"), "https://elsewhere.example/");
  });
});

describe("headers follow the closed table", () => {
  it("up: credentials and the caller's whereabouts stay here, all else passes", async () => {
    provider.script(() => rawJson(200, "{}"));
    const caller = await connectRaw(gateway.url);
    const body = '{"model":"claude-opus-5-5","max_tokens":1,"messages":[]}';
    const dropped = [
      "Cookie: a=b",
      "Proxy-Authorization: Basic eA==",
      "api-key: k",
      "OpenAI-Organization: org",
      "OpenAI-Project: p",
      "Forwarded: for=1.2.3.4",
      "X-Forwarded-For: 1.2.3.4",
      "X-Real-IP: 1.2.3.4",
      "Origin: https://o",
      "Referer: https://r",
      "Meshagent-Session: s",
      "Keep-Alive: 5",
      "TE: trailers",
      "X-Hop: 1",
    ];
    const kept = [
      "anthropic-version: 2026-10-21",
      "anthropic-beta: a-2026-01-01,b",
      "Anthropic-Beta: c",
      "X-Stainless-Lang: js",
      "x-unknown: \u00e9",
    ];
    caller.write(
      Buffer.from(
        [
          `POST /anthropic/v1/messages HTTP/1.1`,
          "host: gateway.example",
          `x-api-key: ${token}`,
          ...dropped,
          ...kept,
          "Connection: close, x-hop",
          `content-length: ${body.length}`,
          "",
          body,
        ].join("\r\n"),
        "latin1",
      ),
    );
    assert.match(await caller.closed(), /^HTTP\/1\.1 200/);
    provider.script(null);
    const lines = lastRequest().headers.map(([name, value]) => `${name}: ${value}`);
    const own = [
      `x-api-key: ${providerKey}`,
      `host: ${provider.origin.slice(7)}`,
      "connection: keep-alive",
      `content-length: ${body.length}`,
    ];
    assert.deepEqual([...lines].sort(), [...kept, ...own].sort());
    assert.ok(
      !JSON.stringify(provider.requests.map((request) => request.headers)).includes(token.slice(0, 30)),
    );
  });

  it("down: cookies, CORS, alt-svc, hop-by-hop, ours and a differing openai-model stay here", async () => {
    provider.script(() =>
      rawJson(200, "{}", [
        ["Set-Cookie", "a=b"],
        ["access-control-allow-origin", "*"],
        ["alt-svc", "h3"],
        ["x-meshagent-exchange-id", "forged"],
        ["openai-model", "gpt-5.5-2026-04-23"],
        ["Connection", "x-hop"],
        ["x-hop", "1"],
        ["X-Kept", "1"],
        ["x-kept", "2"],
        ["openai-processing-ms", "12"],
      ]),
    );
    const caller = await connectRaw(gateway.url);
    const body = '{"model":"gpt-5.5","input":"hi"}';
    caller.write(
      `POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    );
    const head = (await caller.closed()).split("\r\n\r\n")[0] ?? "";
    provider.script(null);
    for (const gone of ["set-cookie", "access-control", "alt-svc", "forged", "openai-model", "x-hop"])
      assert.doesNotMatch(head, new RegExp(gone, "i"), gone);
    assert.match(head, /\r\nX-Kept: 1\r\nx-kept: 2\r\nopenai-processing-ms: 12/);
    assert.match(head, /\r\nx-meshagent-exchange-id: ex_[0-9a-z]{26}/);
  });
});

describe("include_usage: the caller sees what it would have seen", () => {
  const chunk = (rest: string): string =>
    `data: {"id":"chatcmpl_1","object":"chat.completion.chunk","model":"gpt-5.4"${rest}}\n\n`;
  const asked = [
    chunk(
      ',"choices":[{"index":0,"delta":{"content":"say \\"usage\\":null"}}],"usage":null,"obfuscation":"aB"',
    ),
    ": comment\n\n",
    chunk(',"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null'),
    chunk(',"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}'),
    "data: [DONE]\n\n",
  ].join("");
  const unasked = [
    chunk(',"choices":[{"index":0,"delta":{"content":"say \\"usage\\":null"}}],"obfuscation":"aB"'),
    ": comment\n\n",
    chunk(',"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]'),
    "data: [DONE]\n\n",
  ].join("");
  const stream =
    (encoding?: (bytes: Buffer) => Buffer, name = "") =>
    () => {
      const bytes = encoding === undefined ? Buffer.from(asked) : encoding(Buffer.from(asked));
      const lines: [string, string][] = [
        ["content-type", "text/event-stream"],
        ["transfer-encoding", "chunked"],
      ];
      if (name !== "") lines.push(["content-encoding", name]);
      const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_each, index) =>
        rawChunk(bytes.subarray(index * 7, index * 7 + 7)),
      );
      return { pieces: [rawHead(200, lines), ...pieces, rawLastChunk()], end: "keep" as const };
    };
  const body = '{"model":"gpt-5.4","messages":[{"role":"user","content":"hi"}],"stream":true}';

  it("a plain request and a plain reply", async () => {
    provider.script(stream());
    const reply = await post("/openai/v1/chat/completions", body, { "accept-encoding": "gzip" });
    assert.equal(await reply.text(), unasked);
    const up = lastRequest();
    assert.deepEqual(JSON.parse(up.body.toString()), {
      ...JSON.parse(body),
      stream_options: { include_usage: true },
    });
    assert.deepEqual(
      up.headers.filter(([name]) => name.toLowerCase() === "accept-encoding").map(([, value]) => value),
      ["identity"],
    );
    const row = (await gateway.exchanges()).at(-1);
    assert.equal(row?.result?.usage[0]?.input_tokens, 10);
    assert.equal(row.result.usage[0].output_tokens, 4);
    // gpt-5.4: 10 x $2.5 / 1M + 4 x $15 / 1M = $0.000025 + $0.00006 = $0.000085
    assert.equal(row.result.costNanoUsd, 85_000);
  });

  it("an encoded request goes up decoded", async () => {
    provider.script(stream());
    const reply = await post("/openai/v1/chat/completions", gzipSync(body), { "content-encoding": "gzip" });
    assert.equal(await reply.text(), unasked);
    const up = lastRequest();
    assert.deepEqual(JSON.parse(up.body.toString()), {
      ...JSON.parse(body),
      stream_options: { include_usage: true },
    });
    assert.ok(!up.headers.some(([name]) => name.toLowerCase() === "content-encoding"));
  });

  for (const [name, encode] of Object.entries({
    gzip: gzipSync,
    br: brotliCompressSync,
    zstd: zstdCompressSync,
  })) {
    it(`a provider that answers ${name} all the same`, async () => {
      provider.script(stream(encode, name));
      const reply = await post("/openai/v1/chat/completions", body);
      assert.equal(await reply.text(), unasked);
      assert.equal((await gateway.exchanges()).at(-1)?.result?.usage[0]?.input_tokens, 10);
    });
  }

  it("a caller that asked itself sees everything, and its body goes up untouched", async () => {
    provider.script(stream());
    const asking = body.replace("}]", '}] , "stream_options": {"include_usage" :true}').replace("}],", "}],");
    const reply = await post("/openai/v1/chat/completions", asking);
    assert.equal(await reply.text(), asked);
    assert.equal(lastRequest().body.toString(), asking);
  });
});
