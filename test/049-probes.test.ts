/**
 * Every probe, preflight and side request that clients were seen to send (facts/clients.md), written as they write it,
 * and what each of them needs back. A client's way to find out what is here must never cost anything, reach the
 * provider without need, or make it give up a gateway that works.
 */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { bodyOf, connectRaw, type RawCaller } from "./bed/raw-caller.ts";
import { rawHead, rawJson } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

/** The page of an application in a browser. */
const allowedOrigin = "https://app.example";

let provider: FakeProvider;
let gateway: TestGateway;
let token: string;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider, config: { corsOrigins: [allowedOrigin] } });
  token = await gateway.token({ llm: { models: ["openai/gpt-5.5", "openai/gpt-6*", "anthropic/claude-*"] } });
});
after(async () => {
  await gateway.close();
  await provider.close();
});
afterEach(() => provider.script(null));

const openAiModels = {
  object: "list",
  data: ["gpt-5.5", "gpt-5.4-nano", "gpt-6.1-sol", "o3"].map((id) => ({
    id,
    object: "model",
    created: 1,
    owned_by: "openai",
  })),
};
const anthropicModels = {
  data: ["claude-opus-5-5", "fable-5", "claude-haiku-5-5"].map((id) => ({
    type: "model",
    id,
    display_name: `The ${id}`,
    created_at: "2026-01-01T00:00:00Z",
  })),
  has_more: false,
  first_id: "claude-opus-5-5",
  last_id: "claude-haiku-5-5",
};

interface Answer {
  readonly status: number;
  /** Status line and header lines. */
  readonly head: string;
  readonly body: string;
}

interface Probe {
  readonly who: string;
  readonly request: string;
  /** As the client sends them, in its order; TOKEN stands for the caller's. */
  readonly lines: readonly string[];
  readonly body?: string | Buffer;
  /** What the provider answers where it is asked. */
  readonly says?: object;
  readonly status: number;
  /** How many requests the provider gets. */
  readonly forwarded: 0 | 1;
  readonly needs?: (answer: Answer) => void;
}

const codexAgent = "codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex_exec; 0.169.0)";
const claudeBetas =
  "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,per-turn-control-2026-07-01," +
  "mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20,effort-2025-11-24";
const claudeLines = [
  "Accept: application/json",
  "Authorization: Bearer TOKEN",
  "Content-Type: application/json",
  "User-Agent: claude-cli/2.1.330 (external, sdk-cli)",
  "X-Claude-Code-Session-Id: 30434093-6ead-466b-a8a9-5a3e8f13ddb0",
  "X-Stainless-Retry-Count: 0",
  "X-Stainless-Timeout: 600",
  `anthropic-beta: ${claudeBetas}`,
  "anthropic-dangerous-direct-browser-access: true",
  "anthropic-version: 2023-06-01",
  "x-app: cli",
  "Accept-Encoding: gzip, deflate, br, zstd",
];
const discoveryLines = ["anthropic-version: 2023-06-01", "User-Agent: claude-code/2.1.330", "Accept: */*"];
const upgradeLines = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** The error of a reply in OpenAI's shape. */
function openAiError(answer: Answer): {
  readonly message: string;
  readonly code: string;
  readonly type: string;
} {
  const { error } = JSON.parse(answer.body) as { error: { message: string; code: string; type: string } };
  // What Codex prints of an error is its message and this.
  assert.match(answer.head, /^x-request-id: \S+/im);
  return error;
}

function anthropicError(answer: Answer): { readonly type: string; readonly message: string } {
  const body = JSON.parse(answer.body) as { type: string; error: { type: string; message: string } };
  assert.equal(body.type, "error");
  assert.match(answer.head, /^request-id: \S+/im);
  return body.error;
}

function idsOf({ body }: Answer): readonly string[] {
  return (JSON.parse(body) as { data: readonly { id: string }[] }).data.map(({ id }) => id);
}

/** Empty, framed as such, and of no other place: a probe that is redirected counts as unreachable. */
function isBare({ head, body }: Answer): void {
  assert.equal(body, "");
  assert.doesNotMatch(head, /^(?:location|www-authenticate|set-cookie):/im);
}

/** Only what the token may use, with all that Claude Code shows of a model. */
function isNarrowedForClaude(answer: Answer): void {
  assert.deepEqual(JSON.parse(answer.body), {
    ...anthropicModels,
    data: anthropicModels.data.filter(({ id }) => id !== "fable-5"),
  });
}

const probes: readonly Probe[] = [
  // ---------------------------------------------------------------- reachability (3.6, 4.2)
  {
    who: "codex doctor, before it has a credential",
    request: "HEAD /openai/v1/responses",
    lines: [
      "originator: codex_cli_rs",
      "user-agent: codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64)",
      "accept: */*",
    ],
    status: 200,
    forwarded: 0,
    needs: isBare,
  },
  {
    who: "codex doctor's second question, which takes a 401 for reachable",
    request: "GET /openai/v1/models",
    lines: [
      "originator: codex_cli_rs",
      "user-agent: codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64)",
      "accept: */*",
    ],
    status: 401,
    forwarded: 0,
    needs: (answer) => {
      assert.equal(openAiError(answer).code, "invalid_api_key");
      assert.match(answer.head, /^x-should-retry: false/im);
    },
  },
  {
    who: "Claude Code at its start",
    request: "HEAD /anthropic/api/hello",
    lines: ["Connection: keep-alive", "User-Agent: Bun/1.4.4", "Accept: */*"],
    status: 200,
    forwarded: 0,
    needs: isBare,
  },
  {
    who: "Claude Code 2.1.197 at its start",
    request: "HEAD /anthropic",
    lines: ["Connection: keep-alive", "User-Agent: Bun/1.3.0", "Accept: */*"],
    status: 200,
    forwarded: 0,
    needs: isBare,
  },
  {
    who: "Claude Code whose base URL ends in a slash",
    request: "HEAD /anthropic/",
    lines: ["User-Agent: Bun/1.4.4"],
    status: 200,
    forwarded: 0,
    needs: isBare,
  },
  {
    who: "a person who opens OpenAI's base URL",
    request: "GET /openai/v1",
    lines: ["accept: text/html"],
    status: 200,
    forwarded: 0,
    needs: ({ body }) => assert.match(body, /^MeshAgent LLM Proxy: .*\(\/openai\/v1\).*\n$/),
  },
  {
    who: "a person who opens Anthropic's base URL",
    request: "GET /anthropic",
    lines: ["accept: text/html"],
    status: 200,
    forwarded: 0,
    needs: ({ body }) => assert.match(body, /^MeshAgent LLM Proxy: .*\(\/anthropic\).*\n$/),
  },
  // ---------------------------------------------------------------- preflights of browsers (6: dangerous-direct-browser-access)
  {
    who: "an SDK in a page that the operator allows, before it sends its credential",
    request: "OPTIONS /anthropic/v1/messages",
    lines: [
      `Origin: ${allowedOrigin}`,
      "Access-Control-Request-Method: POST",
      "Access-Control-Request-Headers: anthropic-dangerous-direct-browser-access,anthropic-version,content-type,x-api-key",
    ],
    status: 204,
    forwarded: 0,
    needs: ({ head }) => {
      assert.match(head, /^access-control-allow-origin: https:\/\/app\.example/im);
      assert.match(head, /^access-control-allow-headers: .*x-api-key/im);
      assert.match(head, /^access-control-allow-methods: .*POST/im);
    },
  },
  {
    who: "an SDK in a page that nobody allowed",
    request: "OPTIONS /openai/v1/chat/completions",
    lines: ["Origin: https://other.example", "Access-Control-Request-Method: POST"],
    status: 204,
    forwarded: 0,
    needs: ({ head }) => assert.doesNotMatch(head, /^access-control-/im),
  },
  // ---------------------------------------------------------------- models (3.5, 4.5, 6)
  {
    who: "Codex with an `auth` command, for its catalogue",
    request: "GET /openai/v1/models?client_version=0.169.0",
    lines: [
      "authorization: Bearer TOKEN",
      "originator: codex_exec",
      `user-agent: ${codexAgent}`,
      "accept: */*",
    ],
    says: openAiModels,
    status: 200,
    forwarded: 1,
    needs: (answer) => {
      assert.deepEqual(idsOf(answer), ["gpt-5.5", "gpt-6.1-sol"]);
      // A plain list alone is an error to it.
      const { models } = JSON.parse(answer.body) as {
        models: readonly { slug: string; visibility: string }[];
      };
      for (const { slug, visibility } of models)
        assert.ok(visibility === "hide" || ["gpt-5.5", "gpt-6.1-sol"].includes(slug), slug);
      // It asks for no encoding and takes none.
      assert.doesNotMatch(answer.head, /^content-encoding:/im);
    },
  },
  {
    who: "the OpenAI SDK",
    request: "GET /openai/v1/models",
    lines: [
      "accept: application/json",
      "user-agent: OpenAI/JS 7.57.0",
      "x-stainless-lang: js",
      "authorization: Bearer TOKEN",
      "accept-encoding: gzip, deflate",
    ],
    says: openAiModels,
    status: 200,
    forwarded: 1,
    needs: (answer) => {
      const data = openAiModels.data.filter(({ id }) => id === "gpt-5.5" || id === "gpt-6.1-sol");
      assert.deepEqual(JSON.parse(answer.body), { object: "list", data });
    },
  },
  {
    who: "the OpenAI SDK, for a model that the token may use",
    request: "GET /openai/v1/models/gpt-5.5",
    lines: ["user-agent: OpenAI/JS 7.57.0", "authorization: Bearer TOKEN"],
    says: { id: "gpt-5.5", object: "model" },
    status: 200,
    forwarded: 1,
  },
  {
    who: "the OpenAI SDK, for one that it may not",
    request: "GET /openai/v1/models/o3",
    lines: ["user-agent: OpenAI/JS 7.57.0", "authorization: Bearer TOKEN"],
    status: 404,
    forwarded: 0,
    needs: (answer) => assert.equal(openAiError(answer).code, "model_not_found"),
  },
  ...[
    ["ANTHROPIC_AUTH_TOKEN", ["Authorization: Bearer TOKEN"]],
    ["ANTHROPIC_API_KEY", ["x-api-key: TOKEN"]],
    [
      "both, of which one is Anthropic's",
      ["Authorization: Bearer TOKEN", "x-api-key: sk-ant-api03-not-ours"],
    ],
    ["apiKeyHelper", ["Authorization: Bearer TOKEN", "x-api-key: TOKEN"]],
  ].map(([auth, credentials]): Probe => ({
    who: `Claude Code's model discovery, with ${String(auth)}`,
    request: "GET /anthropic/v1/models?limit=1000",
    lines: [...(credentials as readonly string[]), ...discoveryLines],
    says: anthropicModels,
    status: 200,
    forwarded: 1,
    needs: isNarrowedForClaude,
  })),
  {
    who: "Claude Code's model discovery without a credential of ours",
    request: "GET /anthropic/v1/models?limit=1000",
    lines: ["x-api-key: sk-ant-api03-not-ours", ...discoveryLines],
    status: 401,
    forwarded: 0,
    needs: (answer) => {
      assert.equal(anthropicError(answer).type, "authentication_error");
      // Without this it repeats for three minutes.
      assert.match(answer.head, /^x-should-retry: false/im);
    },
  },
  {
    who: "the Anthropic SDK 1.x, whose version is another and whose key is a bearer",
    request: "GET /anthropic/v1/models",
    lines: [
      "authorization: Bearer TOKEN",
      "anthropic-version: 2026-10-21",
      "user-agent: Anthropic/JS 1.12.0",
    ],
    says: anthropicModels,
    status: 200,
    forwarded: 1,
    needs: isNarrowedForClaude,
  },
  // ---------------------------------------------------------------- turns, as they come (3.2, 3.3, 4.3, 5)
  {
    who: "a turn of Codex",
    request: "POST /openai/v1/responses",
    lines: [
      "x-codex-beta-features: remote_compaction_v2",
      "x-codex-window-id: 01a213b4-1bfc-7052-952b-501b574c2128:0",
      'x-codex-turn-metadata: {"session_id":"01a213b4","thread_id":"01a213b4","agent_name":"/root"}',
      "x-client-request-id: 01a213b4",
      "session-id: 01a213b4",
      "thread-id: 01a213b4",
      "accept: text/event-stream",
      "content-type: application/json",
      "authorization: Bearer TOKEN",
      "originator: codex_exec",
      `user-agent: ${codexAgent}`,
      "x-openai-internal-codex-responses-lite: true",
    ],
    body: '{"model":"gpt-5.5","stream":true,"input":[],"store":false,"include":["reasoning.encrypted_content"]}',
    says: { id: "resp_1", object: "response", model: "gpt-5.5" },
    status: 200,
    forwarded: 1,
  },
  {
    who: "Codex with a ChatGPT login, compressed",
    request: "POST /openai/v1/responses",
    lines: [
      "content-type: application/json",
      "content-encoding: zstd",
      "authorization: Bearer TOKEN",
      `user-agent: ${codexAgent}`,
    ],
    body: zstdCompressSync('{"model":"gpt-5.5","stream":false,"input":"hi"}'),
    says: { id: "resp_1", object: "response", model: "gpt-5.5" },
    status: 200,
    forwarded: 1,
  },
  {
    who: "a turn of Claude Code",
    request: "POST /anthropic/v1/messages?beta=true",
    lines: claudeLines,
    body: '{"model":"claude-opus-5-5","messages":[{"role":"system","content":"x"}],"max_tokens":128000,"safeguards":[{}],"stream":true}',
    says: { id: "msg_1", type: "message" },
    status: 200,
    forwarded: 1,
  },
  {
    who: "Claude Code again without streaming, after an error in the stream",
    request: "POST /anthropic/v1/messages?beta=true",
    lines: claudeLines.map((line) => line.replace("Timeout: 600", "Timeout: 300")),
    body: '{"model":"claude-opus-5-5","messages":[],"max_tokens":64000,"stream":false}',
    says: { id: "msg_1", type: "message" },
    status: 200,
    forwarded: 1,
  },
  {
    who: "Claude Code's /context",
    request: "POST /anthropic/v1/messages/count_tokens?beta=true",
    lines: claudeLines.map((line) => line.replace(claudeBetas, `${claudeBetas},token-counting-2024-11-01`)),
    body: '{"model":"claude-opus-5-5","messages":[{"role":"user","content":"hi"}]}',
    says: { input_tokens: 9 },
    status: 200,
    forwarded: 1,
    needs: ({ body }) => assert.equal(body, '{"input_tokens":9}'),
  },
  {
    who: "opencode's title, of a small model that the token may not use",
    request: "POST /openai/v1/responses",
    lines: [
      "Content-Type: application/json",
      "User-Agent: opencode/1.18.33 ai-sdk/provider-utils/4.0.46 runtime/bun/1.3.14",
      "x-session-affinity: ses_1",
      "x-session-id: ses_1",
      "authorization: Bearer TOKEN",
    ],
    body: '{"model":"gpt-5.4-nano","input":[],"stream":true}',
    status: 404,
    forwarded: 0,
    needs: (answer) => {
      assert.equal(openAiError(answer).code, "model_not_found");
      assert.match(answer.head, /^x-should-retry: false/im);
    },
  },
  // ---------------------------------------------------------------- wrong addresses (4.1, 4.2, 4.9)
  {
    who: "Claude Code whose base URL ends in /v1",
    request: "POST /anthropic/v1/v1/messages?beta=true",
    lines: claudeLines,
    body: "{}",
    status: 404,
    forwarded: 0,
    needs: (answer) => {
      const { type, message } = anthropicError(answer);
      assert.equal(type, "not_found_error");
      assert.match(message, /Check the base URL: it ends in \/anthropic\./);
    },
  },
  ...["GET /anthropic/managed/settings", "GET /anthropic/api/oauth/usage", "POST /anthropic/v1/metrics"].map(
    (request): Probe => ({
      who: `Claude Code signed in to a gateway of Anthropic's protocol: ${request}`,
      request,
      lines: ["Authorization: Bearer TOKEN", "User-Agent: claude-code/2.1.330"],
      status: 404,
      forwarded: 0,
      needs: (answer) => {
        assert.equal(anthropicError(answer).type, "not_found_error");
        assert.match(answer.head, /^x-should-retry: false/im);
      },
    }),
  ),
  // ---------------------------------------------------------------- WebSockets (3.4, 6)
  {
    who: "Codex for its WebSocket",
    request: "GET /openai/v1/responses",
    lines: [
      ...upgradeLines,
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
      "authorization: Bearer TOKEN",
      "openai-beta: responses_websockets=2026-02-06",
      "originator: codex_exec",
      `user-agent: ${codexAgent}`,
      "session-id: 01a213b4",
    ],
    status: 101,
    forwarded: 1,
    needs: ({ head }) => {
      assert.match(head, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/im);
      assert.match(head, /^x-meshagent-connection-id: \S+/im);
      assert.doesNotMatch(head, /^sec-websocket-extensions:/im);
    },
  },
  {
    who: "Codex for its WebSocket with a token that is none: it tries again, and then goes on over HTTP",
    request: "GET /openai/v1/responses",
    lines: [...upgradeLines, "authorization: Bearer nonsense", `user-agent: ${codexAgent}`],
    status: 401,
    forwarded: 0,
    needs: (answer) => assert.equal(openAiError(answer).code, "invalid_api_key"),
  },
  {
    who: "the OpenAI SDK's ResponsesWS",
    request: "GET /openai/v1/responses",
    lines: [...upgradeLines, "Authorization: Bearer TOKEN", "User-Agent: OpenAI/JS 7.57.0"],
    status: 101,
    forwarded: 1,
  },
  {
    who: "the OpenAI SDK's realtime class in a browser",
    request: "GET /openai/v1/realtime?model=gpt-6-realtime",
    lines: [...upgradeLines, "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.TOKEN"],
    status: 101,
    forwarded: 1,
    // A browser takes a 101 that chooses none of its protocols for a failure, and one with the key would show it.
    needs: ({ head }) => assert.match(head, /^sec-websocket-protocol: realtime\r?$/im),
  },
  {
    who: "the OpenAI SDK's live class, which is not relayed",
    request: "GET /openai/v1/live/sessions",
    lines: [...upgradeLines, "Authorization: Bearer TOKEN", "User-Agent: OpenAI/JS 7.57.0"],
    // The right way to say "no WebSocket here": Codex falls back at once, and silently.
    status: 426,
    forwarded: 0,
    needs: (answer) => {
      assert.match(openAiError(answer).message, /Use plain HTTP/);
    },
  },
  {
    who: "the OpenAI SDK's class for translations, which is not offered at all",
    request: "GET /openai/v1/realtime/translations",
    lines: [...upgradeLines, "Authorization: Bearer TOKEN"],
    status: 501,
    forwarded: 0,
    needs: (answer) => assert.equal(openAiError(answer).code, "not_supported"),
  },
];

/** The head of a reply, and the body as far as the head says that there is one. */
async function readAnswer(caller: RawCaller, isHead: boolean): Promise<Answer> {
  const started = await caller.until((text) => text.includes("\r\n\r\n"));
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(started)?.[1]);
  const isBodiless = isHead || status === 101 || status === 204;
  const whole = await caller.until((text) => isBodiless || isWhole(text));
  const [head = ""] = whole.split("\r\n\r\n");
  return { status, head, body: isBodiless ? whole.slice(head.length + 4) : bodyOf(whole) };
}

function isWhole(text: string): boolean {
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  if (length !== undefined) return Buffer.byteLength(rest.join("\r\n\r\n"), "latin1") >= Number(length);
  return text.endsWith("0\r\n\r\n");
}

function write(caller: RawCaller, { request, lines, body }: Probe): void {
  const framing = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const head = [`${request} HTTP/1.1`, `Host: ${new URL(gateway.url).host}`, ...lines, ...framing];
  caller.write(`${head.join("\r\n").replaceAll("TOKEN", token)}\r\n\r\n`);
  if (body !== undefined) caller.write(body);
}

/** What may be in a caller's request and in none that goes up. */
const neverUp =
  /^(?:host|connection|upgrade|content-length|authorization|x-api-key|content-encoding|accept-encoding|sec-websocket-.*)$/;

/** Every line that the client sent and that is not between it and the gateway reached the provider, in order. */
function assertLinesWentUp(probe: Probe): void {
  const sent = probe.lines
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)] as const)
    .filter(([name]) => !neverUp.test(name.toLowerCase()));
  const request = provider.requests.at(-1);
  assert.ok(request !== undefined);
  const got = request.headers.filter(([name]) => sent.some(([own]) => own === name));
  assert.deepEqual(got, sent);
  assert.ok(
    request.path.endsWith(probe.request.split(" ")[1]?.replace(/^\/(?:openai\/v1|anthropic)/, "") ?? ""),
  );
  assert.ok(!JSON.stringify(request.headers).includes(token), "The caller's credential went up.");
}

describe("what clients ask by the way", () => {
  for (const probe of probes) {
    it(`${probe.who}: ${probe.request} ${probe.status}`, async () => {
      if (probe.says !== undefined) provider.script(() => rawJson(200, JSON.stringify(probe.says)));
      const requestsBefore = provider.requests.length;
      const caller = await connectRaw(gateway.url);
      try {
        write(caller, probe);
        const answer = await readAnswer(caller, probe.request.startsWith("HEAD"));
        assert.equal(answer.status, probe.status, answer.head + answer.body);
        probe.needs?.(answer);
        assert.equal(provider.requests.length - requestsBefore, probe.forwarded);
        if (probe.forwarded === 1) assertLinesWentUp(probe);
        assert.doesNotMatch(answer.head, /^location:/im);
      } finally {
        caller.socket.destroy();
      }
    });
  }
});

describe("a connection goes on after a probe", () => {
  it("HEAD, OPTIONS, a list and a turn on one connection, as Bun's pool sends them", async () => {
    const named = (status: number, ...words: readonly string[]): Probe => {
      const probe = probes.find(
        ({ who, status: own }) => own === status && words.every((word) => who.includes(word)),
      );
      assert.ok(probe !== undefined, words.join(" "));
      return probe;
    };
    const caller = await connectRaw(gateway.url);
    let seen = 0;
    for (const probe of [
      named(200, "Claude Code at its start"),
      named(204, "that nobody allowed"),
      named(200, "model discovery, with ANTHROPIC_AUTH_TOKEN"),
      named(404, "whose base URL ends in /v1"),
      named(200, "a turn of Claude Code"),
    ]) {
      provider.script(() => rawJson(200, JSON.stringify(probe.says ?? {})));
      write(caller, probe);
      const from = seen;
      const isBodiless = /^(?:HEAD|OPTIONS)/.test(probe.request);
      const all = await caller.until((text) => {
        const own = text.slice(from);
        return own.includes("\r\n\r\n") && (isBodiless || isWhole(own));
      });
      assert.match(all.slice(from), new RegExp(`^HTTP/1\\.1 ${probe.status} `), probe.who);
      seen = all.length;
    }
    caller.socket.destroy();
  });
});

describe("while the provider does not answer", () => {
  it("probes are answered all the same: nothing of them waits for it", async () => {
    provider.script(() => ({ pieces: [], end: "hang" }));
    for (const probe of probes.filter(({ forwarded }) => forwarded === 0)) {
      const caller = await connectRaw(gateway.url);
      write(caller, probe);
      const answer = await readAnswer(caller, probe.request.startsWith("HEAD"));
      assert.equal(answer.status, probe.status, probe.who);
      caller.socket.destroy();
    }
  });
});

describe("what the provider says about WebSockets", () => {
  it("a 426 of its own reaches Codex as one, which then goes on over HTTP at once", async () => {
    provider.script(() => ({
      pieces: [rawHead(426, [["content-length", "2"]], "Upgrade Required"), "no"],
      end: "close",
    }));
    const caller = await connectRaw(gateway.url);
    const lines = [...upgradeLines, "authorization: Bearer TOKEN"];
    write(caller, { who: "", request: "GET /openai/v1/responses", lines, status: 426, forwarded: 1 });
    assert.equal((await readAnswer(caller, false)).status, 426);
    caller.socket.destroy();
  });
});

describe("a token that has run out, in Codex with an `auth` command", () => {
  it("is a 401 at once, and the next one works: the command is run again for it", async () => {
    const expired = await gateway.token({ exp: Math.floor(Date.now() / 1000) - 60 });
    provider.script(() => rawJson(200, '{"id":"resp_1","object":"response"}'));
    const ask = (credential: string): Promise<Response> =>
      fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${credential}`, "content-type": "application/json" },
        body: '{"model":"gpt-5.5","input":"hi"}',
      });
    const refused = await ask(expired);
    assert.equal(refused.status, 401);
    assert.equal(((await refused.json()) as { error: { code: string } }).error.code, "token_expired");
    assert.equal((await ask(token)).status, 200);
  });
});

it("nothing of all this was billed but the turns", async () => {
  const rows = await gateway.untilExchanges((all) => all.every(({ result }) => result !== null));
  const billed = rows.filter(({ result }) => result?.outcome !== "not_metered");
  assert.deepEqual(
    new Set(billed.map(({ intent }) => intent.endpoint)),
    new Set(["/v1/responses", "/v1/messages"]),
  );
  for (const { result } of rows.filter((row) => row.result?.outcome === "not_metered"))
    assert.equal(result?.costNanoUsd, 0);
});
