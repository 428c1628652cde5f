import assert from "node:assert/strict";
import { once } from "node:events";
import { BlockList, connect, type Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import { anthropicDialect } from "../dialects/anthropic/dialect.ts";
import { openAiDialect } from "../dialects/openai/dialect.ts";
import { GatewayError } from "../errors.ts";
import type { Matched } from "../exchange.ts";
import { RawCaller, turns } from "../forward/relay-harness.ts";
import { createDialectTable } from "../match/match.ts";
import type { LogFields } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { createSlabs } from "../slabs.ts";
import { CallerGone } from "../caller-gone.ts";
import { isLoopback } from "./caller-address.ts";
import { createServer, type GatewayServer, type ServerDeps, type ServerSettings } from "./server.ts";

interface Bed {
  readonly server: GatewayServer;
  readonly port: number;
  readonly logged: readonly (LogFields & { readonly message: string })[];
  readonly metrics: () => string;
}

const open: { close(): void }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) each.close();
});

async function start(deps: Partial<ServerDeps> = {}, settings: Partial<ServerSettings> = {}): Promise<Bed> {
  const logged: (LogFields & { message: string })[] = [];
  const log = (message: string, fields: LogFields = {}): void => void logged.push({ ...fields, message });
  const metrics = createMetrics({
    runningExchanges: () => 0,
    keptBytes: () => 0,
    drains: () => 0,
    sockets: () => 0,
    waiting: () => 0,
    droppedLogLines: () => 0,
  });
  const server = createServer({
    clock: { now: () => Date.UTC(2026, 10, 23) },
    log: { debug: log, info: log, warn: log, error: log },
    metrics,
    slabs: createSlabs(),
    renderMetrics: async () => metrics.render(),
    table: createDialectTable([openAiDialect, anthropicDialect]),
    defaultDialect: openAiDialect,
    runExchange: async ({ call }) => void call.response.end("exchanged"),
    api: { handle: (_request, response) => void response.end("api") },
    health: { checkStore: async () => {}, hasProvider: async () => true },
    runSocket: async ({ call }) => void call.response.end("a socket"),
    sockets: new Set(),
    running: new Set(),
    settings: {
      host: "127.0.0.1",
      port: 0,
      tls: null,
      corsOrigins: [],
      trustedProxies: new BlockList(),
      metrics: "loopback",
      callerKeepAliveMs: 60_000,
      shutdownTimeoutMs: 30,
      ...settings,
    },
    ...deps,
  });
  const port = await server.listen();
  open.push({ close: () => void server.drain() });
  return { server, port, logged, metrics: metrics.render };
}

function caller(bed: Bed): RawCaller {
  const socket: Socket = connect(bed.port, "127.0.0.1");
  open.push({ close: () => socket.destroy() });
  return new RawCaller(socket);
}

/** One request on a connection of its own; what came back, as text. */
async function ask(bed: Bed, head: string, ...lines: readonly string[]): Promise<string> {
  const { socket, ...raw } = { socket: caller(bed) };
  void raw;
  socket.socket.write([`${head} HTTP/1.1`, "host: gw", "connection: close", ...lines, "", ""].join("\r\n"));
  await socket.closed;
  return socket.text;
}

const statusOf = (reply: string): number => Number(reply.slice(9, 12));
const bodyOf = (reply: string): string => reply.slice(reply.indexOf("\r\n\r\n") + 4);

describe("the table of mounts", () => {
  it("hands each request to whoever owns its path", async () => {
    const bed = await start();
    assert.match(bodyOf(await ask(bed, "POST /openai/v1/responses")), /exchanged/);
    for (const path of ["/accounts", "/accounts/projects?x", "/openapi.json"]) {
      assert.match(bodyOf(await ask(bed, `GET ${path}`)), /api/, path);
    }
    assert.equal(bodyOf(await ask(bed, "GET /healthz")), '{"status":"ok"}');
    assert.equal(bodyOf(await ask(bed, "GET /readyz?x")), '{"status":"ready"}');
    assert.match(bodyOf(await ask(bed, "GET /")), /\/openai\/v1.*\/anthropic/);
  });

  it("what nobody owns is 404 in the shape that most clients read, with `x-should-retry: false`", async () => {
    const bed = await start();
    for (const target of ["/nothing", "/openai", "/accountsx", "http://127.0.0.1/openai/v1/models"]) {
      const reply = await ask(bed, `GET ${target}`);
      assert.equal(statusOf(reply), 404, target);
      assert.match(reply, /x-should-retry: false\r\n/);
      assert.match(reply, /x-request-id: ex_/);
      assert.match(bodyOf(reply), /"code":"unknown_endpoint"/);
    }
  });

  it("gives a call its id, its path and query as they came, and notices who waits for a go-ahead", async () => {
    const seen: Matched[] = [];
    const bed = await start({
      runExchange: async (matched) => {
        seen.push(matched);
        matched.call.response.end("done");
      },
    });
    await ask(bed, "GET /openai/v1/models/gpt-5.5?a=%2F&b=?c");
    await ask(bed, "POST /v1/responses", "expect: 100-continue", "content-length: 0");
    assert.deepEqual(
      seen.map(({ call, ids }) => [call.path, call.query, call.expectsContinue, ids]),
      [
        ["/openai/v1/models/gpt-5.5", "?a=%2F&b=?c", false, { model: "gpt-5.5" }],
        ["/v1/responses", "", true, {}],
      ],
    );
    const [first, second] = seen;
    assert.notEqual(first?.call.exchangeId, second?.call.exchangeId);
    assert.deepEqual(first?.call.answerHeaders, [["x-meshagent-exchange-id", first?.call.exchangeId]]);
  });
});

describe("refusals", () => {
  it("are rendered in the caller's dialect, carry the exchange's id, and are counted and logged", async () => {
    const bed = await start({
      runExchange: () =>
        Promise.reject(
          new GatewayError("budget_held", "Wait.", { retryAfterS: 3, cause: new Error("inner") }),
        ),
    });
    const openAi = await ask(bed, "POST /openai/v1/responses");
    const id = /x-meshagent-exchange-id: (ex_\w+)/.exec(openAi)?.[1];
    assert.equal(statusOf(openAi), 429);
    assert.match(openAi, new RegExp(`x-request-id: ${id}\r\n`));
    assert.match(openAi, /retry-after: 3\r\n/);
    assert.doesNotMatch(openAi, /x-should-retry/);
    assert.deepEqual(JSON.parse(bodyOf(openAi)), {
      error: { message: "Wait.", type: "rate_limit_error", param: null, code: "budget_held" },
    });
    const anthropic = await ask(bed, "POST /anthropic/v1/messages");
    assert.match(anthropic, /request-id: ex_/);
    assert.match(bodyOf(anthropic), /^\{"type":"error","error":\{"type":"rate_limit_error"/);
    assert.match(bed.metrics(), /meshagent_refused_total\{dialect="openai",code="budget_held"\} 1/);
    assert.deepEqual(bed.logged[0], {
      message: "a request was refused",
      exchange_id: id,
      code: "budget_held",
      method: "POST",
      path: "/openai/v1/responses",
      caller: "127.0.0.1",
      reason: "Wait.",
      cause: "inner",
    });
  });

  it("a fault of ours tells its reader nothing but where to look, and its log everything", async () => {
    const bed = await start({ runExchange: () => Promise.reject(new Error("sk-inner detail")) });
    for (const [path, status] of [
      ["/openai/v1/responses", 502],
      ["/anthropic/v1/messages", 500],
    ] as const) {
      const reply = await ask(bed, `POST ${path}`);
      assert.equal(statusOf(reply), status);
      assert.doesNotMatch(reply, /sk-inner/);
      assert.match(bodyOf(reply), /ex_/);
    }
    assert.deepEqual(
      [bed.logged[0]?.message, bed.logged[0]?.["cause"]],
      ["an exchange failed", "sk-inner detail"],
    );
  });

  it("a caller that is gone is told nothing, and is no error", async () => {
    const bed = await start({
      runExchange: async ({ call }) => {
        call.request.socket.destroy();
        throw new CallerGone();
      },
    });
    assert.equal(await ask(bed, "POST /openai/v1/responses"), "");
    assert.deepEqual(bed.logged, []);
  });

  it("404 and 501 come in the dialect's shape before a credential is asked for", async () => {
    const bed = await start({ runExchange: () => assert.fail("ran") });
    const unknown = await ask(bed, "POST /anthropic/v1/nothing");
    assert.equal(statusOf(unknown), 404);
    assert.match(bodyOf(unknown), /"type":"not_found_error"/);
    assert.match(unknown, /x-should-retry: false/);
    assert.equal(statusOf(await ask(bed, "POST /openai/v1/realtime/client_secrets")), 501);
  });
});

describe("probes, preflights and upgrades", () => {
  it("HEAD is 200 and forwards nothing", async () => {
    const bed = await start({ runExchange: () => assert.fail("ran") });
    for (const path of ["/anthropic/api/hello", "/openai/v1/responses", "/v1"]) {
      const reply = await ask(bed, `HEAD ${path}`);
      assert.equal(statusOf(reply), 200, path);
      assert.equal(bodyOf(reply), "");
    }
  });

  it("a preflight is answered here, and allows only who is allowed", async () => {
    const asking = ["origin: https://app.example", "access-control-request-headers: authorization"];
    const closed = await ask(await start(), "OPTIONS /openai/v1/responses", ...asking);
    assert.equal(statusOf(closed), 204);
    assert.doesNotMatch(closed, /access-control/);
    const bed = await start({}, { corsOrigins: ["https://app.example"] });
    const opened = await ask(bed, "OPTIONS /openai/v1/responses", ...asking);
    assert.match(opened, /access-control-allow-origin: https:\/\/app\.example\r\n/);
    assert.match(opened, /access-control-allow-headers: authorization\r\n/);
    const refused = await ask(bed, "POST /openai/v1/nothing", "origin: https://app.example");
    assert.match(
      refused,
      /access-control-allow-origin: https:\/\/app\.example\r\n/,
      "a page can read the error",
    );
  });

  it("an upgrade runs as a socket where one is offered, is 426 where one is not yet, and 501 elsewhere", async () => {
    const bed = await start({
      runExchange: () => assert.fail("ran"),
      runSocket: ({ endpoint }) =>
        Promise.reject(new GatewayError("overloaded", `A socket: ${endpoint.name}.`)),
    });
    const socket = async (path: string, key = "AAAAAAAAAAAAAAAAAAAAAA=="): Promise<string> => {
      const upgrade = ["upgrade: websocket", "sec-websocket-version: 13", `sec-websocket-key: ${key}`];
      const raw = caller(bed);
      raw.socket.write(
        [`GET ${path} HTTP/1.1`, "host: gw", "connection: Upgrade", ...upgrade, "", ""].join("\r\n"),
      );
      await raw.until("\r\n\r\n{");
      return raw.text;
    };
    for (const [path, name] of [
      ["/openai/v1/responses", "responses"],
      ["/v1/realtime?model=m", "realtime"],
    ] as const) {
      const reply = await socket(path);
      assert.equal(statusOf(reply), 503, path);
      assert.ok(reply.includes(`A socket: ${name}.`), reply);
      // A plain reply on a connection that nobody speaks HTTP on any more.
      assert.match(reply, /connection: close\r\n/i);
    }
    // 426 is what lets Codex fall back at once and silently.
    const later = await socket("/openai/v1/live/sessions");
    assert.equal(statusOf(later), 426);
    assert.match(later, /x-should-retry: false/);
    const broken = await socket("/openai/v1/responses", "x");
    assert.equal(statusOf(broken), 400);
    assert.match(broken, /`sec-websocket-key` is not 16 bytes in base64/);
    assert.equal(statusOf(await socket("/openai/v1/models")), 501);
  });

  it("an offer of another protocol is not taken, and the request is served", async () => {
    const reply = await ask(
      await start(),
      "POST /openai/v1/responses",
      "connection: Upgrade, HTTP2-Settings",
      "upgrade: h2c",
      "content-length: 0",
    );
    assert.equal(statusOf(reply), 200);
    assert.equal(bodyOf(reply), "exchanged");
  });

  it("an expectation that nobody understands is 417", async () => {
    assert.equal(
      statusOf(await ask(await start(), "POST /openai/v1/responses", "expect: tea", "content-length: 0")),
      417,
    );
  });
});

describe("what is no HTTP", () => {
  it("is 400, and a head that is too large 431, and the connection ends", async () => {
    const bed = await start();
    for (const [bytes, status] of [
      ["nonsense\r\n\r\n", 400],
      [
        "POST /openai/v1/responses HTTP/1.1\r\nhost: gw\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        400,
      ],
      [`GET / HTTP/1.1\r\nhost: gw\r\nx: ${"y".repeat(70_000)}\r\n\r\n`, 431],
    ] as const) {
      const raw = caller(bed);
      raw.socket.write(bytes);
      await raw.closed;
      assert.equal(statusOf(raw.text), status);
    }
  });

  it("does not write into the middle of a reply", async () => {
    const bed = await start({
      runExchange: ({ call }) => {
        call.response.writeHead(200, ["content-type", "text/event-stream"]);
        call.response.write("data: 1\n\n");
        return new Promise((resolve) => call.response.once("close", resolve));
      },
    });
    const raw = caller(bed);
    raw.socket.write("GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n");
    await raw.until("data: 1\n\n");
    raw.socket.write("nonsense\r\n\r\n");
    await raw.closed;
    assert.doesNotMatch(raw.text, /400 Bad/);
  });

  it("takes headers as large as clients and proxies send", async () => {
    assert.match(
      await ask(await start(), "POST /openai/v1/responses", `x: ${"y".repeat(40_000)}`),
      /exchanged/,
    );
  });
});

describe("/metrics", () => {
  it("for callers on this machine, or as the operator says", async () => {
    assert.match(
      await ask(await start(), "GET /metrics"),
      /text\/plain; version=0\.0\.4[\s\S]*process_resident_memory_bytes \d+\n/,
    );
    assert.equal(statusOf(await ask(await start({}, { metrics: "off" }), "GET /metrics")), 404);
    assert.equal(statusOf(await ask(await start({}, { metrics: "on" }), "GET /metrics")), 200);
  });

  it("is not for those whom a proxy on this machine speaks for, unless it is trusted and they are on it, too", async () => {
    const trustedProxies = new BlockList();
    trustedProxies.addAddress("127.0.0.1");
    const asked = async (forwarded: string, settings: Partial<ServerSettings> = {}): Promise<number> =>
      statusOf(await ask(await start({}, settings), `GET /metrics`, `X-Forwarded-For: ${forwarded}`));
    assert.equal(await asked("1.2.3.4"), 404);
    assert.equal(await asked("127.0.0.1"), 404, "anybody can write that");
    assert.equal(await asked("1.2.3.4", { trustedProxies }), 404);
    assert.equal(await asked("127.0.0.1", { trustedProxies }), 200);
    assert.equal(await asked("1.2.3.4", { metrics: "on" }), 200);
  });

  it("knows a loopback address", () => {
    for (const address of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
      assert.equal(isLoopback(address), true, address);
    for (const address of [
      "10.0.0.1",
      "0.0.0.0",
      "::",
      "::ffff:10.0.0.1",
      "128.0.0.1",
      "1270.0.0.1",
      "",
      undefined,
      "127.evil.example",
    ]) {
      assert.equal(isLoopback(address), false, String(address));
    }
  });
});

describe("a shutdown", () => {
  it("takes no new exchange, lets a running one finish, and answers probes while it does", async () => {
    const started = Promise.withResolvers<Matched>();
    const finish = Promise.withResolvers<void>();
    const bed = await start(
      {
        runExchange: async (matched) => {
          started.resolve(matched);
          await finish.promise;
          matched.call.response.end("finished");
        },
      },
      { shutdownTimeoutMs: 10_000 },
    );
    const running = caller(bed);
    const waiting = caller(bed);
    await once(waiting.socket, "connect");
    // A connection that is in use stays: its next request is refused in words.
    running.socket.write("POST /v1/responses HTTP/1.1\r\nhost: gw\r\n\r\n");
    waiting.socket.write("GET /readyz HTTP/1.1\r\nhost: gw\r\n");
    await started.promise;
    let isDrained = false;
    const drained = bed.server.drain().then(() => (isDrained = true));
    waiting.socket.write("\r\n");
    await waiting.until("draining");
    assert.equal(statusOf(waiting.text), 503);
    assert.equal(isDrained, false);
    finish.resolve();
    await running.until("finished");
    await drained;
  });

  it("stops what begins to run after its bound, too", async () => {
    const running = new Set<{ stop(): void }>();
    const received = Promise.withResolvers<void>();
    const bound = Promise.withResolvers<void>();
    const stopped: string[] = [];
    const bed = await start({
      running,
      runExchange: async ({ call }) => {
        running.add({ stop: bound.resolve });
        received.resolve();
        await bound.promise;
        // A body that was still on its way at the bound has come: only now there is something to stop.
        const done = Promise.withResolvers<void>();
        running.add({
          stop: () => {
            stopped.push("late");
            call.response.destroy();
            done.resolve();
          },
        });
        await done.promise;
      },
    });
    const raw = caller(bed);
    raw.socket.write("POST /v1/responses HTTP/1.1\r\nhost: gw\r\n\r\n");
    await received.promise;
    await bed.server.drain();
    assert.deepEqual(stopped, ["late"]);
  });

  it("stops what outlives its bound", async () => {
    const started = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const bed = await start({
      running: new Set([{ stop: () => stopped.resolve() }]),
      runExchange: async ({ call }) => {
        started.resolve();
        await stopped.promise;
        call.response.end("stopped");
      },
    });
    const raw = caller(bed);
    raw.socket.write("POST /v1/responses HTTP/1.1\r\nhost: gw\r\n\r\n");
    await started.promise;
    await bed.server.drain();
    await raw.until("stopped");
  });

  it("lets a slow caller take the rest of a reply whose exchange is over", async () => {
    const length = 16 * 1024 * 1024;
    const ended = Promise.withResolvers<void>();
    const bed = await start(
      {
        runExchange: async ({ call }) => {
          call.response.end(Buffer.alloc(length));
          ended.resolve();
        },
      },
      { shutdownTimeoutMs: 10_000 },
    );
    const raw = caller(bed);
    raw.socket.pause();
    raw.socket.write("POST /v1/responses HTTP/1.1\r\nhost: gw\r\n\r\n");
    await ended.promise;
    const drained = bed.server.drain();
    await turns();
    raw.socket.resume();
    await raw.closed;
    assert.equal(raw.body.bytes.length, length);
    await drained;
  });

  it("a second drain does no harm, and nobody can connect after it", async () => {
    const bed = await start();
    await bed.server.drain();
    await bed.server.drain();
    assert.equal(await caller(bed).closed, "ECONNREFUSED");
  });
});

describe("listening", () => {
  it("rejects when the port is taken", async () => {
    const bed = await start();
    await assert.rejects(start({}, { port: bed.port }), { code: "EADDRINUSE" });
  });
});
