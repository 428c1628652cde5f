/** The fake provider itself: what it records, counts, scripts and books. A test bed that lies proves nothing. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { connect } from "node:net";
import { test, type TestContext } from "node:test";
import { spawnFakeProvider } from "./fake-provider-process.ts";
import { startFakeProvider, type FakeProvider, type FakeProviderOptions } from "./fake-provider.ts";
import { rawChunk, rawHead, rawJson, rawLastChunk } from "./raw-reply.ts";

async function start(context: TestContext, options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const fake = await startFakeProvider(options);
  context.after(() => fake.close());
  return fake;
}

interface Answer {
  readonly response: IncomingMessage;
  readonly text: string;
}

/** One request over node:http, whose parser is strict about framing. Rejects when the reply is cut. */
async function ask(url: string, options: RequestOptions & { readonly body?: string } = {}): Promise<Answer> {
  const { body, ...rest } = options;
  const request = httpRequest(url, { method: body === undefined ? "GET" : "POST", ...rest });
  request.end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { response, text: Buffer.concat(chunks).toString() };
}

function chatBody(text: string, stream = false): string {
  return JSON.stringify({ model: "gpt-5.5", stream, messages: [{ role: "user", content: text }] });
}

/** Everything that comes back on a bare socket until the peer ends it. */
async function askRaw(fake: FakeProvider, bytes: string): Promise<{ text: string; error: string | null }> {
  const socket = connect(Number(new URL(fake.origin).port), "127.0.0.1");
  let text = "";
  let error: string | null = null;
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", (fault: NodeJS.ErrnoException) => {
    error = fault.code ?? "";
  });
  socket.write(bytes);
  await new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
  });
  return { text, error };
}

const GET = "GET /x HTTP/1.1\r\nhost: fake\r\n\r\n";

test("a request is recorded as it came: path, header lines, exact bytes and their hash", async (context) => {
  const fake = await start(context);
  const body = chatBody("grüße 😀");
  const headers = { "X-Twice": ["a", "b"], "Content-Type": "application/json" };
  await ask(`${fake.openaiBaseUrl}/chat/completions?a=1&b`, { headers, body });
  const recorded = fake.requests[0];
  assert.equal(recorded?.method, "POST");
  assert.equal(recorded?.path, "/openai/v1/chat/completions?a=1&b");
  assert.deepEqual(
    recorded?.headers.filter(([name]) => name === "X-Twice"),
    [
      ["X-Twice", "a"],
      ["X-Twice", "b"],
    ],
  );
  assert.equal(recorded?.body.toString(), body);
  assert.equal(recorded?.sha256, createHash("sha256").update(body).digest("hex"));
  assert.equal(recorded?.isComplete, true);
});

test("both dialects are answered, below their prefix and by their own path", async (context) => {
  const fake = await start(context);
  const openai = JSON.parse((await ask(`${fake.openaiBaseUrl}/models`)).text) as { object: string };
  const anthropic = JSON.parse((await ask(`${fake.anthropicBaseUrl}/v1/models`)).text) as {
    has_more: boolean;
  };
  const headers = { "anthropic-version": "2023-06-01" };
  const bare = JSON.parse((await ask(`${fake.origin}/v1/models`, { headers })).text) as { has_more: boolean };
  assert.deepEqual([openai.object, anthropic.has_more, bare.has_more], ["list", false, false]);
});

test("connections are counted, kept ones once", async (context) => {
  const fake = await start(context);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  context.after(() => agent.destroy());
  await ask(`${fake.openaiBaseUrl}/models`, { agent });
  await ask(`${fake.openaiBaseUrl}/models`, { agent });
  await ask(`${fake.openaiBaseUrl}/models`, { agent: false });
  assert.equal(fake.connections, 2);
  assert.deepEqual(
    fake.requests.map((request) => request.connection),
    [1, 1, 2],
  );
});

test("a key is asked for when one is set, in either header", async (context) => {
  const fake = await start(context, { apiKey: "sk-right" });
  const status = async (headers: Record<string, string>): Promise<number | undefined> =>
    (await ask(`${fake.openaiBaseUrl}/models`, { headers })).response.statusCode;
  assert.equal(await status({}), 401);
  assert.equal(await status({ authorization: "Bearer sk-wrong" }), 401);
  assert.equal(await status({ authorization: "Bearer sk-right" }), 200);
  assert.equal(await status({ "x-api-key": "sk-right" }), 200);
});

test("the books hold what was billed and that it was written", async (context) => {
  const fake = await start(context);
  const { text } = await ask(`${fake.openaiBaseUrl}/chat/completions`, { body: chatBody("hi") });
  await ask(`${fake.openaiBaseUrl}/models`);
  await fake.untilIdle();
  const reply = JSON.parse(text) as { id: string; usage: object };
  assert.deepEqual(
    fake.books.map((entry) => [entry.bill?.responseId ?? null, entry.state]),
    [
      [reply.id, "complete"],
      [null, "complete"],
    ],
  );
  assert.deepEqual(fake.books[0]?.bill?.usage, reply.usage);
});

test("a reply that is cut, or left by its caller, is broken in the books", async (context) => {
  const fake = await start(context);
  const cut = ask(`${fake.openaiBaseUrl}/chat/completions`, { body: chatBody("[[simulate: cut]]", true) });
  await assert.rejects(cut, { code: "ECONNRESET" });
  const left = httpRequest(`${fake.openaiBaseUrl}/chat/completions`, { method: "POST" });
  left.on("error", () => {});
  left.end(chatBody("[[simulate: stall]]", true));
  await once(left, "response");
  assert.deepEqual(
    fake.books.map((entry) => entry.state),
    ["broken", "writing"],
  );
  left.destroy();
  await fake.untilIdle();
  assert.deepEqual(
    fake.books.map((entry) => entry.state),
    ["broken", "broken"],
  );
});

test("the header goes out at once, also when the body is silent", async (context) => {
  const fake = await start(context);
  const request = httpRequest(`${fake.openaiBaseUrl}/chat/completions`, { method: "POST" });
  request.on("error", () => {});
  request.end(chatBody("[[simulate: slow 10m]]", true));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  request.destroy();
});

test("replies can be written in pieces that split everything", async (context) => {
  const whole = await start(context);
  const split = await start(context, { pieceBytes: 7 });
  const clean = (text: string): string => text.replace(/"(created|created_at)":\d+/g, "");
  const body = chatBody("grüße 😀", true);
  const one = await ask(`${whole.openaiBaseUrl}/chat/completions`, { body });
  const other = await ask(`${split.openaiBaseUrl}/chat/completions`, { body });
  assert.equal(clean(one.text), clean(other.text));
});

test("untilRequests waits for requests that come later", async (context) => {
  const fake = await start(context);
  const waiting = fake.untilRequests(2);
  await Promise.all([ask(`${fake.openaiBaseUrl}/models`), ask(`${fake.openaiBaseUrl}/models`)]);
  await waiting;
  assert.equal(fake.requests.length, 2);
});

test("a scripted reply is the exact bytes, and the connection serves on", async (context) => {
  const fake = await start(context);
  fake.script(() => ({
    pieces: [
      "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
      rawHead(
        207,
        [
          ["Transfer-Encoding", "chunked"],
          ["X-Odd", "1"],
          ["X-Odd", "2"],
        ],
        "Some Reason",
      ),
      rawChunk("abc"),
      rawChunk(Buffer.from([0, 255])),
      rawLastChunk([["x-trailer", "t"]]),
    ],
    end: "keep",
  }));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  context.after(() => agent.destroy());
  const { response, text } = await ask(`${fake.origin}/anything`, { agent });
  assert.deepEqual([response.statusCode, response.statusMessage], [207, "Some Reason"]);
  assert.deepEqual(response.rawHeaders, ["Transfer-Encoding", "chunked", "X-Odd", "1", "X-Odd", "2"]);
  assert.deepEqual(response.trailers, { "x-trailer": "t" });
  assert.equal(text.slice(0, 3), "abc");
  fake.script(() => rawJson(200, '{"n":2}'));
  assert.equal((await ask(`${fake.origin}/anything`, { agent })).text, '{"n":2}');
  fake.script(null);
  assert.equal((await ask(`${fake.openaiBaseUrl}/models`, { agent })).response.statusCode, 200);
  assert.equal(fake.connections, 1);
});

test("a script may answer some requests and leave the others", async (context) => {
  const fake = await start(context);
  fake.script((request) => (request.path === "/mine" ? rawJson(418, "{}") : null));
  assert.equal((await ask(`${fake.origin}/mine`)).response.statusCode, 418);
  assert.equal((await ask(`${fake.openaiBaseUrl}/models`)).response.statusCode, 200);
});

test("a close-framed reply ends with the connection", async (context) => {
  const fake = await start(context);
  fake.script(() => ({ pieces: [rawHead(200, [["connection", "close"]]), "to the end"], end: "close" }));
  assert.deepEqual(await askRaw(fake, GET), {
    text: "HTTP/1.1 200 Raw\r\nconnection: close\r\n\r\nto the end",
    error: null,
  });
});

test("a reset is a reset, and waits for what it is told to wait for", async (context) => {
  const fake = await start(context);
  const gate = Promise.withResolvers<void>();
  fake.script(() => ({
    pieces: [rawHead(200, [["content-length", "9"]]), { until: gate.promise }],
    end: "reset",
  }));
  const asked = askRaw(fake, GET);
  await fake.untilRequests(1);
  gate.resolve();
  assert.equal((await asked).error, "ECONNRESET");
});

test("a reply that never comes leaves the connection open until it is reset", async (context) => {
  const fake = await start(context);
  fake.script(() => ({ pieces: [], end: "hang" }));
  const asked = askRaw(fake, GET);
  await fake.untilRequests(1);
  assert.equal(fake.openConnections, 1);
  fake.resetConnections();
  assert.deepEqual(await asked, { text: "", error: "ECONNRESET" });
});

test("a reply at the head does not wait for the body", async (context) => {
  const fake = await start(context);
  fake.scriptAtHead(() => ({
    pieces: [
      rawHead(413, [
        ["content-length", "0"],
        ["connection", "close"],
      ]),
    ],
    end: "close",
  }));
  const { text } = await askRaw(
    fake,
    "POST /x HTTP/1.1\r\nhost: fake\r\ncontent-length: 1000000\r\n\r\nonly this",
  );
  assert.match(text, /^HTTP\/1\.1 413 /);
  assert.equal(fake.requests[0]?.isComplete, false);
});

test("a body that breaks off is recorded as incomplete and gets no answer", async (context) => {
  const fake = await start(context);
  const socket = connect(Number(new URL(fake.origin).port), "127.0.0.1");
  socket.on("error", () => {});
  socket.end("POST /x HTTP/1.1\r\nhost: fake\r\ncontent-length: 100\r\n\r\nhalf");
  await fake.untilRequests(1);
  await fake.untilIdle();
  assert.deepEqual([fake.requests[0]?.isComplete, fake.requests[0]?.body.toString()], [false, "half"]);
  assert.equal(fake.books.length, 0);
  socket.destroy();
});

test("an upgrade is refused with 426, or scripted", async (context) => {
  const fake = await start(context);
  const upgrade = "GET /x HTTP/1.1\r\nhost: fake\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
  assert.match((await askRaw(fake, upgrade)).text, /^HTTP\/1\.1 426 Upgrade Required\r\n/);
  fake.script(() => ({ pieces: [rawHead(404, [])], end: "close" }));
  assert.match((await askRaw(fake, upgrade)).text, /^HTTP\/1\.1 404 /);
});

test("expect: 100-continue gets its go-ahead before the body", async (context) => {
  const fake = await start(context);
  const request = httpRequest(`${fake.openaiBaseUrl}/chat/completions`, {
    method: "POST",
    headers: { expect: "100-continue" },
  });
  request.flushHeaders();
  await once(request, "continue");
  request.end(chatBody("hi"));
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 200);
});

test("as a process of its own it keeps its books and answers for them", async (context) => {
  const fake = await spawnFakeProvider({ apiKey: "sk-process" });
  context.after(() => fake.stop());
  const headers = { authorization: "Bearer sk-process" };
  const body = chatBody("hi");
  const { text } = await ask(`${fake.openaiBaseUrl}/chat/completions`, { headers, body });
  await fake.untilIdle();
  const books = await fake.books();
  assert.equal(books[0]?.bill?.responseId, (JSON.parse(text) as { id: string }).id);
  assert.equal(books[0]?.state, "complete");
  const requests = await fake.requests();
  assert.equal(requests[0]?.sha256, createHash("sha256").update(body).digest("hex"));
  assert.equal(requests[0]?.bodyBytes, body.length);
  assert.equal((await fake.connections()).accepted, 1);
});

test("a process that is stopped ends, and asking it afterwards fails", async () => {
  const fake = await spawnFakeProvider();
  await fake.stop();
  await assert.rejects(fake.books());
});
