import assert from "node:assert/strict";
import { test } from "node:test";
import {
  headerValue,
  joinedHeaderValue,
  mediaTypeOf,
  replyHeadersDown,
  requestHeadersUp,
} from "./headers.ts";
import type { HeaderLines } from "./upstream/client.ts";

const plainUp = { authorization: [], isBodyDecoded: false, wantsIdentity: false };
const plainDown = { isBodyEdited: false, requestedModel: "gpt-5.5", droppedPrefixes: [] };

/** How a name may be written. */
const spellings = (name: string): readonly string[] => [
  name,
  name.toUpperCase(),
  name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()),
];

const neverUp = [
  // Contract 2: every credential.
  "authorization",
  "x-api-key",
  "api-key",
  "proxy-authorization",
  "sec-websocket-protocol",
  "cookie",
  "openai-organization",
  "openai-project",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-anything-new",
  "x-real-ip",
  "origin",
  "referer",
  "expect",
  "meshagent-session",
  "meshagent-room",
  "meshagent-participant",
  "meshagent-not-known-yet",
  // Hop-by-hop, RFC 9110 section 7.6.1.
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  // Framing is the upstream client's.
  "host",
  "content-length",
] as const;

for (const name of neverUp) {
  test(`\`${name}\` never goes up, in any spelling and however often`, () => {
    for (const spelling of spellings(name)) {
      const raw = ["X-Before", "1", spelling, "a", spelling, "b", "X-After", "2"];
      assert.deepEqual(requestHeadersUp(raw, plainUp), [
        ["X-Before", "1"],
        ["X-After", "2"],
      ]);
    }
  });
}

const passesUp = [
  "content-type",
  "content-encoding",
  "accept",
  "accept-encoding",
  "user-agent",
  "anthropic-version",
  "anthropic-beta",
  "openai-beta",
  "idempotency-key",
  "x-stainless-retry-count",
  "x-client-request-id",
  "session_id",
  "x-claude-code-session-id",
  "x-codex-turn-metadata",
  "x-nobody-knows-this",
  // Near misses of the table.
  "x-forwarded",
  "x-authorization",
  "meshagent",
  "x-meshagent",
  "openai-organization-id",
  "cookie2",
] as const;

for (const name of passesUp) {
  test(`\`${name}\` goes up as it came`, () => {
    for (const spelling of spellings(name)) {
      assert.deepEqual(requestHeadersUp([spelling, "a", spelling, "b"], plainUp), [
        [spelling, "a"],
        [spelling, "b"],
      ]);
    }
  });
}

test("what `connection` names stays here, whatever its case, in every `connection` line", () => {
  const raw = [
    ["Connection", "close, X-One ,x-two"],
    ["X-ONE", "1"],
    ["connection", "X-Three"],
    ["x-Two", "2"],
    ["x-three", "3"],
    ["X-Four", "4"],
  ].flat();
  assert.deepEqual(requestHeadersUp(raw, plainUp), [["X-Four", "4"]]);
  const lines: HeaderLines = [
    ["Connection", "X-Hop"],
    ["x-hop", "1"],
    ["x-kept", "2"],
  ];
  assert.deepEqual(replyHeadersDown(lines, plainDown), [["x-kept", "2"]]);
});

test("a caller cannot use `connection` to strip what says how its body is to be read", () => {
  const raw = [
    "Connection",
    "content-type, content-encoding",
    "Content-Type",
    "application/json",
    "Content-Encoding",
    "zstd",
  ];
  assert.deepEqual(requestHeadersUp(raw, plainUp), [
    ["Content-Type", "application/json"],
    ["Content-Encoding", "zstd"],
  ]);
});

test("a caller cannot use `connection` to strip the provider's credential", () => {
  const up = requestHeadersUp(["Connection", "authorization"], {
    ...plainUp,
    authorization: [["authorization", "Bearer sk-provider"]],
  });
  assert.deepEqual(up, [["authorization", "Bearer sk-provider"]]);
});

test("order, spelling, repeats, empty values and high bytes are kept", () => {
  const raw = ["b", "1", "A", "", "b", "\xe9\xff\t;", "C", "a, b"];
  assert.deepEqual(requestHeadersUp(raw, plainUp), [
    ["b", "1"],
    ["A", ""],
    ["b", "\xe9\xff\t;"],
    ["C", "a, b"],
  ]);
});

test("the provider's credential is the only one that goes up", () => {
  const raw = [
    "Authorization",
    "Bearer caller",
    "x-api-key",
    "caller",
    "X-Api-Key",
    "caller",
    "Accept",
    "*/*",
  ];
  const up = requestHeadersUp(raw, { ...plainUp, authorization: [["x-api-key", "sk-provider"]] });
  assert.deepEqual(up, [
    ["Accept", "*/*"],
    ["x-api-key", "sk-provider"],
  ]);
});

test("a decoded body goes up without its `content-encoding`, an edited stream is asked for plainly", () => {
  const raw = ["Content-Encoding", "gzip", "Accept-Encoding", "gzip", "accept-encoding", "br", "X", "1"];
  assert.deepEqual(requestHeadersUp(raw, { ...plainUp, isBodyDecoded: true }), [
    ["Accept-Encoding", "gzip"],
    ["accept-encoding", "br"],
    ["X", "1"],
  ]);
  assert.deepEqual(requestHeadersUp(raw, { ...plainUp, wantsIdentity: true }), [
    ["Content-Encoding", "gzip"],
    ["X", "1"],
    ["accept-encoding", "identity"],
  ]);
});

const neverDown = [
  "set-cookie",
  "alt-svc",
  "access-control-allow-origin",
  "access-control-expose-headers",
  "x-meshagent-exchange-id",
  "x-meshagent-simulated",
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
] as const;

for (const name of neverDown) {
  test(`\`${name}\` never comes down`, () => {
    for (const spelling of spellings(name)) {
      const lines: HeaderLines = [
        ["X-Before", "1"],
        [spelling, "a"],
        [spelling, "b"],
        ["X-After", "2"],
      ];
      assert.deepEqual(replyHeadersDown(lines, plainDown), [
        ["X-Before", "1"],
        ["X-After", "2"],
      ]);
    }
  });
}

test("all that clients read of a provider comes down, in order (facts: wire.md 5.1)", () => {
  const lines: HeaderLines = [
    ["Date", "Mon, 23 Nov 2026 10:00:00 GMT"],
    ["Content-Type", "application/json"],
    ["Content-Length", "2"],
    ["Content-Encoding", "gzip"],
    ["x-request-id", "req_1"],
    ["openai-processing-ms", "12"],
    ["openai-version", "2020-10-01"],
    ["openai-organization", "org"],
    ["openai-project", "proj"],
    ["x-ratelimit-limit-requests", "1"],
    ["x-ratelimit-reset-tokens", "6m0s"],
    ["retry-after", "1"],
    ["retry-after-ms", "900"],
    ["x-should-retry", "true"],
    ["request-id", "req_2"],
    ["anthropic-organization-id", "o"],
    ["anthropic-ratelimit-tokens-reset", "2026-11-23T10:00:00Z"],
    ["cf-ray", "8"],
    ["Location", "https://elsewhere.example/"],
    ["www-authenticate", "Bearer"],
    ["X-New", "\xff"],
    ["X-New", ""],
  ];
  assert.deepEqual(replyHeadersDown(lines, plainDown), lines);
});

test("`openai-model` comes down only where it is the model asked for", () => {
  const down = (value: string, requestedModel: string): HeaderLines =>
    replyHeadersDown([["OpenAI-Model", value]], { ...plainDown, requestedModel });
  assert.deepEqual(down("gpt-5.5", "gpt-5.5"), [["OpenAI-Model", "gpt-5.5"]]);
  assert.deepEqual(down("gpt-5.5-2026-04-23", "gpt-5.5"), []);
  assert.deepEqual(down("GPT-5.5", "gpt-5.5"), []);
  assert.deepEqual(down("gpt-5.5", ""), []);
});

test("what an owner drops stays here, whatever its case, and nothing else does", () => {
  const kept: HeaderLines = [
    ["retry-after", "1"],
    ["retry-after-ms", "900"],
    ["x-should-retry", "true"],
    ["x-ratelimit", "not one of them"],
    ["my-x-ratelimit-limit", "nor this"],
  ];
  const dropped: HeaderLines = [
    ["X-RateLimit-Limit-Requests", "1"],
    ["x-ratelimit-reset-tokens", "6m0s"],
    ["x-ratelimit-", ""],
  ];
  const options = { ...plainDown, droppedPrefixes: ["x-ratelimit-"] };
  assert.deepEqual(replyHeadersDown([...dropped, ...kept], options), kept);
  assert.deepEqual(replyHeadersDown([...dropped, ...kept], plainDown), [...dropped, ...kept]);
});

test("a body that the gateway edits comes down without the length and encoding of another", () => {
  const lines: HeaderLines = [
    ["Content-Length", "10"],
    ["CONTENT-ENCODING", "gzip"],
    ["content-type", "text/event-stream"],
  ];
  assert.deepEqual(replyHeadersDown(lines, { ...plainDown, isBodyEdited: true }), [
    ["content-type", "text/event-stream"],
  ]);
});

test("reading single headers", () => {
  const lines: HeaderLines = [
    ["Content-Encoding", "gzip"],
    ["x", "1"],
    ["content-encoding", "br"],
  ];
  assert.equal(headerValue(lines, "content-encoding"), "gzip");
  assert.equal(headerValue(lines, "y"), null);
  assert.equal(joinedHeaderValue(lines, "content-encoding"), "gzip, br");
  assert.equal(joinedHeaderValue(lines, "y"), "");
  assert.equal(mediaTypeOf("Text/Event-Stream ; charset=utf-8"), "text/event-stream");
  assert.equal(mediaTypeOf("application/json"), "application/json");
  assert.equal(mediaTypeOf(null), "");
  assert.equal(mediaTypeOf(undefined), "");
});
