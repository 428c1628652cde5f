import { createSlabs } from "../slabs.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { CallerGone } from "../caller-gone.ts";
import type { OfferedEndpoint } from "../dialects/dialect.ts";
import { openAiDialect } from "../dialects/openai/dialect.ts";
import { GatewayError } from "../errors.ts";
import type { Authenticated, PolicyFields } from "../exchange.ts";
import { createKeptBytes, type KeptBytes } from "./kept-bytes.ts";
import type { ReceiveLimits } from "./read-body.ts";
import { receive } from "./receive.ts";

// A real server that receives and tells what came of it, and raw requests to it.

/** What came of one request: the error, or the bytes and the fields. */
interface Outcome {
  readonly error: unknown;
  readonly code: string | null;
  readonly param: string | null;
  readonly bytes: Buffer | null;
  readonly contentEncoding: string | null;
  readonly policy: PolicyFields | null;
}

interface Bench {
  readonly keptBytes: KeptBytes;
  /** Opens a connection and writes what is given; more can be written. */
  send(head: string, ...body: readonly (string | Uint8Array)[]): Promise<Socket>;
  /** What came of the next request. */
  outcome(): Promise<Outcome>;
  close(): Promise<void>;
}

interface BenchOptions {
  readonly endpoint?: Partial<Omit<OfferedEndpoint, "policy">>;
  readonly policy?: Partial<OfferedEndpoint["policy"]>;
  readonly ids?: Readonly<Record<string, string>>;
  readonly limits?: Partial<ReceiveLimits>;
  readonly maxKeptBytes?: number;
  /** Told when a request is there, before it is received. */
  readonly onRequest?: () => void;
}

function endpointOf(options: BenchOptions): OfferedEndpoint {
  return {
    offer: "offered",
    name: "chat.completions",
    method: "POST",
    path: "/chat/completions",
    usageReader: null,
    isModelList: false,
    isMedia: false,
    needsIncludeUsage: true,
    makes: "none",
    refersTo: "none",
    modelRefs: "none",
    lists: "none",
    ...options.endpoint,
    policy: {
      modelIn: ["json"],
      isModelRequired: true,
      fields: ["stream", "stream_options", "service_tier", "max_tokens", "max_completion_tokens"],
      notOfferedFields: ["background", "conversation"],
      ...options.policy,
    },
  };
}

function authenticatedOf(
  exchange: {
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly expectsContinue: boolean;
  },
  endpoint: OfferedEndpoint,
  ids: Readonly<Record<string, string>>,
): Authenticated {
  const [path = "", query] = (exchange.request.url ?? "").split("?", 2);
  const call = {
    answerHeaders: [],
    upgrade: null,
    connectionId: null,
    exchangeId: "ex_1",
    receivedAtMs: 0,
    path,
    query: query === undefined ? "" : `?${query}`,
    ...exchange,
  };
  const principal = {
    projectId: "p",
    apiKeyId: "k",
    room: "r",
    participant: "n",
    role: "",
    grants: { room: "r", role: "", llm: { models: null } },
    tokenId: null,
    expiresAtMs: null,
    onDisconnect: null,
  } as unknown as Authenticated["principal"];
  const matched = { call, dialect: openAiDialect, endpoint, endpointPath: endpoint.path, ids };
  return { ...matched, principal, sessionId: null, agentId: null, client: null };
}

const defaultLimits: ReceiveLimits = {
  maxBodyBytes: 1_000_000,
  maxDecodedBytes: 2_000_000,
  bodyIdleTimeoutMs: 30_000,
};

async function startBench(options: BenchOptions = {}): Promise<Bench> {
  const keptBytes = createKeptBytes({ maxBytes: options.maxKeptBytes ?? 10_000_000, maxWaitMs: 5000 });
  const limits = { ...defaultLimits, ...options.limits };
  const endpoint = endpointOf(options);
  const outcomes: Outcome[] = [];
  let wake: () => void = () => undefined;
  const serve = async (
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ): Promise<void> => {
    options.onRequest?.();
    const authenticated = authenticatedOf(
      { request, response, expectsContinue },
      endpoint,
      options.ids ?? {},
    );
    outcomes.push(await outcomeOf(keptBytes, limits, authenticated));
    wake();
    response.writeHead(204, { connection: "close" }).end();
  };
  const server = createServer(
    { highWaterMark: 64 * 1024 },
    (request, response) => void serve(request, response, false),
  );
  server.on("checkContinue", (request, response) => void serve(request, response, true));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    keptBytes,
    async send(head, ...body) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      await once(socket, "connect");
      socket.write(`${head.replaceAll("\n", "\r\n")}\r\nHost: x\r\n\r\n`);
      for (const piece of body) socket.write(piece);
      return socket;
    },
    async outcome() {
      while (outcomes.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return outcomes.shift() as Outcome;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function outcomeOf(
  keptBytes: KeptBytes,
  limits: ReceiveLimits,
  authenticated: Authenticated,
): Promise<Outcome> {
  try {
    const { body, policy } = await receive({ keptBytes, slabs: createSlabs(), limits }, authenticated);
    const bytes = body === null ? null : Buffer.concat([...body.chunks()]);
    const contentEncoding = body?.contentEncoding ?? null;
    body?.release();
    body?.release();
    return { error: null, code: null, param: null, bytes, contentEncoding, policy };
  } catch (error) {
    const known = error instanceof GatewayError ? error : null;
    return {
      error,
      code: known?.code ?? null,
      param: known?.param ?? null,
      bytes: null,
      contentEncoding: null,
      policy: null,
    };
  }
}

async function benchFor(context: TestContext, options?: BenchOptions): Promise<Bench> {
  const bench = await startBench(options);
  context.after(() => bench.close());
  return bench;
}

/** Sends a whole body with its length and tells what came of it; nothing may stay kept. */
async function post(
  bench: Bench,
  body: string | Uint8Array,
  headers = "Content-Type: application/json",
): Promise<Outcome> {
  const bytes = Buffer.from(body);
  const socket = await bench.send(
    `POST /v1/chat/completions HTTP/1.1\n${headers}\nContent-Length: ${bytes.length}`,
    bytes,
  );
  const outcome = await bench.outcome();
  socket.destroy();
  assert.equal(bench.keptBytes.usedBytes, 0, "all room is given back");
  return outcome;
}

async function postChunked(bench: Bench, pieces: readonly Uint8Array[]): Promise<Outcome> {
  const framed = pieces.flatMap((piece) => [
    Buffer.from(`${piece.length.toString(16)}\r\n`),
    piece,
    Buffer.from("\r\n"),
  ]);
  const socket = await bench.send(
    "POST /v1/chat/completions HTTP/1.1\nTransfer-Encoding: chunked",
    Buffer.concat([...framed, Buffer.from("0\r\n\r\n")]),
  );
  const outcome = await bench.outcome();
  socket.destroy();
  assert.equal(bench.keptBytes.usedBytes, 0, "all room is given back");
  return outcome;
}

const hello = '{"model":"gpt-5.5","messages":[]}';

test("keeps the bytes as they came and reads the fields", async (context) => {
  const bench = await benchFor(context);
  const body = ` {"max_tokens":100 ,"max_completion_tokens":50,"mod\\u0065l":"gpt-5.5","stream":true,"service_tier":"flex"}\n`;
  const { bytes, policy, contentEncoding } = await post(bench, body);
  assert.equal(bytes?.toString(), body);
  assert.equal(contentEncoding, "");
  assert.deepEqual(policy, {
    model: "gpt-5.5",
    otherModels: [],
    isStream: true,
    requestedTier: "flex",
    maxOutputTokens: 50,
    inputCharacters: null,
    includeUsage: {
      start: body.indexOf('"stream"'),
      end: body.indexOf('"stream"'),
      text: '"stream_options":{"include_usage":true},',
    },
    hasUnknownModel: false,
    isStored: null,
    isBackground: false,
    isThread: false,
  });
});

test("a chunked body is the same body, in crumbs too", async (context) => {
  const bench = await benchFor(context);
  const body = Buffer.from(`{"model":"m","x":"${"y".repeat(100_000)}"}`);
  const large = await postChunked(bench, [body.subarray(0, 70_000), body.subarray(70_000)]);
  const crumbs = await postChunked(
    bench,
    Array.from({ length: 5000 }, (_, at) => body.subarray(at, at + 1)).concat(body.subarray(5000)),
  );
  assert.deepEqual(large.bytes, body);
  assert.deepEqual(crumbs.bytes, body);
  assert.equal(crumbs.policy?.model, "m");
});

test("a request without a body has none", async (context) => {
  const bench = await benchFor(context, {
    policy: { modelIn: ["path"], fields: [], notOfferedFields: [] },
    ids: { model: "gpt-5.5" },
  });
  const socket = await bench.send("GET /v1/models/gpt-5.5 HTTP/1.1");
  const { bytes, policy } = await bench.outcome();
  assert.equal(bytes, null);
  assert.equal(policy?.model, "gpt-5.5");
  socket.destroy();
});

test("a body that policy has no interest in is kept and not looked into", async (context) => {
  const bench = await benchFor(context, {
    policy: { modelIn: [], isModelRequired: false, fields: [], notOfferedFields: [] },
  });
  assert.equal(
    (await post(bench, "no json", "Content-Type: multipart/form-data")).bytes?.toString(),
    "no json",
  );
});

test("an encoded body is looked into decoded and kept as it came", async (context) => {
  const bench = await benchFor(context);
  const body = '{"stream":true,"model":"gpt-5.5"}';
  const cases = [
    ["gzip", gzipSync(body)],
    ["deflate", deflateSync(body)],
    ["deflate", deflateRawSync(body)],
    ["br", brotliCompressSync(body)],
    ["zstd", zstdCompressSync(body)],
    ["gzip, zstd", zstdCompressSync(gzipSync(body))],
    ["identity", Buffer.from(body)],
  ] as const;
  for (const [encoding, encoded] of cases) {
    const { bytes, policy, contentEncoding, error } = await post(
      bench,
      encoded,
      `Content-Encoding: ${encoding}`,
    );
    assert.equal(error, null, encoding);
    assert.deepEqual(bytes, encoded, encoding);
    assert.equal(contentEncoding, encoding === "identity" ? "" : encoding);
    assert.equal(policy?.model, "gpt-5.5");
    assert.equal(policy?.includeUsage?.start, 1, "the place is one of the decoded body");
  }
});

test("an encoded body that is cut, longer than its stream, unknown or a bomb is refused", async (context) => {
  const bench = await benchFor(context);
  const gzip = gzipSync(hello);
  assert.equal((await post(bench, gzip.subarray(0, -3), "Content-Encoding: gzip")).code, "invalid_body");
  assert.equal(
    (await post(bench, Buffer.concat([gzip, Buffer.from("x")]), "Content-Encoding: gzip")).code,
    "invalid_body",
  );
  assert.equal((await post(bench, hello, "Content-Encoding: gzip")).code, "invalid_body");
  assert.equal((await post(bench, gzip, "Content-Encoding: sdch")).code, "unsupported_encoding");
  assert.equal(
    (await post(bench, gzip, "Content-Encoding: gzip\nContent-Encoding: gzip")).code,
    "invalid_body",
    "two lines are a stack",
  );
  const bomb = zstdCompressSync(Buffer.alloc(2_000_001, " "));
  assert.equal((await post(bench, bomb, "Content-Encoding: zstd")).code, "request_too_large");
});

test("a length over the cap is refused before a byte is read, an unknown length when it gets there", async (context) => {
  const bench = await benchFor(context, { limits: { maxBodyBytes: 1000 } });
  const socket = await bench.send("POST /v1/chat/completions HTTP/1.1\nContent-Length: 1001");
  assert.equal((await bench.outcome()).code, "request_too_large");
  socket.destroy();
  const exact = Buffer.from(hello.padEnd(1000));
  assert.equal((await post(bench, exact)).error, null);
  assert.equal((await postChunked(bench, [exact])).error, null);
  assert.equal((await postChunked(bench, [exact, Buffer.from(" ")])).code, "request_too_large");
});

test("Expect: 100-continue is answered right before the body is read, and not when it is refused", async (context) => {
  const bench = await benchFor(context, { limits: { maxBodyBytes: 1000 } });
  const head = "POST /v1/chat/completions HTTP/1.1\nExpect: 100-continue\nContent-Length: ";
  const socket = await bench.send(head + hello.length);
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.equal(answer.toString(), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.write(hello);
  assert.equal((await bench.outcome()).policy?.model, "gpt-5.5");
  const refused = await bench.send(head + 1001);
  const [refusal] = (await once(refused, "data")) as [Buffer];
  assert.match(refusal.toString(), /^HTTP\/1.1 204 /, "what the test's server says after a refusal");
  assert.equal((await bench.outcome()).code, "request_too_large");
});

test("a body that stops arriving times out, one that trickles does not", async (context) => {
  const bench = await benchFor(context, { limits: { bodyIdleTimeoutMs: 150 } });
  const stopped = await bench.send(
    `POST /v1/chat/completions HTTP/1.1\nContent-Length: ${hello.length}`,
    hello.slice(0, 10),
  );
  const { code, error } = await bench.outcome();
  assert.equal(code, "request_timeout");
  assert.ok(error instanceof GatewayError && error.isRetryable);
  assert.equal(bench.keptBytes.usedBytes, 0);
  stopped.destroy();
  const trickle = await bench.send(`POST /v1/chat/completions HTTP/1.1\nContent-Length: ${hello.length}`);
  const startedAt = Date.now();
  let sent = 0;
  const timer = setInterval(() => {
    trickle.write(hello.slice(sent, sent + 2));
    sent += 2;
    if (sent >= hello.length) clearInterval(timer);
  }, 20);
  assert.equal((await bench.outcome()).error, null);
  assert.ok(Date.now() - startedAt > 150, "it took longer than one pause may");
});

test("a caller that leaves inside its body is gone, not wrong", async (context) => {
  const bench = await benchFor(context);
  for (const head of ["Content-Length: 100", "Transfer-Encoding: chunked"]) {
    const socket = await bench.send(
      `POST /v1/chat/completions HTTP/1.1\n${head}`,
      head.startsWith("T") ? '5\r\n{"mod' : '{"mod',
    );
    socket.end();
    const { error } = await bench.outcome();
    assert.ok(error instanceof CallerGone, `${head}: ${String(error)}`);
    assert.equal(bench.keptBytes.usedBytes, 0);
  }
});

test("bodies wait for room, and get it when another ends; who leaves meanwhile is gone", async (context) => {
  let requests = 0;
  let arrived: () => void = () => undefined;
  const onRequest = (): void => {
    requests++;
    arrived();
  };
  const bench = await benchFor(context, { maxKeptBytes: 100, onRequest });
  const until = async (count: number): Promise<void> => {
    while (requests < count) await new Promise<void>((resolve) => (arrived = resolve));
  };
  const body = hello.padEnd(80);
  const head = "POST /v1/chat/completions HTTP/1.1\nContent-Length: 80";
  const first = await bench.send(head, body.slice(0, 40));
  await until(1);
  const leaving = await bench.send(head, body);
  await until(2);
  const second = await bench.send(head, body);
  await until(3);
  assert.equal(bench.keptBytes.usedBytes, 80);
  leaving.resetAndDestroy();
  assert.ok((await bench.outcome()).error instanceof CallerGone);
  first.write(body.slice(40));
  assert.equal((await bench.outcome()).bytes?.toString(), body);
  assert.equal((await bench.outcome()).bytes?.toString(), body);
  assert.equal(bench.keptBytes.usedBytes, 0);
  second.destroy();
});

test("a body of unknown length is refused at once when there is no room", async (context) => {
  const bench = await benchFor(context, { maxKeptBytes: 100 });
  const { code, error } = await postChunked(bench, [Buffer.from(hello.padEnd(101))]);
  assert.equal(code, "overloaded");
  assert.ok(error instanceof GatewayError && error.retryAfterS !== null);
});

test("what is read as JSON whatever its type, and what is not", async (context) => {
  const json = await benchFor(context);
  for (const type of [
    "Accept: */*",
    "Content-Type: text/plain",
    "Content-Type: application/x-www-form-urlencoded",
    "Content-Type: application/json; charset=utf-8",
  ]) {
    assert.equal((await post(json, hello, type)).policy?.model, "gpt-5.5", type);
  }
  for (const type of [
    "Content-Type: multipart/form-data; boundary=B",
    "Content-Type: application/json; charset=utf-16",
    'Content-Type: application/json; charset="utf-7"',
    "Content-Type: application/json\nContent-Type: multipart/form-data; boundary=B",
  ]) {
    assert.equal((await post(json, hello, type)).code, "invalid_body", type);
  }
  const form = await benchFor(context, { policy: { modelIn: ["form"] } });
  const body = '--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--B--\r\n';
  assert.equal(
    (await post(form, body, "Content-Type: multipart/form-data; boundary=B")).policy?.model,
    "whisper-1",
  );
  assert.equal(
    (await post(form, "model=a&stream=True", "Content-Type: application/x-www-form-urlencoded")).policy
      ?.isStream,
    true,
  );
  assert.equal((await post(form, hello)).code, "invalid_body");
  const both = await benchFor(context, { policy: { modelIn: ["form", "json"] } });
  assert.equal((await post(both, hello)).policy?.model, "gpt-5.5");
  assert.equal(
    (await post(both, "model=a", "Content-Type: application/x-www-form-urlencoded")).policy?.model,
    "a",
  );
});
