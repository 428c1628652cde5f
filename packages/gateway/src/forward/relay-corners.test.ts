import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { sampleBody } from "../sample-routed.ts";
import { RelayBed, responsesEvents, sse, turns } from "./relay-harness.ts";

const { created, completed } = responsesEvents;

let bed: RelayBed;
before(async () => {
  bed = new RelayBed();
  await bed.open();
});
after(() => bed.close());

/** A whole reply of `/responses`, plain: 7 and 3 tokens, and so much text. */
function plainReply(textBytes: number): string {
  return JSON.stringify({
    id: "resp_2",
    model: "gpt-5.5",
    status: "completed",
    output: [{ type: "message", content: [{ type: "output_text", text: "x".repeat(textBytes) }] }],
    usage: { input_tokens: 7, output_tokens: 3, total_tokens: 10 },
  });
}

describe("a stream that a length frames", () => {
  it("is cut when it falls silent: an event of ours would be read as the next reply on the connection", async () => {
    const { caller, up, outcome } = await bed.exchange();
    up.reply(200, [...sse, ["content-length", "100000"]]);
    up.chunk(created);
    await up.resumed();
    await caller.until("response.created");
    up.fail("idle_timeout");
    assert.equal(await outcome, null);
    await caller.closed;
    assert.equal(caller.body.bytes.toString(), created);
    assert.equal(caller.body.isWhole, false);
  });
});

describe("a reply that came whole to a caller that does not take it", () => {
  it("is read whole for its row when the gateway stops", async () => {
    const { caller, up, deps, rows, outcome } = await bed.exchange();
    caller.socket.pause();
    up.reply(200, [["content-type", "application/json"]]);
    const bytes = Buffer.from(plainReply(64 * 1024 * 1024));
    let at = 0;
    for (; at < bytes.length - 1; at += 65_536) {
      if (!up.chunk(bytes.subarray(at, at + 65_536))) {
        await turns();
        if (!up.wantsMore) break;
      }
    }
    assert.ok(at < bytes.length - 65_536, "the caller is behind");
    // A client may hand on what it has read already.
    up.chunk(bytes.subarray(at + 65_536));
    up.end();
    for (const relay of deps.running) relay.stop();
    await outcome;
    const row = rows.at(-1);
    assert.equal(row?.ending, "stopped");
    assert.equal(row.responseBytes, bytes.length);
    assert.deepEqual(
      row.reading?.usage.map(({ completeness, input_tokens, output_tokens }) => [
        completeness,
        input_tokens,
        output_tokens,
      ]),
      [["complete", 7, 3]],
    );
  });
});

describe("a row that could not be written", () => {
  it("is tried again at the end of the reply, and not more often", async () => {
    let fails = 1;
    const { caller, up, rows, outcome, logged } = await bed.exchange({
      settle: async () => {
        if (fails-- > 0) throw new Error("the disk was full");
      },
    });
    up.reply(200, sse);
    up.chunk(created + completed);
    await up.resumed();
    await caller.until("response.completed");
    assert.equal(rows.length, 1);
    up.end();
    assert.equal(await outcome, null);
    assert.equal(rows.length, 2);
    assert.deepEqual(rows[1]?.reading, rows[0]?.reading);
    assert.deepEqual(logged, ["an exchange's result could not be written"]);
  });

  it("is not written twice when the first time went well", async () => {
    const { up, rows, outcome } = await bed.exchange();
    up.reply(200, sse);
    up.chunk(created + completed);
    await up.resumed();
    up.end();
    assert.equal(await outcome, null);
    assert.equal(rows.length, 1);
  });
});

describe("a body with the one edit", () => {
  it("gives its memory back with its last chunk, and not before", async () => {
    const body = sampleBody('{"stream":true}');
    const { up } = await bed.exchange({
      endpoint: "chat.completions",
      body,
      policy: { includeUsage: { start: 1, end: 1, text: '"a":1,' } },
    });
    const chunks = up.request.body?.chunks() ?? [];
    assert.equal(body.released(), 0);
    assert.equal(Buffer.concat([...chunks]).toString(), '{"a":1,"stream":true}');
    assert.equal(body.released(), 1);
    up.reply(200, sse);
    up.end();
  });
});
