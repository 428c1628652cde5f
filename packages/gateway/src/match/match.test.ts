import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { anthropicDialect } from "../dialects/anthropic/dialect.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { openAiDialect } from "../dialects/openai/dialect.ts";
import { sampleCall } from "../sample-routed.ts";
import { createDialectTable, type MatchResult, offeredEndpoints } from "./match.ts";

const table = createDialectTable([openAiDialect, anthropicDialect]);

function match(method: string, path: string, isUpgrade = false): MatchResult {
  const dialect = table.dialectOf(path);
  assert(dialect !== null, `${path} belongs to a dialect`);
  const upgrade = isUpgrade ? { socket: new PassThrough(), head: Buffer.alloc(0) } : null;
  const call = sampleCall({ path, upgrade });
  call.request.method = method;
  return table.match(call, dialect);
}

/** A line for a result: `responses`, `200`, `not_supported`. */
function verdict(method: string, path: string, isUpgrade = false): string {
  const result = match(method, path, isUpgrade);
  if (result.kind === "matched") return result.matched.endpoint.name;
  return result.kind === "answered" ? String(result.reply.status) : result.error.code;
}

function refusal(method: string, path: string): string {
  const result = match(method, path);
  assert(result.kind === "refused");
  return result.error.message;
}

describe("the endpoints that are relayed", () => {
  const offered = [
    ["POST", "/openai/v1/responses", "responses"],
    ["POST", "/openai/v1/responses/compact", "responses.compact"],
    ["POST", "/openai/v1/responses/input_tokens", "responses.input_tokens"],
    ["POST", "/openai/v1/chat/completions", "chat.completions"],
    ["POST", "/openai/v1/completions", "completions"],
    ["POST", "/openai/v1/embeddings", "embeddings"],
    ["GET", "/openai/v1/models", "models"],
    ["GET", "/openai/v1/models/gpt-5.5", "models.retrieve"],
    ["POST", "/v1/responses", "responses"],
    ["POST", "/v1/chat/completions", "chat.completions"],
    ["GET", "/v1/models", "models"],
    ["POST", "/anthropic/v1/messages", "messages"],
    ["POST", "/anthropic/v1/messages/count_tokens", "messages.count_tokens"],
    ["GET", "/anthropic/v1/models", "models"],
    ["GET", "/anthropic/v1/models/claude-opus-5-5", "models.retrieve"],
  ] as const;
  for (const [method, path, name] of offered) {
    it(`${method} ${path}`, () => assert.equal(verdict(method, path), name));
  }

  it("covers every offered row of both tables", () => {
    for (const [dialect, mount] of [
      [openAiDialect, "/openai/v1"],
      [anthropicDialect, "/anthropic/v1"],
    ] as const) {
      for (const row of offeredEndpoints(dialect)) {
        const path = mount + row.path.replace(/\{[^}]+\}/g, "some-id");
        assert.equal(verdict(row.method, path, row.socket !== undefined), row.name);
      }
    }
  });

  it("gives the path below the mount and the ids decoded, and sends the path up as it came", () => {
    const result = match("GET", "/openai/v1/models/ft:gpt%2d4o:me::a%20b");
    assert(result.kind === "matched");
    assert.equal(result.matched.endpointPath, "/models/ft:gpt%2d4o:me::a%20b");
    assert.deepEqual(result.matched.ids, { model: "ft:gpt-4o:me::a b" });
  });
});

describe("what is known and not offered is 501", () => {
  const refused: Readonly<Record<string, readonly string[]>> = {
    "POST /openai/v1": [
      // Never offered: mints a credential or bypasses the gateway.
      "/realtime/client_secrets",
      "/realtime/sessions",
      "/realtime/calls",
      "/realtime/transcription_sessions",
      "/live/sessions",
      "/chatkit/sessions",
      // Administers the account, or makes objects of it.
      "/organization/admin_api_keys",
      "/organization/projects/p1/api_keys",
      "/projects",
      "/fine_tuning/jobs",
      "/assistants",
      "/threads/t1/runs",
      "/vector_stores",
      "/containers",
      "/evals",
      // Of stored objects, what no room can be given for its own.
      "/videos/edits",
      "/videos/extensions",
      "/videos/characters",
      "/responses/resp_1/unknown",
      // Retired, or of voices that all rooms would share.
      "/images/variations",
      "/audio/voices",
      "/audio/voice_consents",
    ],
    "GET /openai/v1": ["/conversations", "/uploads/u1", "/videos/characters/c1"],
    "DELETE /openai/v1": ["/models/ft:mine", "/batches/b1"],
    "POST /anthropic/v1": ["/skills", "/organizations/invites", "/agents", "/sessions", "/environments"],
    "GET /anthropic/v1": ["/organizations/me", "/organizations/api_keys", "/messages/batches/b1/unknown"],
  };
  for (const [where, paths] of Object.entries(refused)) {
    const [method = "", mount = ""] = where.split(" ");
    for (const path of paths) {
      it(`${method} ${mount}${path}`, () => {
        const result = match(method, mount + path);
        assert(result.kind === "refused");
        assert.equal(result.error.code, "not_supported");
        assert.equal(result.error.isRetryable, false);
        assert.equal(result.dialect, mount.startsWith("/openai") ? openAiDialect : anthropicDialect);
      });
    }
  }

  it("covers every refused row, with any method and any depth", () => {
    for (const [dialect, mount] of [
      [openAiDialect, "/openai/v1"],
      [anthropicDialect, "/anthropic/v1"],
    ] as const) {
      for (const row of dialect.endpoints.filter((each) => each.offer === "not_supported")) {
        for (const rest of ["/a", "/a/b/c"]) {
          const path = mount + row.path.replace("/{rest*}", rest).replace("{model}", "m");
          if (offeredEndpoints(dialect).some((each) => mount + each.path === path)) continue;
          // Deleting is offered for some objects.
          for (const method of ["PUT", "PATCH"])
            assert.equal(verdict(method, path), "not_supported", `${method} ${path}`);
        }
      }
    }
  });
});

describe("WebSockets", () => {
  it("are found by an upgrade alone, on both mounts", () => {
    for (const mount of ["/openai/v1", "/v1"]) {
      assert.equal(verdict("GET", `${mount}/responses`, true), "responses");
      assert.equal(verdict("GET", `${mount}/realtime`, true), "realtime");
      for (const path of ["/responses", "/realtime", "/live/sessions"]) {
        assert.equal(verdict("GET", mount + path), "not_supported", "501 without an upgrade");
      }
    }
    const matched = match("GET", "/v1/responses", true);
    assert(matched.kind === "matched");
    assert.ok(matched.matched.endpoint.socket !== undefined);
    const plain = match("POST", "/v1/responses");
    assert(plain.kind === "matched");
    assert.equal(plain.matched.endpoint.socket, undefined);
  });

  it("no other row takes an upgrade", () => {
    assert.equal(verdict("GET", "/v1/live/sessions", true), "websocket_not_offered");
    for (const path of ["/v1/models", "/v1/nothing", "/v1/responses/resp_1", "/anthropic/v1/responses"])
      assert.equal(verdict("GET", path, true), "not_supported", path);
    assert.equal(verdict("POST", "/v1/responses", true), "not_supported");
  });
});

describe("probes and base URLs are answered here", () => {
  it("HEAD anywhere below a base URL is 200, OPTIONS 204", () => {
    for (const path of [
      "/openai/v1",
      "/v1",
      "/anthropic",
      "/anthropic/api/hello",
      "/anthropic/v1/messages",
      "/openai/v1/nothing/at/all",
      "/openai/v1/../x",
    ]) {
      assert.equal(verdict("HEAD", path), "200");
      assert.equal(verdict("OPTIONS", path), "204");
    }
  });

  it("GET of a base URL says what it is", () => {
    for (const path of ["/openai/v1", "/v1", "/anthropic"]) {
      const result = match("GET", path);
      assert(result.kind === "answered");
      assert.equal(result.reply.status, 200);
      assert.deepEqual(result.reply.headers, [["content-type", "text/plain; charset=utf-8"]]);
      assert.match(result.reply.body, /MeshAgent LLM Proxy/);
      assert.equal(verdict("POST", path), "unknown_endpoint");
    }
  });

  it("knows whose a path is", () => {
    const owners: Readonly<Record<string, Dialect | null>> = {
      "/openai/v1/x": openAiDialect,
      "/v1/messages": openAiDialect,
      "/anthropic/x": anthropicDialect,
      "/anthropic/v1/x": anthropicDialect,
      "/openai": null,
      "/openai/v2/x": null,
      "/openai/v1x": null,
      "/v10": null,
      "/anthropicx": null,
      "/OpenAI/v1/responses": null,
      "/": null,
      "": null,
      "*": null,
      "//openai/v1/responses": null,
      "http://127.0.0.1/openai/v1/responses": null,
      "https://api.openai.com/v1/models": null,
      "127.0.0.1:443": null,
    };
    for (const [path, owner] of Object.entries(owners)) assert.equal(table.dialectOf(path), owner, path);
  });
});

describe("paths are never normalised", () => {
  const evil = [
    "/openai/v1/responses/",
    "/openai/v1//responses",
    "/openai/v1/responses//",
    "/openai/v1/",
    "/openai/v1/./responses",
    "/openai/v1/../v1/responses",
    "/openai/v1/models/..",
    "/openai/v1/models/.",
    "/openai/v1/models/../responses",
    "/openai/v1/models/..;",
    "/openai/v1/models/..;/responses",
    "/openai/v1/models/%2e%2e",
    "/openai/v1/models/%2E.",
    "/openai/v1/models/a%2fb",
    "/openai/v1/models/a%2Fb",
    "/openai/v1/models/a%5cb",
    "/openai/v1/models/a%5Cb",
    "/openai/v1/models/a%25b",
    "/openai/v1/models/%252e%252e",
    "/openai/v1/models/a%00b",
    "/openai/v1/models/a%0d%0ab",
    "/openai/v1/models/a%1fb",
    "/openai/v1/models/a%7fb",
    "/openai/v1/models/a%",
    "/openai/v1/models/a%2",
    "/openai/v1/models/a%zz",
    // Overlong UTF-8 for a dot: a lenient parser decodes it.
    "/openai/v1/models/%c0%ae%c0%ae",
    "/openai/v1/models/%ff",
    "/openai/v1/models\\gpt",
    "/openai/v1/models/a\\b",
    "/openai/v1\\responses",
    "/openai/v1/models/a\tb",
    "/openai/v1/models/a b",
    "/openai/v1/models/a\x00b",
    "/openai/v1/models/a\x7fb",
    "/openai/v1/models/\xe9",
    "/openai/v1/models/\u2024\u2024",
    "/openai/v1/models/a#b",
    "/openai/v1/%72esponses",
    "/openai/v1/Responses",
    "/openai/v1/RESPONSES",
    "/anthropic/v1/messages/",
    "/anthropic//v1/messages",
    "/anthropic/v1/models/%2e%2e",
    "/anthropic/messages",
    "/anthropic/../openai/v1/responses",
  ];
  for (const path of evil) {
    it(`404 for ${JSON.stringify(path)}`, () => {
      const owner = table.dialectOf(path);
      if (owner === null) return;
      for (const method of ["GET", "POST", "DELETE"])
        assert.equal(verdict(method, path), "unknown_endpoint", method);
    });
  }

  it("takes no longer for a long path than its length asks for", () => {
    const long = [
      `/openai/v1/models/${"a".repeat(60_000)}!\\`,
      `/openai/v1${"/a".repeat(30_000)}\\`,
      `/openai/v1/models/${"%41".repeat(20_000)}%`,
      `/openai/v1/files${"/a".repeat(30_000)}`,
      `/openai/v1${"/".repeat(60_000)}`,
      `/openai/v1/${"%2e".repeat(20_000)}`,
    ];
    const startMs = performance.now();
    for (const path of long) match("POST", path);
    assert.ok(performance.now() - startMs < 500, `${performance.now() - startMs} ms`);
  });
});

describe("the hint of a 404", () => {
  it("names the method that the path answers", () => {
    assert.match(
      refusal("GET", "/openai/v1/embeddings"),
      /There is no GET \/openai\/v1\/embeddings here\. This path answers POST, not GET\./,
    );
    assert.match(refusal("POST", "/openai/v1/models"), /This path answers GET, not POST\./);
    assert.match(refusal("GET", "/anthropic/v1/messages"), /This path answers POST, not GET\./);
  });

  it("names the base URL otherwise, which helps when `/v1` is doubled or missing", () => {
    assert.match(refusal("POST", "/openai/v1/v1/responses"), /ends in \/openai\/v1\./);
    assert.match(refusal("POST", "/anthropic/messages"), /ends in \/anthropic\./);
  });

  it("prints a path that cannot break a line and has an end", () => {
    const message = refusal("GET", `/openai/v1/\x1b[31m\u202e${"x".repeat(1000)}`);
    assert.match(message, /^[\x20-\x7e]+$/);
    assert.ok(message.length < 400);
  });
});
