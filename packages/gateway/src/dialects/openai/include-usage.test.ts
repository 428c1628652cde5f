import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createJsonPicker } from "../../json-pick.ts";
import type { Picked, PickPath } from "../../json-pick.ts";
import { createRandom, splitEvery, splitRandomly, withMixedLineEnds } from "../usage-conformance.ts";
import { createUsageFilter, includeUsagePaths, planIncludeUsage } from "./include-usage.ts";

function picksOf(body: string, paths: readonly PickPath[]): readonly Picked[] {
  const picker = createJsonPicker(paths);
  picker.push(Buffer.from(body));
  return picker.end().found;
}

/** The request as it goes up, or null when it goes up as it came. */
function edited(body: string, paths = includeUsagePaths): string | null {
  const edit = planIncludeUsage(picksOf(body, paths));
  if (edit === null) return null;
  const bytes = Buffer.from(body);
  return bytes.toString("utf8", 0, edit.start) + edit.text + bytes.toString("utf8", edit.end);
}

describe("planIncludeUsage", () => {
  it("edits as little as it can, byte for byte", () => {
    const cases: readonly (readonly [string, string])[] = [
      ['{"stream":true}', '{"stream_options":{"include_usage":true},"stream":true}'],
      [
        ' {\r\n "model" : "grün",\n "stream" : true }',
        ' {\r\n "model" : "grün",\n "stream_options":{"include_usage":true},"stream" : true }',
      ],
      ['{"stream_options":null,"stream":true}', '{"stream_options":{"include_usage":true},"stream":true}'],
      ['{"stream":true,"stream_options":{}}', '{"stream":true,"stream_options":{"include_usage":true}}'],
      ['{"stream":true,"stream_options":{ }}', '{"stream":true,"stream_options":{"include_usage":true }}'],
      [
        '{"stream":true,"stream_options":{"include_obfuscation":false}}',
        '{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}',
      ],
      [
        '{"stream":true,"stream_options":{"n":1e2, "include_usage" : false ,"x":"}"}}',
        '{"stream":true,"stream_options":{"n":1e2, "include_usage" : true ,"x":"}"}}',
      ],
      [
        '{"stream_options":{"include_usage":null},"stream":true}',
        '{"stream_options":{"include_usage":true},"stream":true}',
      ],
    ];
    for (const [body, expected] of cases) assert.equal(edited(body), expected, body);
  });

  it("leaves alone what streams not, asks itself, or is the provider's to refuse", () => {
    const bodies = [
      "{}",
      '{"stream":false}',
      '{"stream":null}',
      '{"stream":"true"}',
      '{"stream":1}',
      '{"stream_options":{"include_usage":false}}',
      '{"stream":true,"stream_options":{"include_usage":true}}',
      '{"stream":true,"stream_options":{"include_usage":"yes"}}',
      '{"stream":true,"stream_options":[]}',
      '{"stream":true,"stream_options":"x"}',
      '{"stream":true,"stream_options":7}',
      '{"messages":[{"stream":true}]}',
    ];
    for (const body of bodies) assert.equal(edited(body), null, body);
  });

  it("cannot be misled by the same names deeper down", () => {
    const body = '{"metadata":{"stream_options":{"include_usage":true},"stream":false},"stream":true}';
    assert.equal(
      edited(body),
      '{"metadata":{"stream_options":{"include_usage":true},"stream":false},"stream_options":{"include_usage":true},"stream":true}',
    );
  });

  it("manages without the place of include_usage", () => {
    const body = '{"stream":true,"stream_options":{"a":1,"include_usage":false}}';
    const paths = [["stream"], ["stream_options"]];
    assert.equal(edited(body, paths), '{"stream":true,"stream_options":{"a":1,"include_usage":true}}');
    assert.equal(edited('{"stream":true,"stream_options":{"include_usage":true}}', paths), null);
  });

  it("asks although stream_options is too long to be looked at", () => {
    const padding = "x".repeat(300_000);
    const body = `{"stream":true,"stream_options":{"padding":"${padding}","include_usage":false}}`;
    const sent = JSON.parse(edited(body) ?? "null") as { stream_options: object };
    assert.deepEqual(sent.stream_options, { padding, include_usage: true });
    const unasked = `{"stream":true,"stream_options":{"padding":"${padding}"}}`;
    assert.match(edited(unasked) ?? "", /^\{"stream":true,"stream_options":\{"include_usage":true,"padding"/);
  });

  it("makes any body ask, and changes nothing else in it", () => {
    const seed = 31;
    const random = createRandom(seed);
    const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
    const options = [
      undefined,
      null,
      {},
      { include_usage: false },
      { include_usage: null },
      { a: [1, { b: "}" }] },
    ];
    for (let round = 0; round < 2000; round++) {
      const choice = pick(options);
      const stream_options =
        choice !== null && choice !== undefined ? { ...choice, z: pick([1, "ü", null]) } : choice;
      const members = {
        model: "m",
        stream: true,
        stream_options,
        messages: [{ stream: false, stream_options: 1 }],
      };
      const shuffled = Object.fromEntries(Object.entries(members).toSorted(() => random() - 0.5));
      const body = JSON.stringify(shuffled, null, pick([0, 1, "\t"]));
      const sent = JSON.parse(edited(body) ?? "null") as object;
      const expected = { ...members, stream_options: { ...stream_options, include_usage: true } };
      assert.deepEqual(sent, expected, `round ${round}, seed ${seed}: ${body}`);
    }
  });
});

/** All that the filter gives for these chunks, each overwritten after its push. */
function filtered(chunks: readonly Uint8Array[]): string {
  const filter = createUsageFilter();
  const out: Buffer[] = [];
  for (const chunk of chunks) {
    const passing = Buffer.from(chunk);
    const given = filter.push(passing);
    if (given !== null) {
      assert.ok(given.length > 0);
      out.push(Buffer.from(given));
    }
    passing.fill(0x20);
  }
  out.push(Buffer.from(filter.end() ?? []));
  return Buffer.concat(out).toString("utf8");
}

function expectFiltered(stream: string, expected: string): void {
  const bytes = Buffer.from(stream);
  assert.equal(filtered([bytes]), expected);
  assert.equal(filtered(splitEvery(bytes, 1)), expected, "byte by byte");
  for (let at = 0; at <= bytes.length; at++) {
    assert.equal(filtered([bytes.subarray(0, at), bytes.subarray(at)]), expected, `split at ${at}`);
  }
}

const golden = {
  up:
    ": OPENROUTER PROCESSING\n\n" +
    'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"a \\"usage\\":null, 🌍"}}],"usage":null,"obfuscation":"x"}\n\n' +
    'data: {"usage":null,"choices":[{"delta":{"content":"","usage":null,"x":{"usage":null}}}]}\n\n' +
    'data: {"choices":[{"delta":{}}],"usage":null}\n\n' +
    'data: {"choices":[{"delta":{}}], "usage" : null , "z" : [1, {"usage":null}] }\n\n' +
    'data: {"choices":[],"prompt_filter_results":[],"usage":null}\n\n' +
    'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n' +
    'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n' +
    "data: [DONE]\n\n",
  down:
    ": OPENROUTER PROCESSING\n\n" +
    'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"a \\"usage\\":null, 🌍"}}],"obfuscation":"x"}\n\n' +
    'data: {"choices":[{"delta":{"content":"","usage":null,"x":{"usage":null}}}]}\n\n' +
    'data: {"choices":[{"delta":{}}]}\n\n' +
    'data: {"choices":[{"delta":{}}], "z" : [1, {"usage":null}] }\n\n' +
    'data: {"choices":[],"prompt_filter_results":[]}\n\n' +
    'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n' +
    "data: [DONE]\n\n",
};

describe("createUsageFilter", () => {
  for (const [name, end] of Object.entries({ LF: "\n", CR: "\r", CRLF: "\r\n" })) {
    it(`undoes what was asked for, byte for byte, with ${name} line ends, wherever split`, () => {
      expectFiltered(golden.up.replaceAll("\n", end), golden.down.replaceAll("\n", end));
    });
  }

  it("keeps a byte order mark, event names, ids and comments", () => {
    const extra = 'data: {"choices":[],"usage":{"prompt_tokens":1}}\n';
    expectFiltered(
      `\uFEFFid: 1\ndata: {"choices":[1],"usage":null}\n\n: one\nid: 2\n: two\n${extra}: three\n\ndata: [DONE]\n\n`,
      `\uFEFFid: 1\ndata: {"choices":[1]}\n\n: one\n: two\n: three\ndata: [DONE]\n\n`,
    );
    expectFiltered(`\uFEFF${extra}\ndata: [DONE]\n\n`, "\uFEFFdata: [DONE]\n\n");
  });

  it("reads data over several lines", () => {
    expectFiltered(
      'data: {"choices":\ndata: [{}],\ndata: "usage":\ndata:  null,\ndata: "id":1}\n\ndata: {"choices":[],\ndata:"usage":{}}\n\n',
      'data: {"choices":\ndata: [{}],\ndata: \ndata: \ndata: "id":1}\n\n',
    );
  });

  it("leaves alone what it cannot follow", () => {
    const streams = [
      'data: {"choices":[],"usage":{"prompt_tokens":1}\n\n',
      'data: {"choices":[],"usage":{}} trailing\n\n',
      'data: ["usage",null]\n\n',
      'data: "usage"\n\n',
      'data: {"usage":nul}\n\n',
      'data: {"usage":null,"usage":null,"choices":[1]}\n\n',
      'data: {"usage":{"prompt_tokens":1}}\n\n',
      'data: {"choices":null,"usage":{"prompt_tokens":1}}\n\n',
      'data: {"choices":[1],"usage"null}\n\n',
      'data: {"choices":[1],"usage":}\n\n',
      'data: {"choices":[1]"usage":null}\n\n',
      'event: "usage"\n\n',
      'x: {"choices":[],"usage":{}}\n\n',
      ': {"choices":[],"usage":{}}\n\n',
      '{"choices":[],"usage":{}}',
      'data: {"choices":[1],"usage":null',
    ];
    for (const stream of streams) expectFiltered(stream, stream);
  });

  it("gives a complete event at once, and comments before an unfinished one", () => {
    const filter = createUsageFilter();
    const push = (text: string): string | null => {
      const given = filter.push(Buffer.from(text));
      return given === null ? null : Buffer.from(given).toString();
    };
    assert.equal(push('data: {"choices":[1],"usage":null}\n\n'), 'data: {"choices":[1]}\n\n');
    assert.equal(push('data: 1\n\n: ping\ndata: {"choices"'), "data: 1\n\n: ping\n");
    assert.equal(push(":[],"), null);
    assert.equal(push('"usage":{}}\n'), null);
    assert.equal(push("\n"), null);
    assert.equal(push("data: [DONE]\n\n"), "data: [DONE]\n\n");
    assert.equal(push(""), null);
    assert.equal(filter.end(), null);
  });

  it("passes a chunk without the word on as it is, uncopied", () => {
    const chunk = Buffer.from('data: {"choices":[{}]}\n\n'.repeat(20));
    const given = createUsageFilter().push(chunk);
    assert.equal(given?.buffer, chunk.buffer);
    assert.equal(given?.length, chunk.length);
  });

  it("takes the LF of a dropped event's CRLF, and no other", () => {
    const extra = 'data: {"choices":[],"usage":{}}';
    const cases: readonly (readonly [readonly string[], string])[] = [
      [[`${extra}\r\n\r`, "\ndata: 1\n\n"], "data: 1\n\n"],
      [[`${extra}\r\n\r`, "", "\n", "\n"], "\n"],
      [[extra, "\r\r", "\n", "\ndata: 1\n\n"], "\ndata: 1\n\n"],
      [[extra, "\r\rdata: 1", "\n\n"], "data: 1\n\n"],
      [[`${extra}\r\rdata: 1`, "\n\n"], "data: 1\n\n"],
      [[extra, "\r\rdata: 1\r\r", "\ndata: 2\n\n"], "data: 1\r\r\ndata: 2\n\n"],
      [["data: 1\r\r", "\ndata: 2\r\r"], "data: 1\r\r\ndata: 2\r\r"],
    ];
    for (const [chunks, expected] of cases) {
      assert.equal(filtered(chunks.map((chunk) => Buffer.from(chunk))), expected, JSON.stringify(chunks));
    }
  });

  it("holds a bounded amount: a longer event goes on as it is", () => {
    const filter = createUsageFilter();
    const piece = Buffer.alloc(1024 * 1024, "x");
    let passed = filter.push(Buffer.from('data: {"choices":[1],"usage":null,"x":"'))?.length ?? 0;
    for (let i = 0; i < 10; i++) passed += filter.push(piece)?.length ?? 0;
    assert.ok(passed >= 9 * piece.length, `${passed} bytes passed`);
    const rest = filter.push(Buffer.from('"}\n\ndata: {"choices":[1],"usage":null}\n\n'));
    assert.equal(Buffer.from(rest ?? []).toString(), '"}\n\ndata: {"choices":[1]}\n\n');
  });

  it("agrees with parsing, deleting and printing on any stream in any pieces", () => {
    const seed = 77;
    const random = createRandom(seed);
    for (let round = 0; round < 1500; round++) {
      const events = Array.from({ length: 1 + Math.floor(random() * 6) }, () => randomEvent(random));
      const ends = createRandom(round);
      const separator = ["\n", "\r", "\r\n"][round % 3] ?? "\n";
      const up = Buffer.from(events.map(({ up: text }) => text.replaceAll("\n", separator)).join(""));
      const down = events.map(({ down: text }) => text.replaceAll("\n", separator)).join("");
      const what = `round ${round}, seed ${seed}: ${up.toString()}`;
      assert.equal(filtered([up]), down, what);
      assert.equal(filtered(splitEvery(up, 1)), down, what);
      assert.equal(filtered(splitRandomly(up, ends)), down, what);
    }
  });

  it("gives what a model that reads the whole stream gives, whatever the line ends", () => {
    const seed = 78;
    const random = createRandom(seed);
    for (let round = 0; round < 500; round++) {
      const events = Array.from({ length: 4 }, () => randomEvent(random));
      const mixed = withMixedLineEnds(events.map(({ up }) => up).join(""), random);
      const expected = events.map(({ down }) => down).join("");
      const whole = filtered([Buffer.from(mixed)]);
      assert.equal(whole.replaceAll(/\r\n?/g, "\n"), expected, `round ${round}, seed ${seed}`);
      assert.equal(
        filtered(splitRandomly(Buffer.from(mixed), random)),
        whole,
        `round ${round}, seed ${seed}`,
      );
    }
  });
});

/** An event and what must become of it, made by parsing, deleting and printing. */
function randomEvent(random: () => number): { readonly up: string; readonly down: string } {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  if (random() < 0.15) {
    const text = pick([
      ": ping\n\n",
      "data: [DONE]\n\n",
      "\n",
      "event: x\n\n",
      'data: no json "usage":null\n\n',
    ]);
    return { up: text, down: text };
  }
  const tricky = ['"usage":null', '\\"usage\\":null,', "{}[],:", "\\", "ü🌍\u2028", 'x"', '","usage":null,"'];
  const nested = { usage: null, choices: [], t: pick(tricky), deep: [{ usage: { prompt_tokens: 1 } }] };
  const members: [string, unknown][] = [
    ["id", pick(tricky)],
    ["choices", pick([[], [{}], [{ delta: { content: pick(tricky), usage: null } }]])],
    ["extra", pick<unknown>([nested, [nested], 1, null, true, -1.5e3])],
  ];
  if (random() < 0.8)
    members.push(["usage", pick<unknown>([null, null, { prompt_tokens: 1, t: pick(tricky) }])]);
  const chunk = Object.fromEntries(members.toSorted(() => random() - 0.5));
  const isExtra = Array.isArray(chunk["choices"]) && chunk["choices"].length === 0 && chunk["usage"] != null;
  const print = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
  const kept = Object.fromEntries(
    Object.entries(chunk).filter(([name, value]) => name !== "usage" || value !== null),
  );
  return { up: print(chunk), down: isExtra ? "" : print(kept) };
}
