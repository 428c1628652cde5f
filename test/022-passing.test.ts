/**
 * What an owner chooses of how things pass: the account's rate-limit headers on the way down, by HTTP and on a 101, and
 * encoded bodies on the way up. Compared byte for byte; a choice holds from the next request on.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Client, createClient } from "@meshagent/llm-proxy-protocol/client";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { type FakeProvider, grantOf, startFakeProvider } from "./bed/fake-provider.ts";
import { connectRaw } from "./bed/raw-caller.ts";
import { rawHead } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let provider: FakeProvider;
let gateway: TestGateway;
let token: string;
let owner: Client;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider });
  token = await gateway.token();
  owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
});
after(async () => {
  await gateway.close();
  await provider.close();
});
afterEach(async () => {
  provider.script(null);
  provider.scriptSocket(null);
  for (const name of ["openai", "anthropic"])
    await choose(name, { rate_limit_headers: null, accepted_encodings: null });
});

type Choice = Pick<
  Parameters<Client["setProvider"]>[0],
  "rate_limit_headers" | "accepted_encodings" | "base_url"
>;

function choose(name: string, choice: Choice): ReturnType<Client["setProvider"]> {
  return owner.setProvider({ project: gateway.projectId, provider: name, ...choice });
}

type Lines = readonly (readonly [string, string])[];

const openaiLimits: Lines = [
  ["x-ratelimit-limit-requests", "10000"],
  ["X-RateLimit-Remaining-Tokens", "1999999"],
  ["x-ratelimit-reset-requests", "6ms"],
];
const anthropicLimits: Lines = [
  ["anthropic-ratelimit-requests-limit", "4000"],
  ["Anthropic-RateLimit-Unified-Status", "allowed"],
  ["anthropic-priority-input-tokens-remaining", "1"],
  ["anthropic-fast-output-tokens-limit", "2"],
];
/** What says when to come again, and what only looks like a limit. */
const kept: Lines = [
  ["retry-after", "7"],
  ["retry-after-ms", "6500"],
  ["x-should-retry", "true"],
  ["X-RateLimited", "yes"],
  ["anthropic-organization-id", "org_1"],
];

const endpoints = [
  {
    name: "openai",
    path: "/openai/v1/responses",
    model: "gpt-5.5",
    limits: openaiLimits,
    others: anthropicLimits,
  },
  {
    name: "anthropic",
    path: "/anthropic/v1/messages",
    model: "claude-opus-5-5",
    limits: anthropicLimits,
    others: openaiLimits,
  },
] as const;

/** Posts on a connection of its own; gives the reply's bytes without the lines that are the gateway's own. */
async function post(path: string, model: string): Promise<string> {
  const caller = await connectRaw(gateway.url);
  const body = JSON.stringify({ model, input: "hi" });
  caller.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  return withoutOwnLines(await caller.closed());
}

function withoutOwnLines(reply: string): string {
  return reply.replace(/^(?:x-meshagent-[a-z-]+|connection|date|keep-alive): .*\r\n/gim, "");
}

function wire(status: string, lines: Lines, body: string): string {
  return `HTTP/1.1 ${status}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
}

const bodies = {
  "a plain reply": ["200 OK", [["content-type", "application/json"]], "{}"],
  "a stream": ["200 OK", [["content-type", "text/event-stream"]], 'data: {"type":"ping"}\n\n'],
  "a 429": [
    "429 Too Many Requests",
    [["content-type", "application/json"]],
    '{"error":{"message":"slow down"}}',
  ],
} as const;

for (const { name, path, model, limits, others } of endpoints) {
  describe(`rate-limit headers of ${name}`, () => {
    for (const [kind, [status, type, body]] of Object.entries(bodies)) {
      it(`${kind}: pass, are dropped from the next request on, and pass again`, async () => {
        const length = ["content-length", String(Buffer.byteLength(body))] as const;
        const lines = [...type, length, ...limits, ...others, ...kept];
        const [code, reason] = [status.slice(0, 3), status.slice(4)];
        const reply = rawHead(Number(code), lines, reason);
        provider.script(() => ({ pieces: [reply, body], end: "keep" }));
        const whole = wire(status, lines, body);
        assert.equal(await post(path, model), whole);

        const set = await choose(name, { rate_limit_headers: "drop" });
        assert.equal(set.rate_limit_headers, "drop");
        assert.equal(await post(path, model), wire(status, [...type, length, ...others, ...kept], body));

        await choose(name, { rate_limit_headers: "pass" });
        assert.equal(await post(path, model), whole);
      });
    }
  });
}

describe("rate-limit headers of a WebSocket's 101", () => {
  const more: Lines = [...openaiLimits, ...kept];

  async function upgrade(): Promise<string> {
    const caller = await connectRaw(gateway.url);
    caller.write(
      `GET /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\nconnection: Upgrade\r\n` +
        "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    const head = await caller.until((received) => received.includes("\r\n\r\n"));
    caller.socket.destroy();
    return head;
  }

  it("pass, or are dropped", async () => {
    provider.scriptSocket(({ headers }, socket) => {
      const request = {
        headers: Object.fromEntries(headers.map(([key, value]) => [key.toLowerCase(), value])),
      };
      socket.write(grantOf(request, more), "latin1");
      return true;
    });
    const passed = await upgrade();
    assert.match(passed, /^HTTP\/1\.1 101 /);
    for (const [name, value] of more) assert.ok(passed.includes(`\r\n${name}: ${value}\r\n`), name);
    await choose("openai", { rate_limit_headers: "drop" });
    const dropped = await upgrade();
    assert.match(dropped, /^HTTP\/1\.1 101 /);
    assert.doesNotMatch(dropped, /^x-ratelimit-/im);
    for (const [name, value] of kept) assert.ok(dropped.includes(`\r\n${name}: ${value}\r\n`), name);
  });

  it("a refusal of the upgrade likewise", async () => {
    const head = rawHead(429, [["content-length", "2"], ...more], "Too Many Requests");
    provider.script(() => ({ pieces: [head, "no"], end: "close" }));
    assert.match(await upgrade(), /^HTTP\/1\.1 429 [^]*x-ratelimit-limit-requests: 10000\r\n/);
    await choose("openai", { rate_limit_headers: "drop" });
    const dropped = await upgrade();
    assert.match(dropped, /^HTTP\/1\.1 429 /);
    assert.doesNotMatch(dropped, /^x-ratelimit-/im);
    assert.match(dropped, /\r\nretry-after: 7\r\n/);
  });
});

describe("accepted encodings", () => {
  const plain = Buffer.from('{"model" : "gpt-5.5",\n"input":"h\\u00e9" }');
  const encoded = { gzip: gzipSync(plain), zstd: zstdCompressSync(plain) };

  /** What reached the provider: its `content-encoding`, or "" for none, and whether the bytes are as they came. */
  async function sent(encoding: "gzip" | "zstd"): Promise<readonly [string, boolean]> {
    const reply = await fetch(`${gateway.openaiUrl}/responses`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "content-encoding": encoding,
      },
      body: encoded[encoding],
    });
    assert.equal(reply.status, 200, await reply.text());
    const request = provider.requests.at(-1);
    assert.ok(request !== undefined);
    const header = request.headers.find(([name]) => name.toLowerCase() === "content-encoding")?.[1] ?? "";
    assert.deepEqual(request.body, header === "" ? plain : encoded[encoding]);
    return [header, request.body.equals(encoded[encoding])];
  }

  it("go up as they came once the owner says so, and decoded again after", async () => {
    provider.script(() => ({
      pieces: [rawHead(200, [["content-length", "2"]], "OK"), "{}"],
      end: "keep",
    }));
    assert.deepEqual(await sent("zstd"), ["", false]);
    await choose("openai", { accepted_encodings: ["zstd"] });
    assert.deepEqual(await sent("zstd"), ["zstd", true]);
    assert.deepEqual(await sent("gzip"), ["", false]);
    await choose("openai", { accepted_encodings: [] });
    assert.deepEqual(await sent("zstd"), ["", false]);
  });
});

it("the environment's choices hold for every project that made none", async () => {
  const passing = { rateLimitHeaders: "drop", acceptedEncodings: ["zstd"] } as const;
  const apiKey = new Secret("sk-another");
  const other = await startTestGateway({
    providerDefaults: { openai: { apiKey, baseUrl: provider.openaiBaseUrl, passing } },
  });
  try {
    provider.script(() => ({
      pieces: [rawHead(200, [["content-length", "2"], ...openaiLimits, ...kept], "OK"), "{}"],
      end: "keep",
    }));
    const ask = async (): Promise<Response> =>
      fetch(`${other.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${await other.token()}` },
        body: '{"model":"gpt-5.5","input":"hi"}',
      });
    const names = (reply: Response): readonly string[] => [...reply.headers.keys()];
    const dropped = await ask();
    assert.deepEqual(
      names(dropped).filter((name) => name.startsWith("x-ratelimit-")),
      [],
    );
    assert.equal(dropped.headers.get("retry-after"), "7");
    const client = createClient({ baseUrl: other.url, token: other.ownerToken });
    const { providers } = await client.listProviders({ project: other.projectId });
    assert.deepEqual(
      providers.map(({ name, rate_limit_headers, accepted_encodings }) => [
        name,
        rate_limit_headers,
        accepted_encodings,
      ]),
      [
        ["anthropic", "pass", ["gzip"]],
        ["openai", "drop", ["zstd"]],
      ],
    );
    await client.setProvider({ project: other.projectId, provider: "openai", rate_limit_headers: "pass" });
    assert.equal(names(await ask()).filter((name) => name.startsWith("x-ratelimit-")).length, 3);
  } finally {
    await other.close();
  }
});
