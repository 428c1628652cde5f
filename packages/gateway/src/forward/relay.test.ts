import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { GatewayError } from "../errors.ts";
import { sampleNowMs } from "../sample-routed.ts";
import { RelayBed, responsesEvents, type ScriptedCall, sse, turns } from "./relay-harness.ts";

const { created, delta, completed } = responsesEvents;
const json = (length?: number): [string, string][] => [
  ["content-type", "application/json"],
  ...(length === undefined ? [] : ([["content-length", String(length)]] as [string, string][])),
];
const http10 = "POST /openai/v1/responses HTTP/1.0\r\n\r\n";

let bed: RelayBed;
before(async () => {
  bed = new RelayBed();
  await bed.open();
});
after(() => bed.close());

/** A gate to hold rows at. */
function gate(): {
  readonly open: () => void;
  readonly settle: () => Promise<void>;
  readonly reached: Promise<void>;
} {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    open: opened.resolve,
    reached: reached.promise,
    settle: async () => {
      reached.resolve();
      await opened.promise;
    },
  };
}

describe("a reply on its way down", () => {
  it("sends the head at once, before any byte of the body", async () => {
    const { caller, up, outcome } = await bed.exchange();
    up.reply(200, [...sse, ["x-request-id", "req_1"], ["X-Odd", "\xff"]], "Fine");
    await caller.until("\r\n\r\n");
    assert.match(
      caller.text,
      /^HTTP\/1\.1 200 Fine\r\ncontent-type: text\/event-stream\r\nx-request-id: req_1\r\nX-Odd: \xff\r\nx-meshagent-exchange-id: ex_sample\r\n/,
    );
    assert.match(caller.text, /transfer-encoding: chunked\r\n/i);
    assert.doesNotMatch(caller.text, /x-meshagent-simulated/);
    up.end();
    assert.equal(await outcome, null);
  });

  it("announces a simulated reply", async () => {
    const { caller, up } = await bed.exchange({ upstream: { isSimulated: true, apiKey: null } });
    up.reply(200, sse);
    await caller.until("x-meshagent-simulated: true\r\n");
    up.end();
  });

  it("passes every chunk as it comes, in order and byte for byte", async () => {
    const { caller, up, outcome, rows } = await bed.exchange();
    up.reply(200, sse);
    const odd = Buffer.from([0, 255, 13, 10, 13, 10, 195]);
    const parts = [
      Buffer.from(": comment\n\n"),
      Buffer.from(created),
      odd,
      Buffer.from(delta),
      Buffer.from(completed),
      Buffer.from("tail"),
    ];
    for (const part of parts) {
      up.chunk(part);
      await up.resumed();
      await turns();
      assert.ok(
        caller.body.bytes.subarray(-part.length).equals(part),
        "it is there before the next one is sent",
      );
    }
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    assert.deepEqual(caller.body, { bytes: Buffer.concat(parts), isWhole: true });
    assert.equal(rows.at(-1)?.status, 200);
  });

  it("keeps bytes and encoding of an encoded stream, and reads its usage", async () => {
    const { caller, up, outcome, rows } = await bed.exchange();
    const bytes = gzipSync(created + delta + completed);
    up.reply(200, [...sse, ["content-encoding", "gzip"]]);
    for (let at = 0; at < bytes.length; at += 20) {
      up.chunk(bytes.subarray(at, at + 20));
      await up.resumed();
    }
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    assert.match(caller.text, /content-encoding: gzip/);
    assert.deepEqual(caller.body, { bytes, isWhole: true });
    assert.deepEqual(
      [rows[0]?.reading?.outcome, rows[0]?.reading?.usage[0]?.input_tokens, rows[0]?.meterFault],
      ["ok", 10, null],
    );
  });

  it("passes a 204 and a 304 without a body", async () => {
    for (const [status, headers] of [
      [204, []],
      [
        304,
        [
          ["etag", '"1"'],
          ["content-length", "5"],
        ],
      ],
    ] as const) {
      const { caller, up, outcome } = await bed.exchange({ endpoint: "models" });
      up.reply(status, headers);
      up.end();
      assert.equal(await outcome, null);
      await caller.until("\r\n\r\n");
      await turns();
      assert.match(caller.text, new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\r\n\r\n$`));
      assert.doesNotMatch(caller.text, /transfer-encoding/i);
    }
  });

  it("frames a reply that the end of the provider's connection frames", async () => {
    const { caller, up, outcome, rows } = await bed.exchange({ endpoint: "models" });
    up.reply(200, json());
    up.chunk("[1,");
    up.chunk("2]");
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    assert.equal(caller.body.bytes.toString(), "[1,2]");
    assert.deepEqual([rows.length, rows[0]?.responseBytes, rows[0]?.reading], [1, 5, null]);
  });

  it("reaches an HTTP/1.0 caller unchunked, framed by the end of the connection", async () => {
    const { caller, up } = await bed.exchange({ requestHead: http10 });
    up.reply(200, sse);
    for (const text of [created, completed]) {
      up.chunk(text);
      await up.resumed();
    }
    up.end();
    assert.equal(await caller.closed, "end");
    assert.doesNotMatch(caller.text, /transfer-encoding/i);
    assert.ok(caller.text.endsWith(`\r\n\r\n${created}${completed}`));
  });

  it("gives up a body's length as the provider's, and the connection serves the next request", async () => {
    const { caller, up, outcome } = await bed.exchange();
    up.reply(200, json(2));
    up.chunk("{}");
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n\r\n{}");
    assert.match(caller.text, /content-length: 2\r\n/);
    const next = bed.nextRequest();
    caller.socket.write("POST /openai/v1/responses HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n");
    const [request, response] = await next;
    const second = bed.forward(response, { call: { request, response } });
    const secondUp = await second.client.call(0);
    secondUp.reply(429, json(4));
    secondUp.chunk("busy");
    secondUp.end();
    assert.equal(await second.outcome, null);
    await caller.until("busy");
  });
});

/** Sends until the caller and the buffers on the way to it take no more. Gives how many chunks that took. */
async function fill(up: ScriptedCall, chunk: Uint8Array): Promise<number> {
  for (let sent = 1; sent < 1000; sent++) {
    if (up.chunk(chunk)) continue;
    await turns();
    if (!up.wantsMore) return sent;
  }
  assert.fail("the relay never asked for a pause");
}

describe("back-pressure", () => {
  it("asks the provider to pause while the caller is slow, and loses nothing", async () => {
    const { caller, up, outcome } = await bed.exchange();
    caller.socket.pause();
    up.reply(200, sse);
    const chunk = Buffer.alloc(256 * 1024, "x");
    const sent = await fill(up, chunk);
    // A client may hand on what it has read already.
    up.observer.onChunk(Buffer.from("after the pause"));
    await turns();
    assert.equal(up.wantsMore, false, "not resumed while the caller reads nothing");
    caller.socket.resume();
    await up.resumed();
    up.chunk(completed);
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    const { bytes } = caller.body;
    assert.equal(bytes.length, sent * chunk.length + "after the pause".length + completed.length);
    assert.ok(bytes.toString("latin1").endsWith(`xafter the pause${completed}`));
  });

  it("a caller that takes no byte for the stall timeout counts as gone", async () => {
    const { caller, up, outcome, rows } = await bed.exchange({
      settings: { callerStallTimeoutMs: 30, disconnectPolicy: "cancel" },
    });
    caller.socket.pause();
    up.reply(200, sse);
    await fill(up, Buffer.alloc(256 * 1024));
    await up.aborted();
    assert.equal(await outcome, null);
    assert.deepEqual([rows[0]?.ending, rows[0]?.isCallerGone], ["abandoned", true]);
  });

  it("a caller that catches up in time does not", async () => {
    const { caller, up, outcome } = await bed.exchange({ settings: { callerStallTimeoutMs: 100 } });
    up.reply(200, sse);
    const startMs = performance.now();
    while (performance.now() - startMs < 250) {
      up.chunk(Buffer.alloc(512 * 1024));
      await up.resumed();
      await turns();
    }
    up.chunk(completed);
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
  });
});

describe("the end of a reply waits for its row", () => {
  it("holds the chunk with the terminal event, and nothing before it", async () => {
    const row = gate();
    const { caller, up, outcome, rows } = await bed.exchange({ settle: row.settle });
    up.reply(200, sse);
    up.chunk(created);
    up.chunk(delta);
    assert.equal(up.chunk(delta + completed), false);
    // What follows queues behind it.
    up.observer.onChunk(Buffer.from("data: later\n\n"));
    up.end();
    await row.reached;
    await turns();
    assert.equal(caller.body.bytes.toString(), created + delta);
    assert.deepEqual([rows.length, rows[0]?.ending, rows[0]?.reading?.outcome], [1, "complete", "ok"]);
    assert.equal(rows[0]?.reading?.usage[0]?.output_tokens, 2);
    row.open();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    assert.equal(caller.body.bytes.toString(), `${created}${delta}${delta}${completed}data: later\n\n`);
    assert.equal(rows.length, 1, "the same result is not written twice");
  });

  it("holds the last bytes of a reply of known length", async () => {
    const row = gate();
    const { caller, up, outcome } = await bed.exchange({ settle: row.settle, policy: { isStream: false } });
    const body = '{"id":"resp_1","model":"gpt-5.5","usage":{"input_tokens":10,"output_tokens":2}}';
    up.reply(200, json(body.length));
    up.chunk(body.slice(0, 10));
    up.chunk(body.slice(10));
    await row.reached;
    await turns();
    assert.equal(caller.body.bytes.toString(), body.slice(0, 10));
    row.open();
    up.end();
    assert.equal(await outcome, null);
    await caller.until(body);
  });

  it("holds the end of a plain reply of unknown length", async () => {
    const row = gate();
    const { caller, up, outcome } = await bed.exchange({ settle: row.settle, policy: { isStream: false } });
    up.reply(200, json());
    up.chunk("{}");
    up.end();
    await row.reached;
    await turns();
    assert.deepEqual([caller.body.bytes.toString(), caller.body.isWhole], ["{}", false]);
    row.open();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
  });

  it("goes on without a row that does not come in time, and says so in the log", async () => {
    const { caller, up, outcome, logged } = await bed.exchange({
      settings: { settleTimeoutMs: 20 },
      settle: () => new Promise(() => {}),
    });
    up.reply(200, sse);
    up.chunk(completed);
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    assert.equal(caller.body.bytes.toString(), completed);
    assert.deepEqual(logged, ["an exchange's result could not be written"]);
  });

  it("goes on with a row that cannot be written", async () => {
    const { caller, up, outcome, logged } = await bed.exchange({
      settle: () => Promise.reject(new Error("disk full")),
    });
    up.reply(200, sse);
    up.chunk(completed);
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    assert.equal(logged.length, 1);
  });

  it("the row has what forwarding saw", async () => {
    const { up, outcome, rows } = await bed.exchange();
    up.reply(200, [...sse, ["X-Request-Id", "req_1"]]);
    up.chunk(completed);
    await up.resumed();
    up.end();
    await outcome;
    const { reading, ...facts } = rows[0] ?? {};
    assert.equal(reading?.responseId, "resp_1");
    assert.deepEqual(facts, {
      ending: "complete",
      isCallerGone: false,
      status: 200,
      meterFault: null,
      isStream: true,
      firstByteAtMs: sampleNowMs,
      responseBytes: completed.length,
      providerRequestId: "req_1",
      attempts: 1,
      failure: null,
    });
  });
});

describe("a provider that fails", () => {
  it("before its reply: the error of the catalogue, and a row", async () => {
    for (const [reason, code] of [
      ["first_byte_timeout", "upstream_timeout"],
      ["connection_lost", "upstream_unreachable"],
      ["invalid_reply", "upstream_unreachable"],
    ] as const) {
      const { up, client, outcome, rows, response, deps } = await bed.exchange();
      up.fail(reason);
      const error = await outcome;
      assert(error instanceof GatewayError);
      assert.equal(error.code, code);
      assert.equal(client.calls.length, 1, "a request that may have been seen is not repeated");
      assert.deepEqual(
        [rows.length, rows[0]?.ending, rows[0]?.status, rows[0]?.failure?.reason],
        [1, "no_reply", null, reason],
      );
      assert.equal(response.headersSent, false, "the server renders the error");
      assert.equal(deps.running.size, 0);
    }
  });

  it("is asked again only when no byte was written, and only so often", async () => {
    const { client, up, outcome, rows } = await bed.exchange();
    up.fail("connect_failed", true);
    const second = await client.call(1);
    assert.equal(second.request, up.request);
    second.reply(200, sse);
    second.chunk(completed);
    await second.resumed();
    second.end();
    assert.equal(await outcome, null);
    assert.equal(rows[0]?.attempts, 2);

    const failing = await bed.exchange();
    failing.up.fail("connect_failed", true);
    (await failing.client.call(1)).fail("connect_timeout", true);
    const error = await failing.outcome;
    assert(error instanceof GatewayError);
    assert.equal(error.code, "upstream_timeout");
    assert.deepEqual(
      [failing.client.calls.length, failing.rows.length, failing.rows[0]?.attempts],
      [2, 1, 2],
    );
  });

  it("is not asked again once its reply has begun", async () => {
    const { up, client, outcome, caller } = await bed.exchange();
    up.reply(200, sse);
    up.fail("connection_lost", true);
    await outcome;
    await caller.closed;
    assert.equal(client.calls.length, 1);
  });

  it("a request that cannot be written as it is gets a row and an error, and leaves nothing behind", async () => {
    const { response, request } = await bed.connect();
    const running = bed.forward(response, {
      call: { request, response },
      onSend: () => {
        throw new Error("The request line cannot be written.");
      },
    });
    const error = await running.outcome;
    assert(error instanceof GatewayError);
    assert.deepEqual([error.code, error.cause instanceof Error], ["internal_error", true]);
    assert.deepEqual(
      [running.rows.length, running.rows[0]?.ending, running.rows[0]?.failure?.isUnsent],
      [1, "no_reply", true],
    );
    assert.equal(running.deps.running.size, 0);
    response.destroy();
    await turns();
  });
});

describe("an upstream that is cut inside its reply is passed on as a cut", () => {
  it("a stream: what came is delivered, then the connection ends without the last chunk", async () => {
    const { caller, up, outcome, rows } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created);
    up.chunk(delta);
    up.fail("connection_lost");
    assert.equal(await outcome, null);
    await caller.closed;
    assert.deepEqual([caller.body.bytes.toString(), caller.body.isWhole], [created + delta, false]);
    assert.deepEqual(
      [rows.length, rows[0]?.ending, rows[0]?.reading?.outcome, rows[0]?.failure?.reason],
      [1, "cut", "truncated", "connection_lost"],
    );
  });

  it("a reply of known length: the bytes that came arrive, and the rest is missing", async () => {
    const { caller, up, outcome } = await bed.exchange({ policy: { isStream: false } });
    up.reply(200, json(1_000_000));
    up.chunk(Buffer.alloc(300_000, "y"));
    up.fail("connection_lost");
    assert.equal(await outcome, null);
    assert.equal(await caller.closed, "end");
    assert.deepEqual([caller.body.bytes.length, caller.body.isWhole], [300_000, false]);
  });

  it("to an HTTP/1.0 caller, whose reply only the end frames: a reset", async () => {
    const { caller, up } = await bed.exchange({ requestHead: http10 });
    up.reply(200, sse);
    up.chunk(created);
    await caller.until("response.created");
    up.fail("connection_lost");
    assert.equal(await caller.closed, "ECONNRESET");
  });

  it("also after the terminal event, with the row as it was", async () => {
    const { caller, up, outcome, rows } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(completed);
    await up.resumed();
    up.fail("connection_lost");
    assert.equal(await outcome, null);
    await caller.closed;
    assert.deepEqual([caller.body.bytes.toString(), caller.body.isWhole], [completed, false]);
    assert.deepEqual(
      rows.map((row) => [row.ending, row.reading?.outcome]),
      [["complete", "ok"]],
    );
  });

  it("while its row is waited for: the terminal event still arrives", async () => {
    const row = gate();
    const { caller, up, outcome } = await bed.exchange({ settle: row.settle });
    up.reply(200, sse);
    up.chunk(completed);
    await row.reached;
    up.fail("connection_lost");
    row.open();
    assert.equal(await outcome, null);
    await caller.closed;
    assert.equal(caller.body.bytes.toString(), completed);
  });

  it("when the caller pipelined its request behind another: it is cut when its turn comes", async () => {
    const post = "POST /openai/v1/responses HTTP/1.1\r\nhost: gw\r\ncontent-length: 0\r\n\r\n";
    const { caller, response } = await bed.connect(post);
    const next = bed.nextRequest();
    caller.socket.write(post);
    const [request, second] = await next;
    const running = bed.forward(second, { call: { request, response: second } });
    const up = await running.client.call(0);
    up.reply(200, sse);
    up.chunk(created);
    up.fail("connection_lost");
    assert.equal(await running.outcome, null);
    response.writeHead(200, ["content-length", "5"]);
    response.end("first");
    await caller.closed;
    assert.match(caller.text, /first/);
    assert.doesNotMatch(caller.text, /\r\n0\r\n\r\n$/);
  });
});

describe("a stream that the gateway itself ends says why", () => {
  it("after a silence, at the end of an event", async () => {
    const { caller, up, outcome, rows } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created);
    up.fail("idle_timeout");
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    const text = caller.body.bytes.toString();
    assert.ok(text.startsWith(`${created}event: response.failed\ndata: {`), text);
    assert.match(text, /"code":"upstream_timeout".*fell silent for 3 s/);
    assert.deepEqual([rows[0]?.ending, rows[0]?.reading?.outcome], ["cut", "truncated"]);
  });

  it("before the first event, and after each way to end one", async () => {
    for (const sent of ["", "data: 1\r\n\r\n", "data: 1\r\r", ": ping\n\n"]) {
      const { caller, up, outcome } = await bed.exchange();
      up.reply(200, sse);
      if (sent !== "") up.chunk(sent);
      up.fail("idle_timeout");
      await outcome;
      await caller.until("\r\n0\r\n\r\n");
      assert.ok(
        caller.body.bytes.toString().startsWith(`${sent}event: response.failed\n`),
        JSON.stringify(sent),
      );
    }
  });

  it("also where the end of an event came in two chunks", async () => {
    const { caller, up, outcome } = await bed.exchange();
    up.reply(200, sse);
    up.chunk("data: 1\n");
    up.chunk("\n");
    up.fail("idle_timeout");
    await outcome;
    await caller.until("\r\n0\r\n\r\n");
    assert.ok(caller.body.bytes.toString().startsWith("data: 1\n\nevent: response.failed\n"));
  });

  it("not inside an event, not inside an encoding, not in a plain reply, not after the terminal event", async () => {
    const cases = [
      { headers: sse, sent: "data: {" },
      { headers: sse, sent: "data: 1\n" },
      {
        headers: [...sse, ["content-encoding", "gzip"]] as const,
        sent: gzipSync(created).toString("latin1"),
      },
      { headers: json(), sent: '{"a":1}\n\n' },
      { headers: sse, sent: completed },
    ];
    for (const { headers, sent } of cases) {
      const { caller, up, outcome } = await bed.exchange();
      up.reply(200, headers);
      up.chunk(Buffer.from(sent, "latin1"));
      await up.resumed();
      up.fail("idle_timeout");
      await outcome;
      await caller.closed;
      assert.deepEqual([caller.body.bytes.toString("latin1"), caller.body.isWhole], [sent, false]);
    }
  });

  it("chat streams and Messages streams in their own shapes", async () => {
    const cases = [
      {
        options: { endpoint: "chat.completions" } as const,
        start: 'data: {"error":{"message":"OpenAI fell silent',
      },
      {
        options: { dialect: "anthropic", policy: { model: "claude-opus-5-5" } } as const,
        start: 'event: error\ndata: {"type":"error","error":{"type":"timeout_error"',
      },
    ];
    for (const { options, start } of cases) {
      const { caller, up } = await bed.exchange(options);
      up.reply(200, sse);
      up.fail("idle_timeout");
      await caller.until("\r\n0\r\n\r\n");
      assert.ok(caller.body.bytes.toString().startsWith(start), caller.body.bytes.toString());
    }
  });

  it("a cut by the provider is never explained away: it stays a cut", async () => {
    const { caller, up } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created);
    up.fail("connection_lost");
    await caller.closed;
    assert.equal(caller.body.bytes.toString(), created);
  });
});

describe("a shutdown", () => {
  it("ends a stream with a reason, a row and no provider call left", async () => {
    const { caller, up, outcome, rows, deps } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created);
    assert.equal(deps.running.size, 1);
    for (const relay of deps.running) relay.stop();
    assert.equal(await outcome, null);
    assert.equal(up.isAborted, true);
    assert.equal(deps.running.size, 0);
    assert.equal(rows[0]?.ending, "stopped");
    await caller.until("\r\n0\r\n\r\n");
    assert.match(caller.body.bytes.toString(), /event: response\.failed\n.*"code":"draining"/);
  });

  it("before a reply is `draining`, with a row", async () => {
    const { outcome, rows, deps } = await bed.exchange();
    for (const relay of deps.running) relay.stop();
    const error = await outcome;
    assert(error instanceof GatewayError);
    assert.deepEqual([error.code, rows[0]?.ending], ["draining", "stopped"]);
  });

  it("while the row of a terminal event is written waits for it, and the caller still gets its end", async () => {
    const row = gate();
    const { caller, up, outcome, deps, rows } = await bed.exchange({ settle: row.settle });
    up.reply(200, sse);
    up.chunk(completed);
    await row.reached;
    for (const relay of deps.running) relay.stop();
    await turns();
    assert.equal(deps.running.size, 1, "not over before its row is written");
    row.open();
    assert.equal(await outcome, null);
    await caller.closed;
    assert.equal(caller.body.bytes.toString(), completed, "the row says that the caller has it");
    assert.deepEqual(
      rows.map((each) => each.reading?.outcome),
      ["ok"],
    );
  });
});
