import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createNeedleFinder } from "./needles.ts";
import { createSseReader } from "./sse.ts";
import type { SseReaderOptions } from "./sse.ts";
import { createRandom, splitEvery, splitRandomly, withMixedLineEnds } from "./usage-conformance.ts";

interface Read {
  readonly name: string;
  readonly data: string;
}

function readAll(
  chunks: readonly (string | Uint8Array)[],
  options: Partial<SseReaderOptions> = {},
  isEnded = false,
): Read[] {
  const read: Read[] = [];
  const reader = createSseReader({
    needles: [],
    onEvent: ({ name, data }) => read.push({ name, data: data.toString("utf8") }),
    ...options,
  });
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk as Uint8Array);
    reader.push(bytes);
    bytes.fill(0);
  }
  if (isEnded) reader.end();
  return read;
}

/** The standard's algorithm over the whole text, written to be obvious. */
function model(text: string): Read[] {
  const events: Read[] = [];
  let name = "";
  let data: string[] = [];
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    if (line === "") {
      if (data.length > 0) events.push({ name, data: data.join("\n") });
      name = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    if (field === "event") name = value;
  }
  return events;
}

describe("createSseReader", () => {
  it("reads fields as the standard says", () => {
    const text =
      ": comment\n\nevent: a\ndata: 1\nid: 7\nretry: 3\ndata:2\ndata\ndata:  two spaces\n\nevent: nothing\n\n" +
      "data\n\ndatax: 3\n data: 4\n\ndata: a:b\n\n\n\ndata: unfinished";
    assert.deepEqual(readAll([text]), [
      { name: "a", data: "1\n2\n\n two spaces" },
      { name: "", data: "" },
      { name: "", data: "a:b" },
    ]);
    assert.deepEqual(readAll([text]), model(text));
  });

  it("takes no U+2028, U+2029, U+0085, VT or FF for a line end", () => {
    const data = "a\u2028\u2028b\u2029c\u0085\u0085d\u000b\u000be\u000c\u000c";
    assert.deepEqual(readAll(splitEvery(Buffer.from(`data: ${data}\n\n`), 1)), [{ name: "", data }]);
  });

  it("strips a byte order mark at the start of the stream only", () => {
    for (const size of [1, 2, 1000]) {
      const body = Buffer.from("\uFEFFdata: 1\n\n\uFEFFdata: 2\n\ndata: \uFEFF3\n\n");
      assert.deepEqual(readAll(splitEvery(body, size)), [
        { name: "", data: "1" },
        { name: "", data: "\uFEFF3" },
      ]);
    }
  });

  it("takes CR and LF in two chunks for one line end", () => {
    assert.deepEqual(readAll(["data: 1\r", "\ndata: 2\r", "\n\r", "\ndata: 3\r\n\r\n"]), [
      { name: "", data: "1\n2" },
      { name: "", data: "3" },
    ]);
  });

  it("agrees with the standard on any text in any pieces", () => {
    const seed = 97;
    const random = createRandom(seed);
    const parts = [
      "data",
      "event",
      ":",
      " ",
      "x",
      "é🌍",
      "\n",
      "\n",
      "\r",
      "\r\n",
      "\uFEFF",
      "data: y\n\n",
      ":c\r",
    ];
    for (let round = 0; round < 5000; round++) {
      let text = "";
      const length = 1 + Math.floor(random() * 30);
      for (let i = 0; i < length; i++) text += parts[Math.floor(random() * parts.length)] ?? "";
      const bytes = Buffer.from(text);
      const what = `round ${round}, seed ${seed}: ${JSON.stringify(text)}`;
      assert.deepEqual(readAll([bytes]), model(text), what);
      assert.deepEqual(readAll(splitEvery(bytes, 1)), model(text), `${what} byte by byte`);
      assert.deepEqual(readAll(splitRandomly(bytes, random)), model(text), `${what} in pieces`);
    }
  });

  it("hands over what has a needle, and nothing else but the leading events", () => {
    const seed = 5;
    const random = createRandom(seed);
    for (let round = 0; round < 300; round++) {
      const texts = Array.from(
        { length: 40 },
        (_, i) => `data: ${i} ${random() < 0.2 ? "needle" : "needl e"}\n\n`,
      );
      const bytes = Buffer.from(withMixedLineEnds(texts.join(""), random));
      const wanted = model(texts.join("")).filter(({ data }, i) => i < 2 || data.includes("needle"));
      const read = readAll(splitRandomly(bytes, random), {
        needles: ["needle", "never seen"],
        leadingEvents: 2,
      });
      assert.deepEqual(read, wanted, `round ${round}, seed ${seed}`);
    }
  });

  it("finds a needle in the event line too", () => {
    const read = readAll(["event: wanted\ndata: 1\n\nevent: other\ndata: 2\n\n"], { needles: ["wanted"] });
    assert.deepEqual(read, [{ name: "wanted", data: "1" }]);
  });

  it("hands over an event without a blank line only at the end", () => {
    assert.deepEqual(readAll(["data: 1\n\ndata: 2\n"]), [{ name: "", data: "1" }]);
    assert.deepEqual(readAll(["data: 1\n\ndata: 2\n"], {}, true), [
      { name: "", data: "1" },
      { name: "", data: "2" },
    ]);
    assert.deepEqual(readAll(["data: 1\n\n"], {}, true), [{ name: "", data: "1" }]);
  });

  it("skips an event over the bound, remembers it, and reads on", () => {
    const long = `data: ${"x".repeat(500)}\n\n`;
    const bytes = Buffer.from(`data: 1\n\n${long}data: 2\n\n${long}\r\ndata: 3\n\n`);
    const read: string[] = [];
    const reader = createSseReader({
      needles: [],
      maxEventBytes: 100,
      onEvent: ({ data }) => read.push(data.toString()),
    });
    for (const piece of splitEvery(bytes, 7)) reader.push(piece);
    assert.deepEqual(read, ["1", "2", "3"]);
    assert.equal(reader.skippedEvents, 2);
  });

  it("reads an event of megabytes in small pieces", () => {
    const data = "0123456789abcdef".repeat(200_000);
    const read = readAll(splitEvery(Buffer.from(`data: ${data}\n\n`), 1460), { needles: ["abcdef"] });
    assert.equal(read.length, 1);
    assert.equal(read[0]?.data, data);
  });
});

describe("createNeedleFinder", () => {
  it("finds what a plain search finds", () => {
    const seed = 11;
    const random = createRandom(seed);
    const letters = (length: number): string =>
      Array.from({ length }, () => "abc"[Math.floor(random() * 3)] ?? "a").join("");
    for (let round = 0; round < 3000; round++) {
      const needles = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
        letters(1 + Math.floor(random() * 4)),
      );
      const text = letters(Math.floor(random() * 40));
      const from = Math.floor(random() * 5);
      const to = Math.max(from, text.length - Math.floor(random() * 5));
      const hits = needles
        .map((needle) => text.slice(0, to).indexOf(needle, from))
        .filter((hit) => hit !== -1);
      const expected = hits.length === 0 ? -1 : Math.min(...hits);
      const what = `round ${round}, seed ${seed}: ${needles.join(" ")} in ${text} [${from}, ${to})`;
      assert.equal(createNeedleFinder(needles)(Buffer.from(text), from, to), expected, what);
    }
  });
});
