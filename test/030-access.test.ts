/** Who may do what: every refusal through the whole path, in both dialects, and lists that show only what is granted. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { connectRaw } from "./bed/raw-caller.ts";
import { rawJson } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

let provider: FakeProvider;
let gateway: TestGateway;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider });
});
after(async () => {
  await gateway.close();
  await provider.close();
});

interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly message: string;
  readonly headers: Headers;
}

async function openai(
  headers: Record<string, string>,
  body: object = { model: "gpt-5.5", input: "hi" },
): Promise<Refusal> {
  const reply = await fetch(`${gateway.openaiUrl}/responses`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
  });
  const { error } = (await reply.json()) as { error: { type: string; code: string; message: string } };
  assert.ok(error !== undefined, `status ${reply.status} and no error`);
  return { status: reply.status, ...error, headers: reply.headers };
}

async function anthropic(headers: Record<string, string>, model = "claude-opus-5-5"): Promise<Refusal> {
  const body = JSON.stringify({ model, max_tokens: 10, messages: [{ role: "user", content: "hi" }] });
  const reply = await fetch(`${gateway.anthropicUrl}/v1/messages`, { method: "POST", headers, body });
  const parsed = (await reply.json()) as {
    type: string;
    error: { type: string; message: string };
    request_id: string;
  };
  assert.equal(parsed.type, "error");
  assert.equal(parsed.request_id, reply.headers.get("request-id"));
  return { status: reply.status, ...parsed.error, code: null, headers: reply.headers };
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

describe("a credential that is none", () => {
  it("each case has its own message, 401, and says that a repeat is no use", async () => {
    const good = await gateway.token();
    const [header = "", payload = "", signature = ""] = good.split(".");
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
    const credentials: Readonly<Record<string, string | null>> = {
      none: null,
      malformed: "not-a-token",
      "of another provider": "sk-proj-1234567890",
      "badly signed": `${header}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`,
      "signed with none": `${encode({ alg: "none", typ: "JWT" })}.${payload}.`,
      "signed with another algorithm": `${encode({ alg: "HS512", typ: "JWT" })}.${payload}.${signature}`,
      "of an unknown key": await gateway.token({ apiKey: { ...gateway.apiKey, id: randomUUID() } }),
      "of another project": await gateway.token({ apiKey: { ...gateway.apiKey, projectId: randomUUID() } }),
      expired: await gateway.token({ exp: Math.floor(Date.now() / 1000) - 10 }),
      "without a room": `${header}.${encode({ ...claims, grants: [] })}.${signature}`,
      oversized: `${good}${"x".repeat(20_000)}`,
    };
    const messages = new Set<string>();
    for (const [name, credential] of Object.entries(credentials)) {
      const headers = credential === null ? {} : bearer(credential);
      const [first, second] = [await openai(headers), await anthropic(headers)];
      assert.equal(first.status, 401, name);
      assert.equal(first.type, "authentication_error", name);
      assert.equal(first.code, name === "expired" ? "token_expired" : "invalid_api_key", name);
      assert.equal(first.headers.get("x-should-retry"), "false", name);
      assert.ok(first.headers.get("x-request-id")?.startsWith("ex_"), name);
      assert.equal(second.status, 401, name);
      assert.equal(second.type, "authentication_error", name);
      assert.equal(second.message, first.message, name);
      if (credential !== null)
        assert.ok(
          !first.message.includes(credential.slice(0, 40)),
          `${name}: the message echoes the credential`,
        );
      messages.add(first.message);
    }
    assert.ok(
      messages.size >= Object.keys(credentials).length - 1,
      `messages are told apart: ${[...messages].join("\n")}`,
    );
    assert.equal(provider.requests.length, 0, "nothing was forwarded");
    assert.equal((await gateway.exchanges()).length, 0, "a stranger leaves no row");
  });

  it("nothing of the body is asked for before the credential is good", async () => {
    const caller = await connectRaw(gateway.url);
    caller.write(
      "POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer bad\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n",
    );
    const reply = await caller.closed();
    assert.match(reply, /^HTTP\/1\.1 401/);
    assert.doesNotMatch(reply, /100 Continue/);
  });

  it("a refusal reaches a caller that is still sending a large body", async () => {
    const body = Buffer.alloc(8 * 1024 * 1024, 32);
    for (let round = 0; round < 3; round++) {
      const reply = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: bearer("bad"),
        body,
      });
      assert.equal(reply.status, 401);
      await reply.text();
    }
  });

  it("a deleted key and a deleted room end their tokens at once", async () => {
    const other = await startTestGateway({ provider });
    try {
      const token = await other.token({ room: "doomed" });
      const call = async (): Promise<{ status: number; code: string }> => {
        const reply = await fetch(`${other.openaiUrl}/models`, { headers: bearer(token) });
        const parsed = (await reply.json()) as { error?: { code: string } };
        return { status: reply.status, code: parsed.error?.code ?? "" };
      };
      // More than once: the first call registers the room, and is remembered from the second on.
      for (let round = 0; round < 3; round++) assert.equal((await call()).status, 200);
      await other.gateway.store.directory.as(systemAuthor).deleteRoom(other.projectId, "doomed");
      assert.deepEqual(await call(), { status: 401, code: "token_revoked" });
      await other.gateway.store.directory.as(systemAuthor).createRoom(other.projectId, "doomed");
      for (let round = 0; round < 3; round++) assert.equal((await call()).status, 200);
      await other.gateway.store.directory.as(systemAuthor).deleteApiKey(other.projectId, other.apiKey.id);
      assert.deepEqual(await call(), { status: 401, code: "token_revoked" });
    } finally {
      await other.close();
    }
  });
});

describe("grants", () => {
  it("without `api.llm`: 403 that names the grant and how to get it", async () => {
    const token = await gateway.token({ llm: null });
    const first = await openai(bearer(token));
    assert.deepEqual([first.status, first.type, first.code], [403, "permission_error", "missing_grant"]);
    assert.match(first.message, /api/);
    assert.match(first.message, /llm/);
    assert.match(first.message, /meshagent token/);
    const second = await anthropic(bearer(token));
    assert.deepEqual([second.status, second.type], [403, "permission_error"]);
  });

  it("a model that is not granted, however the body says it", async () => {
    const token = await gateway.token({ llm: { models: ["openai/gpt-5.4", "anthropic/claude-sonnet-*"] } });
    const first = await openai(bearer(token));
    assert.deepEqual(
      [first.status, first.type, first.code],
      [404, "invalid_request_error", "model_not_found"],
    );
    assert.match(first.message, /gpt-5\.5/);
    const second = await anthropic(bearer(token));
    assert.deepEqual([second.status, second.type], [403, "permission_error"]);
    const send = (body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { ...bearer(token), ...headers },
        body: body as BodyInit,
      });
    const bodies: readonly [string | Uint8Array, Record<string, string>, number][] = [
      ['{"input":"x","\\u006dodel":"gpt-5.5"}', {}, 404],
      ['{"model":"gpt-5.4","input":{"model":"gpt-5.5"}}', {}, 200],
      ['{"input":{"model":"gpt-5.4"},"model":"gpt-5.5"}', {}, 404],
      ['{"model":"gpt-5.4","input":"x","model":"gpt-5.5"}', {}, 400],
      ['{"model":"gpt-5.4","input":"x","mod\\u0065l":"gpt-5.4"}', {}, 400],
      ['{"input":"x"}', {}, 400],
      ['{"model":["gpt-5.4"],"input":"x"}', {}, 400],
      ['{"model":"gpt-5.4","input":"x"', {}, 400],
      [gzipSync('{"model":"gpt-5.5","input":"x"}'), { "content-encoding": "gzip" }, 404],
      [gzipSync('{"model":"gpt-5.4","input":"x"}'), { "content-encoding": "gzip" }, 200],
      [
        Buffer.concat([gzipSync('{"model":"gpt-5.4","input":"x"}'), Buffer.from("x")]),
        { "content-encoding": "gzip" },
        400,
      ],
      ['{"model":"gpt-5.4","input":"x"}', { "content-encoding": "compress" }, 415],
      ['{"model":"gpt-5.4","input":"x","background":"true"}', {}, 400],
      ['{"model":"gpt-5.4","input":"x","previous_response_id":"resp_1"}', {}, 404],
      ['{"model":"gpt-5.4","input":"x","previous_response_id":null,"background":false}', {}, 200],
    ];
    provider.script(() => rawJson(200, "{}"));
    for (const [body, headers, status] of bodies) {
      const reply = await send(body, headers);
      assert.equal(reply.status, status, `${String(body)}: ${await reply.text()}`);
    }
    provider.script(null);
  });

  it("lists show only what the token may use, and a model's own page too", async () => {
    const list =
      '{"object":"list","data":[{"id":"gpt-5.4","x":1},{"id":"gpt-5.5"},{"id":"gpt-5.4-mini"}],"extra":true}';
    const narrow = await gateway.token({ llm: { models: ["openai/gpt-5.4*"] } });
    provider.script((request) => (request.path.endsWith("/models") ? rawJson(200, list) : null));
    const seen = await (await fetch(`${gateway.openaiUrl}/models`, { headers: bearer(narrow) })).json();
    assert.deepEqual(seen, {
      object: "list",
      data: [{ id: "gpt-5.4", x: 1 }, { id: "gpt-5.4-mini" }],
      extra: true,
    });
    const all = await (
      await fetch(`${gateway.openaiUrl}/models`, { headers: bearer(await gateway.token()) })
    ).text();
    assert.equal(all, list, "a token for every model gets the provider's own bytes");
    provider.script(null);
    assert.equal(
      (await fetch(`${gateway.openaiUrl}/models/gpt-5.4`, { headers: bearer(narrow) })).status,
      200,
    );
    assert.equal(
      (await fetch(`${gateway.openaiUrl}/models/gpt-5.5`, { headers: bearer(narrow) })).status,
      404,
    );
  });

  it("an API key works by itself, and the headers name room and participant", async () => {
    const headers = {
      ...bearer(gateway.apiKeyText),
      "meshagent-room": "ci",
      "meshagent-participant": "nightly",
    };
    const reply = await fetch(`${gateway.openaiUrl}/responses`, {
      method: "POST",
      headers,
      body: '{"model":"gpt-5.5","input":"hi"}',
    });
    assert.equal(reply.status, 200);
    await reply.text();
    const row = (await gateway.exchanges()).at(-1);
    assert.deepEqual([row?.intent.room, row?.intent.participant], ["ci", "nightly"]);
  });

  it("takes a token of the official package", async () => {
    const official = createRequire(import.meta.url)("@meshagent/meshagent") as {
      ParticipantToken: new (options: { name: string }) => {
        addRoomGrant(room: string): void;
        addRoleGrant(role: string): void;
        addApiGrant(scope: unknown): void;
        toJwt(options: { apiKey: string }): Promise<string>;
      };
      ApiScope: new (options: object) => unknown;
      LLMGrant: new (options?: object) => unknown;
    };
    const token = new official.ParticipantToken({ name: "codex" });
    token.addRoomGrant("my-room");
    token.addRoleGrant("agent");
    token.addApiGrant(new official.ApiScope({ llm: new official.LLMGrant() }));
    const jwt = await token.toJwt({ apiKey: gateway.apiKeyText });
    const reply = await fetch(`${gateway.openaiUrl}/models`, { headers: bearer(jwt) });
    assert.equal(reply.status, 200);
  });
});

describe("paths", () => {
  it("probes are answered without a credential", async () => {
    for (const path of ["/openai/v1", "/anthropic", "/"]) {
      const reply = await fetch(gateway.url + path);
      assert.equal(reply.status, 200, path);
      assert.match(await reply.text(), /MeshAgent/);
    }
    for (const path of ["/anthropic/api/hello", "/openai/v1/responses", "/anthropic"]) {
      assert.equal((await fetch(gateway.url + path, { method: "HEAD" })).status, 200, path);
    }
    assert.equal((await fetch(`${gateway.openaiUrl}/responses`, { method: "OPTIONS" })).status, 204);
  });

  it("unknown, refused and socket paths, each in its dialect", async () => {
    const token = await gateway.token();
    const expectations: readonly [string, string, number, string][] = [
      ["GET", "/openai/v1/nothing", 404, "unknown_endpoint"],
      ["POST", "/openai/v1/realtime/client_secrets", 501, "not_supported"],
      ["GET", "/openai/v1/responses/resp_1", 404, "object_not_found"],
      ["GET", "/openai/v1/vector_stores", 501, "not_supported"],
      ["POST", "/openai/v1/responses/../responses", 404, "unknown_endpoint"],
      ["POST", "/openai/v1//responses", 404, "unknown_endpoint"],
      ["POST", "/openai/v1/responses%2Fcompact", 404, "unknown_endpoint"],
    ];
    for (const [method, path, status, code] of expectations) {
      const caller = await connectRaw(gateway.url);
      caller.write(
        `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
      );
      const reply = await caller.closed();
      assert.match(reply, new RegExp(`^HTTP/1\\.1 ${status} `), `${method} ${path}: ${reply}`);
      assert.match(reply, new RegExp(`"code":"${code}"`), path);
    }
    const caller = await connectRaw(gateway.url);
    caller.write(
      "GET /openai/v1/live/sessions HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n",
    );
    await caller.until((text) => text.startsWith("HTTP/1.1 426 "));
    caller.socket.destroy();
    const anthropicReply = await fetch(`${gateway.anthropicUrl}/v1/nothing`, { headers: bearer(token) });
    assert.equal(anthropicReply.status, 404);
    assert.equal(
      ((await anthropicReply.json()) as { error: { type: string } }).error.type,
      "not_found_error",
    );
  });
});
