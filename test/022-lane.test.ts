/**
 * Connections that the gateway reads by itself: bodies lie in memory that is used again, so many callers at once, of
 * whom some leave, with a provider that is slow, answers early or breaks off, must not see a byte of one another.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { bodyOf, connectRaw, type RawCaller } from "./bed/raw-caller.ts";
import { rawChunk, rawHead, rawJson, rawLastChunk, type RawReply } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

/** What the provider does with a request, which says so itself. */
const ways = ["usual", "usual", "usual", "slow", "early", "reset"] as const;
type Way = (typeof ways)[number];

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

/** A provider that compares what comes, as far as it comes, with what its caller sent. */
class ComparingProvider {
  /** By the number in `x-case`. */
  readonly sent = new Map<string, Buffer>();
  readonly faults: string[] = [];
  whole = 0;
  partial = 0;
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = String(request.headers["x-case"]);
    const way = String(request.headers["x-way"]) as Way;
    const expected = this.sent.get(name) ?? Buffer.alloc(0);
    let at = 0;
    request.on("error", () => {});
    response.on("error", () => {});
    if (way === "early") this.#answer(response, expected);
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        if (!expected.subarray(at, at + chunk.length).equals(chunk))
          this.faults.push(`case ${name}, byte ${at}`);
        at += chunk.length;
        if (way === "slow") await turns(3);
        if (way === "reset" && at > expected.length / 3) request.socket.resetAndDestroy();
      }
    } catch {
      this.partial += 1;
      return;
    }
    if (at !== expected.length) this.faults.push(`case ${name}: ${at} bytes of ${expected.length}`);
    this.whole += 1;
    if (way !== "early") this.#answer(response, expected);
  }

  #answer(response: ServerResponse, expected: Buffer): void {
    const text = JSON.stringify({ id: "resp_1", sha: sha256(expected) });
    response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
    response.end(text);
  }
}

let provider: ComparingProvider;
let gateway: TestGateway;
let token: string;
before(async () => {
  provider = new ComparingProvider();
  const baseUrl = await provider.listen();
  gateway = await startTestGateway({
    providerDefaults: { openai: { apiKey: new Secret("sk-test"), baseUrl } },
  });
  token = await gateway.token();
});
after(async () => {
  await gateway.close();
  provider.close();
});

interface Asked {
  readonly name: string;
  readonly head: string;
  readonly body: Buffer;
  /** Of what the provider gets. */
  readonly sha: string;
}

/** A request whose body is like no other's in any 16 bytes. */
function asked(name: string, way: Way, options: { readonly bytes: number; readonly isGzip: boolean }): Asked {
  const input = `<${name}>`.padEnd(16, "=").repeat(Math.ceil(options.bytes / 16));
  const text = JSON.stringify({ model: "gpt-5.5", input });
  const body = options.isGzip ? gzipSync(text, { level: 0 }) : Buffer.from(text);
  // Encoded, it goes up decoded: this provider is not known to take an encoding.
  provider.sent.set(name, Buffer.from(text));
  const lines = [
    "POST /openai/v1/responses HTTP/1.1",
    "host: gateway",
    `authorization: Bearer ${token}`,
    "content-type: application/json",
    ...(options.isGzip ? ["content-encoding: gzip"] : []),
    `x-case: ${name}`,
    `x-way: ${way}`,
    `content-length: ${body.length}`,
  ];
  return { name, head: `${lines.join("\r\n")}\r\n\r\n`, body, sha: sha256(Buffer.from(text)) };
}

/** Sends it in a few pieces. */
async function send(caller: RawCaller, { head, body }: Asked, pieces: number): Promise<void> {
  caller.write(head);
  const step = Math.ceil(body.length / pieces);
  for (let from = 0; from < body.length; from += step) {
    if (pieces > 1) await turns(2);
    caller.write(body.subarray(from, from + step));
  }
}

/** The next reply on the connection, which begins at `from`. */
async function nextReply(caller: RawCaller, from: number): Promise<string> {
  const isWhole = (text: string): boolean => {
    const headEnd = text.indexOf("\r\n\r\n", from);
    if (headEnd === -1) return false;
    const length = /content-length: (\d+)/i.exec(text.slice(from, headEnd))?.[1];
    return text.length >= headEnd + 4 + Number(length);
  };
  return (await caller.until(isWhole)).slice(from);
}

const sizes = [10, 3000, 5000, 60_000, 64_000, 66_000, 131_000, 400_000, 900_000];

/** Asks on one connection, one after the other; now and then it leaves in the middle and comes again. */
async function session(number: number, questions: number): Promise<number> {
  let caller = await connectRaw(gateway.url);
  let answered = 0;
  for (let at = 0; at < questions; at++) {
    const chosen = number * 7 + at * 11;
    const way = ways[chosen % ways.length] ?? "usual";
    const bytes = way === "slow" && at % 3 === 0 ? 4_000_000 : (sizes[chosen % sizes.length] ?? 0);
    const question = asked(`${number}.${at}`, way, { bytes, isGzip: chosen % 5 === 0 });
    if (chosen % 13 === 0) {
      const part = { ...question, body: question.body.subarray(0, question.body.length >> 1) };
      await send(caller, chosen % 2 === 0 ? part : question, 3);
      await turns(number % 7);
      caller.socket.resetAndDestroy();
      caller = await connectRaw(gateway.url);
      continue;
    }
    const from = caller.received().length;
    await send(caller, question, 1 + (chosen % 3));
    const reply = await nextReply(caller, from);
    if (way === "reset") continue;
    assert.match(reply, /^HTTP\/1\.1 200 /, `${question.name} ${way}`);
    assert.equal((JSON.parse(bodyOf(reply)) as { sha: string }).sha, question.sha, question.name);
    answered += 1;
  }
  caller.socket.destroy();
  return answered;
}

describe("bodies in memory that is used again", () => {
  it("stay their own, whoever leaves, is slow, answers early or breaks off", async () => {
    const sessions = await Promise.all(Array.from({ length: 24 }, (_, number) => session(number, 14)));
    const answered = sessions.reduce((sum, each) => sum + each, 0);
    assert.deepEqual(provider.faults, []);
    assert.ok(answered > 200, `${answered} were answered`);
    assert.ok(
      provider.whole > 150 && provider.partial > 20,
      `${provider.whole} whole, ${provider.partial} partial`,
    );
  });
});

describe("a request that the gateway reads by itself and one that `node:http` reads", () => {
  let scripted: FakeProvider;
  let asked: TestGateway;
  let bearer: string;
  before(async () => {
    scripted = await startFakeProvider();
    asked = await startTestGateway({ provider: scripted });
    bearer = await asked.token();
  });
  after(async () => {
    await asked.close();
    await scripted.close();
  });

  const ask = JSON.stringify({ model: "gpt-5.5", input: "hi" });
  const chunked: readonly [string, string] = ["transfer-encoding", "chunked"];
  const replies: Readonly<Record<string, () => RawReply>> = {
    json: () => rawJson(200, '{"id":"r"}'),
    "an error": () => rawJson(429, '{"error":{}}', [["retry-after", "1"]]),
    "no content": () => ({ pieces: [rawHead(204, [["x-a", "b"]])], end: "keep" }),
    "not modified": () => ({ pieces: [rawHead(304, [["x-a", "b"]])], end: "keep" }),
    "chunks at once": () => ({
      pieces: [rawHead(200, [chunked]), rawChunk("one"), rawChunk("two"), rawLastChunk()],
      end: "keep",
    }),
    "chunks one by one": () => ({
      pieces: [
        rawHead(200, [chunked]),
        { waitMs: 5 },
        rawChunk("one"),
        { waitMs: 5 },
        rawChunk("two"),
        rawLastChunk(),
      ],
      end: "keep",
    }),
    "no framing": () => ({ pieces: [rawHead(200, []), "abc"], end: "close" }),
    "its own date and connection": () => ({
      pieces: [
        rawHead(200, [
          ["date", "today"],
          ["connection", "x-a"],
          ["x-a", "gone"],
          ["content-length", "0"],
        ]),
      ],
      end: "keep",
    }),
    "a length cut": () => ({ pieces: [rawHead(200, [["content-length", "9"]]), "abc"], end: "close" }),
    "a length reset": () => ({ pieces: [rawHead(200, [["content-length", "9"]]), "abc"], end: "reset" }),
    "chunks cut": () => ({ pieces: [rawHead(200, [chunked]), rawChunk("abc")], end: "close" }),
    "chunks damaged": () => ({ pieces: [rawHead(200, [chunked]), "3\r\nabc\r\nzz\r\n"], end: "close" }),
    nothing: () => ({ pieces: [], end: "close" }),
    nonsense: () => ({ pieces: ["nonsense\r\n\r\n"], end: "close" }),
    much: () => rawJson(200, JSON.stringify("- ".repeat(1_000_000))),
  };

  /** All that comes back, without what is another's each time, and whether the connection stays. */
  async function answerTo(path: string, line: string, body: string, token: string): Promise<string> {
    const caller = await connectRaw(asked.url);
    caller.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n${line}content-length: ${body.length}\r\n\r\n${body}`,
    );
    const isWhole = (text: string): boolean => {
      const headEnd = text.indexOf("\r\n\r\n");
      if (headEnd === -1) return false;
      const head = text.slice(0, headEnd);
      const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
      if (length !== undefined) return text.length >= headEnd + 4 + Number(length);
      return / (204|304) /.test(head.slice(0, 14)) || text.endsWith("0\r\n\r\n");
    };
    const end = await caller.until(isWhole).then(
      () => "stays",
      () => "ends",
    );
    caller.socket.destroy();
    const text = caller.received().replace(/^Date: .*GMT\r$/m, "Date: now\r");
    return `${text.replaceAll(/\bex_\w{26}/g, "ex_id")}<${end}>`;
  }

  const bothAnswer = async (path: string, body: string, token = bearer): Promise<string> => {
    const laned = await answerTo(path, "", body, token);
    // A line that the lane leaves to `node:http`.
    assert.equal(laned, await answerTo(path, "te: trailers\r\n", body, token));
    return laned;
  };

  for (const [name, reply] of Object.entries(replies)) {
    it(`get the same reply: ${name}`, async () => {
      scripted.script(reply);
      await bothAnswer("/openai/v1/responses", ask);
    });
  }

  it("get the same refusals", async () => {
    const refused: readonly [number, string, string, string?][] = [
      [401, "/openai/v1/responses", ask, "nobody"],
      [401, "/anthropic/v1/messages", "x".repeat(300_000), "nobody"],
      [400, "/openai/v1/responses", "{nope"],
      [400, "/openai/v1/responses", ""],
      [404, "/openai/v1/nope", ask],
      [404, "/anthropic/v1/nope", ask],
    ];
    for (const [status, path, body, token] of refused)
      assert.match(await bothAnswer(path, body, token), new RegExp(`^HTTP/1.1 ${status} [^]*<stays>$`));
  });
});
