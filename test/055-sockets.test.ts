/** WebSockets, the whole way: who may open one, what each response inside leaves in the ledger, and what is refused. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import type { BookEntry } from "./bed/provider-books.ts";
import { openSocket, refusalOf, type SocketMessage } from "./bed/socket-caller.ts";
import { providerKey, startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let provider: FakeProvider;
let gateway: TestGateway;
let url = "";

before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider });
  url = `${gateway.openaiUrl}/responses`;
});

after(async () => {
  await gateway.close();
  await provider.close();
});

interface ErrorFrame {
  readonly status: number;
  readonly stream_id?: string;
  readonly error: {
    readonly code: string;
    readonly type: string;
    readonly message: string;
    readonly param: string | null;
  };
}

const asError = (message: SocketMessage): ErrorFrame => message as unknown as ErrorFrame;
const idOf = (message: SocketMessage): string => (message["response"] as { id: string }).id;

/** Rows of one socket, oldest first. */
async function rowsOf(connectionId: string | string[] | undefined): Promise<readonly Exchange[]> {
  const rows = await gateway.exchanges();
  return rows.filter((row) => row.intent.connectionId === connectionId);
}

/** The provider's bill against the row that has the same response. */
function assertBilled(rows: readonly Exchange[], entries: readonly BookEntry[]): void {
  assert.equal(rows.length, entries.length);
  for (const entry of entries) {
    const row = rows.find((one) => one.result?.usage[0]?.response_id === entry.bill?.responseId);
    assert.ok(row !== undefined, `There is a row for ${entry.bill?.responseId}`);
    assert.deepEqual(row.result?.usage[0]?.raw, entry.bill?.usage);
    assert.equal(row.result?.usageSource, "exact");
  }
}

describe("opening a socket", () => {
  it("asks the provider with the gateway's key and all else that came, and takes no compression", async () => {
    const token = await gateway.token();
    const caller = await openSocket(`${url}?trace=1`, {
      token,
      perMessageDeflate: true,
      headers: {
        "openai-beta": "responses_websockets=2026-02-06",
        "x-codex-turn-metadata": "{}",
        "openai-organization": "org-x",
        origin: "https://app.example",
      },
    });
    assert.equal(caller.socket.extensions, "");
    assert.equal(caller.headers["sec-websocket-extensions"], undefined);
    assert.match(String(caller.headers["x-meshagent-connection-id"]), /^cn_[0-9a-z]{26}$/);
    const request = provider.requests.at(-1);
    const sent = Object.fromEntries(
      request?.headers.map(([name, value]) => [name.toLowerCase(), value]) ?? [],
    );
    assert.equal(request?.path, "/openai/v1/responses?trace=1");
    assert.equal(sent["authorization"], `Bearer ${providerKey}`);
    assert.equal(sent["openai-beta"], "responses_websockets=2026-02-06");
    assert.equal(sent["x-codex-turn-metadata"], "{}");
    for (const name of ["sec-websocket-extensions", "openai-organization", "origin"])
      assert.equal(sent[name], undefined, name);
    assert.ok(!JSON.stringify(request?.headers).includes(token));
    assert.deepEqual(await caller.close(1000, "OK"), { code: 1000, reason: "OK" });
    assert.deepEqual(
      await rowsOf(caller.headers["x-meshagent-connection-id"]),
      [],
      "a connection has no row",
    );
  });

  it("takes the token from `x-api-key`, or from a subprotocol that never goes up and is never chosen", async () => {
    const token = await gateway.token();
    const byKey = await openSocket(url, { headers: { "x-api-key": token } });
    await byKey.close();
    const protocols = ["realtime", `openai-insecure-api-key.${token}`, "openai-organization.org-x"];
    const byProtocol = await openSocket(`${gateway.openaiUrl}/realtime?model=gpt-realtime`, { protocols });
    assert.equal(byProtocol.socket.protocol, "realtime");
    assert.equal((await byProtocol.untilType("session.created")).type, "session.created");
    const offered = provider.requests
      .at(-1)
      ?.headers.filter(([name]) => name.toLowerCase() === "sec-websocket-protocol")
      .map(([, value]) => value);
    assert.deepEqual(offered, ["realtime"]);
    await byProtocol.close();
  });

  it("is refused before the upgrade, with the status and body of any request", async () => {
    const before = provider.requests.length;
    const narrow = await gateway.token({ llm: { models: ["openai/gpt-5.5"] } });
    const realtime = `${gateway.openaiUrl}/realtime`;
    const cases: readonly (readonly [string, Parameters<typeof refusalOf>[1], number, string])[] = [
      [url, {}, 401, "invalid_api_key"],
      [url, { token: "nonsense" }, 401, "invalid_api_key"],
      [
        url,
        { token: await gateway.token({ exp: Math.floor(Date.now() / 1000) - 60 }) },
        401,
        "token_expired",
      ],
      [url, { token: await gateway.token({ llm: null }) }, 403, "missing_grant"],
      [
        url,
        { token: narrow, protocols: [`openai-insecure-api-key.${await gateway.token()}`] },
        401,
        "invalid_api_key",
      ],
      [`${realtime}?model=gpt-realtime`, { token: narrow }, 404, "model_not_found"],
      [`${realtime}?model=gpt-5.5&model=gpt-realtime`, { token: narrow }, 400, "invalid_body"],
      [`${realtime}?call_id=rtc_1`, { token: await gateway.token() }, 501, "not_supported"],
      [`${gateway.openaiUrl}/live/sessions`, { token: narrow }, 426, "not_supported"],
      [`${gateway.openaiUrl}/models`, { token: narrow }, 501, "not_supported"],
    ];
    for (const [where, options, status, code] of cases) {
      const refusal = await refusalOf(where, options);
      assert.equal(refusal.status, status, `${where}: ${refusal.body}`);
      assert.equal((JSON.parse(refusal.body) as ErrorFrame).error.code, code, where);
      assert.match(String(refusal.headers["x-meshagent-exchange-id"]), /^ex_/);
      assert.equal(refusal.headers["x-should-retry"], "false");
    }
    assert.equal(provider.requests.length, before, "nothing went up");
  });

  it("passes the provider's refusal as it came", async () => {
    const body = '{"error":{"message":"no sockets today","type":"x","code":"y","param":null}}';
    provider.script(() => ({
      pieces: [
        Buffer.from(
          `HTTP/1.1 403 Nope\r\nx-request-id: req_9\r\ncontent-type: application/json\r\nset-cookie: a=b\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
        ),
      ],
      end: "close",
    }));
    const refusal = await refusalOf(url, { token: await gateway.token() });
    provider.script(null);
    assert.equal(refusal.status, 403);
    assert.equal(refusal.body, body);
    assert.equal(refusal.headers["x-request-id"], "req_9");
    assert.equal(refusal.headers["set-cookie"], undefined);
  });
});

describe("a Responses socket", () => {
  it("each response is an exchange with its own row, also a warm-up, and goes on from the one before", async () => {
    const booksBefore = provider.books.length;
    const caller = await openSocket(url, {
      token: await gateway.token(),
      headers: { "session-id": "thread-1", "user-agent": "codex_exec/0.169.0 (Debian)" },
    });
    const warm = {
      model: "gpt-5.5",
      instructions: "Be brief. ".repeat(600),
      input: [],
      generate: false,
      store: false,
    };
    const first = await caller.respond(warm);
    const second = await caller.respond({
      ...warm,
      generate: true,
      previous_response_id: idOf(first),
      input: "hi",
    });
    const third = await caller.respond({
      model: "gpt-5.5",
      previous_response_id: idOf(second),
      input: "again",
      service_tier: "priority",
    });
    assert.deepEqual([first.type, second.type, third.type], Array(3).fill("response.completed"));
    const rows = await rowsOf(caller.headers["x-meshagent-connection-id"]);
    assertBilled(rows, provider.books.slice(booksBefore));
    for (const { intent, result } of rows) {
      assert.deepEqual(
        [intent.transport, intent.endpoint, intent.sessionId, intent.client, intent.requestedModel],
        ["websocket", "/v1/responses", "thread-1", "codex_exec/0.169.0", "gpt-5.5"],
      );
      assert.deepEqual(
        [result?.status, result?.outcome, result?.model, result?.attempts],
        [200, "ok", "gpt-5.5-2026-04-23", 1],
      );
      assert.ok((result?.responseBytes ?? 0) > 1000);
    }
    assert.equal(new Set(rows.map((row) => row.intent.id)).size, 3);
    assert.equal(rows[0]?.result?.usage[0]?.output_tokens, 0, "a warm-up writes nothing");
    assert.ok(
      (rows[1]?.result?.usage[0]?.cache_read_input_tokens ?? 0) > 1000,
      "the turn reads what it warmed",
    );
    assert.deepEqual([rows[2]?.intent.requestedTier, rows[2]?.result?.servedTier], ["priority", "priority"]);
    assert.equal(rows[0]?.intent.requestBytes, JSON.stringify({ type: "response.create", ...warm }).length);
    // gpt-5.5 per million: $5 in, $0.50 cached, $30 out; here in nano-dollars per token.
    const [usage] = rows[1]?.result?.usage ?? [];
    const [input = 0, cached = 0, output = 0] = [
      usage?.input_tokens,
      usage?.cache_read_input_tokens,
      usage?.output_tokens,
    ];
    assert.equal(rows[1]?.result?.costNanoUsd, (input - cached) * 5000 + cached * 500 + output * 30_000);
    await caller.close();
  });

  it("lanes run side by side, and every response gets its own usage", async () => {
    const booksBefore = provider.books.length;
    const caller = await openSocket(url, { token: await gateway.token() });
    const lanes = ["a", "b", "c", ""];
    for (const lane of lanes) {
      const length = 20 + 10 * lanes.indexOf(lane);
      caller.send({
        type: "response.create",
        model: lane === "b" ? "gpt-5.4" : "gpt-5.5",
        input: `lane ${lane} [[simulate: slow 2ms, length ${length}]]`,
        ...(lane === "" ? {} : { stream_id: lane }),
      });
    }
    for (const lane of lanes) {
      await caller.until(
        (message) => message.type === "response.completed" && (message["stream_id"] ?? "") === lane,
      );
    }
    const begun = caller.messages.filter(({ type }) => type === "response.created").length;
    const firstEnd = caller.messages.findIndex(({ type }) => type === "response.completed");
    const begunBeforeEnd = caller.messages
      .slice(0, firstEnd)
      .filter(({ type }) => type === "response.created").length;
    assert.deepEqual([begun, begunBeforeEnd], [4, 4], "they ran at the same time");
    const rows = await rowsOf(caller.headers["x-meshagent-connection-id"]);
    assertBilled(rows, provider.books.slice(booksBefore));
    assert.equal(rows.filter((row) => row.intent.requestedModel === "gpt-5.4").length, 1);
    assert.ok(rows.every((row) => (row.result?.responseBytes ?? 0) > 500));
    await caller.close();
  });

  it("refuses a message in the protocol's own form, and lives on", async () => {
    const token = await gateway.token({ llm: { models: ["openai/gpt-5.5"] } });
    const caller = await openSocket(url, { token });
    const booksBefore = provider.books.length;
    const cases: readonly (readonly [object | string, string, string | null])[] = [
      [
        { type: "response.create", model: "gpt-5.4", input: "x", stream_id: "lane-7" },
        "model_not_found",
        "model",
      ],
      [{ type: "response.create", input: "x" }, "invalid_body", "model"],
      [
        { type: "response.create", model: "gpt-5.5", conversation: "conv_1" },
        "object_not_found",
        "conversation",
      ],
      [{ type: "response.create", model: "gpt-5.5", conversation: 7 }, "invalid_body", "conversation"],
      [
        '{"type":"response.create","model":"gpt-5.5","conversation":"conv_1","conversation":"conv_2"}',
        "invalid_body",
        "conversation",
      ],
      ['{"type":"later.kind","conversation":"conv_1"}', "not_supported", "conversation"],
      [{ type: "response.create", model: "gpt-5.5", background: true }, "not_supported", "background"],
      [
        { type: "response.create", model: "gpt-5.5", previous_response_id: "resp_of_another_room" },
        "previous_response_not_found",
        "previous_response_id",
      ],
      [
        {
          type: "response.create",
          model: "gpt-5.5",
          tools: [{ type: "image_generation", model: "gpt-image-2" }],
        },
        "model_not_found",
        "model",
      ],
      ['{"type":"response.create","model":"gpt-5.5","model":"gpt-5.4"}', "invalid_body", "model"],
      ['{"type":"ping","type":"response.create","model":"gpt-5.4"}', "invalid_body", "type"],
      ["{not json", "invalid_body", null],
      ["[]", "invalid_body", null],
    ];
    for (const [message, code, param] of cases) {
      const from = caller.messages.length;
      caller.socket.send(typeof message === "string" ? message : JSON.stringify(message));
      const said = asError(await caller.untilType("error", from));
      assert.deepEqual(
        [said.error.code, said.error.param, said.status],
        [code, param, 400],
        JSON.stringify(message),
      );
      assert.ok(said.error.message.length > 20);
      assert.equal(
        said.stream_id,
        typeof message === "object" && "stream_id" in message ? "lane-7" : undefined,
      );
    }
    // A provider could take a binary message for text, so it is looked at, too.
    const from = caller.messages.length;
    caller.socket.send(Buffer.from('{"type":"response.create","model":"gpt-5.4","input":"x"}'));
    assert.equal(asError(await caller.untilType("error", from)).error.code, "model_not_found");
    assert.equal(provider.books.length, booksBefore, "nothing went up");
    assert.deepEqual(await rowsOf(caller.headers["x-meshagent-connection-id"]), [], "a refusal has no row");
    assert.equal((await caller.respond({ model: "gpt-5.5", input: "hi" })).type, "response.completed");
    assert.equal((await rowsOf(caller.headers["x-meshagent-connection-id"])).length, 1);
    await caller.close();
  });

  it("goes on from a stored response of its room's, made on another connection or over HTTP, and of no other room's", async () => {
    const ask = { model: "gpt-5.5", input: "remember this" };
    const http = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${await gateway.token()}`, "content-type": "application/json" },
      body: JSON.stringify(ask),
    });
    const { id } = (await http.json()) as { id: string };
    const own = await openSocket(url, { token: await gateway.token() });
    const stored = idOf(await own.respond(ask));
    const other = await openSocket(url, { token: await gateway.token() });
    const stranger = await openSocket(url, { token: await gateway.token({ room: "another-room" }) });
    for (const previous of [id, stored]) {
      const goesOn = { ...ask, previous_response_id: previous };
      const refused = asError(await stranger.respond(goesOn));
      assert.deepEqual(
        [refused.error.code, refused.error.param],
        ["previous_response_not_found", "previous_response_id"],
      );
      // Ours is let through; what the provider says then is its own affair.
      const passed = provider.books.length;
      const said = await other.respond(goesOn);
      const error = said.type === "error" ? asError(said).error.message : "";
      assert.ok(!error.includes("has to be one that this room made"), error);
      assert.ok(said.type === "error" || provider.books.length > passed);
    }
    for (const wrong of [["resp_1"], 7, "", { id: "resp_1" }]) {
      const said = asError(await other.respond({ ...ask, previous_response_id: wrong }));
      assert.deepEqual([said.error.code, said.error.param], ["invalid_body", "previous_response_id"]);
    }
    for (const caller of [own, other, stranger]) await caller.close();
  });

  it("goes on in a conversation of its room's, and in no other room's", async () => {
    const [mine, theirs] = [await gateway.token(), await gateway.token({ room: "another-room" })];
    const http = (token: string, path: string, body?: string): Promise<Response> =>
      fetch(gateway.openaiUrl + path, {
        method: body === undefined ? "GET" : "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body }),
      });
    const made = async (token: string): Promise<string> =>
      ((await (await http(token, "/conversations", "{}")).json()) as { id: string }).id;
    const [own, foreign] = [await made(mine), await made(theirs)];
    const caller = await openSocket(url, { token: mine });
    const requestsBefore = provider.books.length;
    const ask = { model: "gpt-5.5", input: "remember this" };
    const absent = [foreign, { id: foreign }, "conv_never"];
    for (const conversation of absent) {
      const said = asError(await caller.respond({ ...ask, conversation }));
      assert.deepEqual([said.error.code, said.error.param], ["object_not_found", "conversation"]);
    }
    // Which of the two a provider takes is its own affair, so neither is sent.
    for (const [first, second] of [
      [own, foreign],
      [foreign, own],
    ]) {
      const from = caller.messages.length;
      caller.socket.send(
        `{"type":"response.create","model":"gpt-5.5","input":"x","conversation":{"id":"${first}","id":"${second}"}}`,
      );
      assert.equal(asError(await caller.untilType("error", from)).error.code, "invalid_body");
    }
    assert.equal(provider.books.length, requestsBefore, "nothing went up");

    const replies = [
      await caller.respond({ ...ask, conversation: own }),
      await caller.respond({ ...ask, conversation: { id: own } }),
    ];
    for (const reply of replies) assert.equal(reply.type, "response.completed");
    // The provider has kept what was said, and it is the room's.
    const items = (await (await http(mine, `/conversations/${own}/items`)).json()) as {
      data: readonly { id: string }[];
    };
    assert.ok(items.data.length >= 4, JSON.stringify(items));
    assert.equal((await http(theirs, `/conversations/${own}/items`)).status, 404);
    for (const reply of replies) {
      const { id } = reply["response"] as { id: string };
      assert.equal((await http(mine, `/responses/${id}`)).status, 200);
      assert.equal((await http(theirs, `/responses/${id}`)).status, 404);
    }
    const rows = await rowsOf(caller.headers["x-meshagent-connection-id"]);
    assert.deepEqual(
      rows.map(({ result }) => result?.outcome),
      ["ok", "ok"],
    );
    await caller.close();
  });

  it("the provider's own error is passed, costs nothing, and has its row", async () => {
    const caller = await openSocket(url, { token: await gateway.token() });
    const said = asError(await caller.respond({ model: "gpt-5.5", input: "[[simulate: error 429]]" }));
    assert.deepEqual([said.status, said.error.code], [429, "rate_limit_exceeded"]);
    const failed = await caller.respond({ model: "gpt-5.5", input: "[[simulate: failed]]" });
    assert.equal(failed.type, "response.failed");
    const rows = await rowsOf(caller.headers["x-meshagent-connection-id"]);
    assert.deepEqual(
      rows.map(({ result }) => [result?.outcome, result?.status, result?.usage.length, result?.costNanoUsd]),
      [
        ["upstream_error", 429, 0, 0],
        ["failed", 200, 1, null],
      ],
    );
    await caller.close();
  });

  it("many sockets at once: every response has one row, and the rows say what the books say", async () => {
    const booksBefore = provider.books.length;
    const token = await gateway.token();
    const ids = await Promise.all(
      Array.from({ length: 25 }, async (_each, n) => {
        const caller = await openSocket(url, { token });
        for (let turn = 0; turn < 4; turn++)
          await caller.respond({
            model: "gpt-5.5",
            input: `socket ${n} turn ${turn} [[simulate: length ${10 + n}]]`,
          });
        await caller.close();
        return caller.headers["x-meshagent-connection-id"];
      }),
    );
    const rows = (await gateway.exchanges()).filter((row) => ids.includes(row.intent.connectionId ?? ""));
    assert.equal(rows.length, 100);
    assertBilled(rows, provider.books.slice(booksBefore));
  });
});

describe("a realtime socket", () => {
  const realtime = (): string => `${gateway.openaiUrl}/realtime?model=gpt-realtime`;
  const audio = Buffer.alloc(96_000).toString("base64");

  it("has a row for each response and one for each transcription, at its own model's price", async () => {
    const booksBefore = provider.books.length;
    const caller = await openSocket(realtime(), { token: await gateway.token() });
    await caller.untilType("session.created");
    caller.send({
      type: "session.update",
      session: {
        type: "realtime",
        audio: { input: { transcription: { model: "gpt-4o-transcribe" } } },
      },
    });
    await caller.untilType("session.updated");
    const item = { type: "message", role: "user", content: [{ type: "input_text", text: "Say something." }] };
    caller.send({ type: "conversation.item.create", item });
    caller.send({ type: "input_audio_buffer.append", audio });
    caller.send({ type: "input_audio_buffer.commit" });
    await caller.untilType("conversation.item.input_audio_transcription.completed");
    caller.send({ type: "response.create" });
    await caller.untilType("response.done");
    const rows = await rowsOf(caller.headers["x-meshagent-connection-id"]);
    const entries = provider.books.slice(booksBefore);
    assertBilled(rows, entries);
    const [transcription, response] = rows;
    assert.deepEqual(
      [
        transcription?.result?.usage[0]?.kind,
        transcription?.result?.usage[0]?.model,
        transcription?.intent.endpoint,
      ],
      ["input_transcription", "gpt-4o-transcribe", "/v1/realtime"],
    );
    const heard = transcription?.result?.usage[0];
    // 96,000 bytes are two seconds, 20 tokens. gpt-4o-transcribe per million: $2.50 in, $10 out.
    assert.equal(heard?.input_audio_tokens, 20);
    assert.equal(transcription?.result?.costNanoUsd, 20 * 2500 + (heard?.output_tokens ?? 0) * 10_000);
    const said = response?.result?.usage[0];
    assert.deepEqual([said?.kind, said?.model], ["primary", "gpt-realtime"]);
    // gpt-realtime per million: text $4 in and $16 out, audio $32 in and $64 out.
    const text = said?.output_text_tokens ?? 0;
    assert.deepEqual(
      [said?.input_text_tokens, said?.input_audio_tokens, said?.output_audio_tokens],
      [4, 20, text],
    );
    assert.equal(response?.result?.costNanoUsd, 4 * 4000 + 20 * 32_000 + text * 16_000 + text * 64_000);
    await caller.close();
  });

  it("a cancelled response is billed, and a second one at once is refused without touching the first", async () => {
    const caller = await openSocket(realtime(), { token: await gateway.token() });
    const text = "Go on [[simulate: slow 20ms, length 400]]";
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
    caller.send({ type: "conversation.item.create", item });
    caller.send({ type: "response.create", event_id: "mine-1" });
    await caller.untilType("response.output_audio.delta");
    caller.send({ type: "response.create", event_id: "mine-2" });
    const refusal = await caller.untilType("error");
    assert.equal((refusal["error"] as { event_id: string }).event_id, "mine-2");
    caller.send({ type: "response.cancel" });
    await caller.untilType("response.done");
    const rows = await rowsOf(caller.headers["x-meshagent-connection-id"]);
    assert.deepEqual(
      new Set(rows.map(({ result }) => result?.outcome)),
      new Set(["cancelled", "upstream_error"]),
    );
    const cancelled = rows.find(({ result }) => result?.outcome === "cancelled");
    assert.ok((cancelled?.result?.costNanoUsd ?? 0) > 0);
    await caller.close();
  });

  it("every model that a session may get is checked, and the refusal names the message", async () => {
    const token = await gateway.token({ llm: { models: ["openai/gpt-realtime"] } });
    const caller = await openSocket(realtime(), { token });
    await caller.untilType("session.created");
    const updates = [
      { model: "gpt-realtime-2" },
      { audio: { input: { transcription: { model: "whisper-1" } } } },
      { input_audio_transcription: { model: "whisper-1" } },
      { model: 7 },
    ];
    for (const [n, session] of updates.entries()) {
      const from = caller.messages.length;
      caller.send({ type: "session.update", event_id: `mine-${n}`, session });
      const { error } = (await caller.untilType("error", from)) as unknown as {
        error: { code: string; event_id: string };
      };
      assert.equal(error.event_id, `mine-${n}`);
      assert.equal(error.code, n === 3 ? "invalid_body" : "model_not_found");
    }
    assert.ok(!caller.messages.some(({ type }) => type === "session.updated"), "none of them went up");
    await caller.close();
  });

  it("a session that comes up with another model than the grant has is closed", async () => {
    const token = await gateway.token({ llm: { models: ["openai/gpt-realtime-mini"] } });
    // The simulated provider gives gpt-realtime to who names none.
    const caller = await openSocket(`${gateway.openaiUrl}/realtime`, { token });
    const { code, reason } = await caller.ended;
    assert.equal(code, 1008);
    assert.match(reason, /does not cover the model "openai\/gpt-realtime"/);
  });
});
