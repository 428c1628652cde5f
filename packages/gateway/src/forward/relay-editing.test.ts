import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { HeaderLines } from "../upstream/client.ts";
import { RelayBed, sse } from "./relay-harness.ts";

let bed: RelayBed;
before(async () => {
  bed = new RelayBed();
  await bed.open();
});
after(() => bed.close());

describe("model lists are narrowed to what the token may see", () => {
  const list = {
    object: "list",
    data: [{ id: "gpt-5.5", owned_by: "o" }, { id: "gpt-4o" }, { id: "gpt-5.4" }],
    has_more: false,
  };
  const narrowed = { ...list, data: [list.data[0], list.data[2]] };
  const options = {
    endpoint: "models",
    body: null,
    models: ["openai/gpt-5*", "anthropic/gpt-4o"],
    policy: { model: "", isStream: false },
  };
  const text = JSON.stringify(list);

  async function listed(given: {
    readonly headers?: HeaderLines;
    readonly bytes?: Buffer;
    readonly status?: number;
    readonly models?: readonly string[] | null;
  }): Promise<{ head: string; body: string }> {
    const bytes = given.bytes ?? Buffer.from(text);
    const { caller, up, outcome } = await bed.exchange({
      ...options,
      ...("models" in given ? { models: given.models ?? null } : {}),
    });
    up.reply(given.status ?? 200, [
      ["content-type", "application/json"],
      ["content-length", String(bytes.length)],
      ...(given.headers ?? []),
    ]);
    for (let at = 0; at < bytes.length; at += 25) {
      up.chunk(bytes.subarray(at, at + 25));
      await up.resumed();
    }
    up.end();
    assert.equal(await outcome, null);
    while (!caller.text.includes("\r\n\r\n") || !caller.body.isWhole) await new Promise(setImmediate);
    return {
      head: caller.text.slice(0, caller.text.indexOf("\r\n\r\n")),
      body: caller.body.bytes.toString(),
    };
  }

  it("by provider and pattern, with a framing of its own", async () => {
    const { head, body } = await listed({});
    assert.deepEqual(JSON.parse(body), narrowed);
    assert.doesNotMatch(head, new RegExp(`content-length: ${text.length}`));
  });

  it("also when it comes encoded: the caller gets it plain", async () => {
    for (const [name, bytes] of [
      ["gzip", gzipSync(text)],
      ["br", brotliCompressSync(text)],
    ] as const) {
      const { head, body } = await listed({ bytes, headers: [["Content-Encoding", name]] });
      assert.deepEqual(JSON.parse(body), narrowed);
      assert.doesNotMatch(head, /content-encoding/i);
    }
  });

  it("to nothing for a grant of nothing, or of another provider", async () => {
    for (const models of [[], ["anthropic/*"]])
      assert.deepEqual(JSON.parse((await listed({ models })).body), { ...list, data: [] });
  });

  it("a list that cannot be read is withheld", async () => {
    const unreadable: readonly { bytes: Buffer; headers?: HeaderLines }[] = [
      { bytes: Buffer.from(text.slice(0, -5)) },
      { bytes: Buffer.from("gpt-4o") },
      { bytes: gzipSync(text).subarray(0, 20), headers: [["content-encoding", "gzip"]] },
      { bytes: Buffer.from(text), headers: [["content-encoding", "gzip"]] },
      { bytes: Buffer.from(text), headers: [["content-encoding", "unknown"]] },
    ];
    for (const given of unreadable)
      assert.deepEqual(JSON.parse((await listed(given)).body), { object: "list", data: [] });
  });

  it("without a list of models in the grant it passes byte for byte", async () => {
    const { head, body } = await listed({ models: null });
    assert.equal(body, text);
    assert.match(head, new RegExp(`content-length: ${text.length}`));
  });

  it("an error passes as it came", async () => {
    const bytes = Buffer.from('{"error":{"message":"gpt-4o"}}');
    assert.equal((await listed({ bytes, status: 401 })).body, bytes.toString());
  });

  it("a list that is cut is passed on as a cut", async () => {
    const { caller, up } = await bed.exchange(options);
    up.reply(200, [["content-type", "application/json"]]);
    up.chunk(text.slice(0, 60));
    up.fail("connection_lost");
    await caller.closed;
    assert.equal(caller.body.isWhole, false);
    assert.doesNotMatch(caller.text, /gpt-4o/);
  });
});

describe("usage that the gateway asked for is not shown", () => {
  const chunk = (rest: string): string =>
    `data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-5.5",${rest}}\n\n`;
  const text = chunk('"choices":[{"index":0,"delta":{"content":"hi"}}],"usage":null');
  const shown = chunk('"choices":[{"index":0,"delta":{"content":"hi"}}]');
  const usage = chunk('"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}');
  const done = "data: [DONE]\n\n";
  const stream = text + usage + done;
  const options = {
    endpoint: "chat.completions",
    policy: { includeUsage: { start: 1, end: 1, text: '"stream_options":{"include_usage":true},' } },
  };

  it("goes up asked for, and plainly", async () => {
    const { up } = await bed.exchange(options);
    assert.deepEqual(
      up.request.headers.filter(([name]) => name === "accept-encoding"),
      [["accept-encoding", "identity"]],
    );
    assert.equal(
      Buffer.concat([...(up.request.body?.chunks() ?? [])]).toString(),
      '{"stream_options":{"include_usage":true},}',
    );
    up.reply(200, sse);
    up.end();
  });

  it("is read and taken out, in whatever chunks it comes, and the row is written before the end", async () => {
    for (const size of [1, 7, 64, stream.length]) {
      const { caller, up, outcome, rows } = await bed.exchange(options);
      up.reply(200, sse);
      for (let at = 0; at < stream.length; at += size) {
        up.chunk(stream.slice(at, at + size));
        await up.resumed();
      }
      up.end();
      assert.equal(await outcome, null);
      await caller.until("\r\n0\r\n\r\n");
      assert.equal(caller.body.bytes.toString(), shown + done, `chunks of ${size}`);
      assert.deepEqual([rows.length, rows[0]?.reading?.usage[0]?.input_tokens], [1, 10]);
    }
  });

  it("is left alone where the caller asked itself", async () => {
    const { caller, up } = await bed.exchange({ endpoint: "chat.completions" });
    up.reply(200, sse);
    up.chunk(stream);
    await up.resumed();
    up.end();
    await caller.until("\r\n0\r\n\r\n");
    assert.equal(caller.body.bytes.toString(), stream);
  });

  it("is taken out of a stream that came encoded although it was asked for plainly", async () => {
    const { caller, up, outcome, rows } = await bed.exchange(options);
    const bytes = gzipSync(stream);
    up.reply(200, [...sse, ["content-encoding", "gzip"]]);
    for (let at = 0; at < bytes.length; at += 33) {
      up.chunk(bytes.subarray(at, at + 33));
      await up.resumed();
    }
    up.end();
    assert.equal(await outcome, null);
    await caller.until("\r\n0\r\n\r\n");
    assert.doesNotMatch(caller.text, /content-encoding/i);
    assert.equal(caller.body.bytes.toString(), shown + done);
    assert.equal(rows[0]?.reading?.usage[0]?.output_tokens, 2);
  });

  it("an encoding that nobody knows passes with its name, so that the caller can read it", async () => {
    const { caller, up } = await bed.exchange(options);
    const bytes = Buffer.from([1, 2, 10, 10, 3]);
    up.reply(200, [...sse, ["content-encoding", "rot13"], ["content-length", "5"]]);
    up.chunk(bytes);
    await up.resumed();
    up.end();
    await caller.until(bytes.toString("latin1"));
    assert.match(caller.text, /content-encoding: rot13/);
  });

  it("a plain reply, such as an error, passes as it came", async () => {
    const { caller, up } = await bed.exchange(options);
    const text = '{"choices":[],"usage":{"a":1}}';
    up.reply(400, [
      ["content-type", "application/json"],
      ["content-length", String(text.length)],
    ]);
    up.chunk(text);
    await up.resumed();
    up.end();
    await caller.until(text);
    assert.match(caller.text, new RegExp(`content-length: ${text.length}`));
  });

  it("a stream that ends inside an event is let out to its last byte", async () => {
    const { caller, up } = await bed.exchange(options);
    up.reply(200, sse);
    up.chunk('data: {"cho');
    up.end();
    await caller.until("\r\n0\r\n\r\n");
    assert.equal(caller.body.bytes.toString(), 'data: {"cho');
  });

  it("a silence inside an event is not explained inside that event", async () => {
    const { caller, up } = await bed.exchange(options);
    up.reply(200, sse);
    up.chunk(`${text}data: {"cho`);
    up.fail("idle_timeout");
    await caller.closed;
    assert.deepEqual([caller.body.bytes.toString(), caller.body.isWhole], [`${shown}data: {"cho`, false]);
  });

  it("a silence between events is", async () => {
    const { caller, up } = await bed.exchange(options);
    up.reply(200, sse);
    up.chunk(text);
    up.fail("idle_timeout");
    await caller.until("\r\n0\r\n\r\n");
    assert.ok(caller.body.bytes.toString().startsWith(`${shown}data: {"error":`));
  });
});
