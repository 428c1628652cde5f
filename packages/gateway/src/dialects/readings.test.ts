import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countOf, isEventStream, isSuccess, JsonBodyReader, memberOf, Picks, pickFrom } from "./readings.ts";
import type { ReplyContext } from "./usage-reader.ts";

const context: ReplyContext = {
  requestedModel: "m",
  status: 200,
  mediaType: "",
  isStreamRequested: false,
  inputCharacters: null,
};

describe("readings", () => {
  it("finds members of objects only, and none that are inherited", () => {
    assert.equal(memberOf({ a: 1 }, "a"), 1);
    for (const value of [null, undefined, 1, "text", [], {}])
      assert.equal(memberOf(value, "constructor"), undefined);
  });

  it("takes whole numbers from 0 on for counts", () => {
    assert.deepEqual([0, 1, 2 ** 53 - 1].map(countOf), [0, 1, 2 ** 53 - 1]);
    for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53, "1", null, [1]]) assert.equal(countOf(value), null);
  });

  it("bills for 2xx only", () => {
    const statuses = [199, 200, 204, 299, 300, 304, 400, 429, 529];
    assert.deepEqual(
      statuses.filter((status) => isSuccess({ ...context, status })),
      [200, 204, 299],
    );
  });

  it("reads a stream where the media type says so, else where one was asked for", () => {
    const cases: readonly (readonly [string, boolean, boolean])[] = [
      ["text/event-stream", false, true],
      ["application/json", true, false],
      ["application/problem+json", true, false],
      ["", true, true],
      ["", false, false],
      ["text/plain", true, true],
    ];
    for (const [mediaType, isStreamRequested, expected] of cases) {
      assert.equal(isEventStream({ ...context, mediaType, isStreamRequested }), expected, mediaType);
    }
  });

  it("gives the last of a key given twice, and all elements with their places", () => {
    const model = ["model"];
    const types = ["items", "*", "type"];
    const picks: Picks = pickFrom(
      Buffer.from('{"model":"a","items":[{"type":1},{},{"type":2}],"model":"b"}'),
      [model, types],
    );
    assert.equal(picks.get(model), "b");
    assert.equal(picks.get(["model"]), undefined);
    assert.deepEqual(
      picks.all(types).map(({ indexes, value }) => [indexes[0], value]),
      [
        [0, 1],
        [2, 2],
      ],
    );
  });

  it("takes a JSON body that does not end for a cut one, and an unread one for nothing", () => {
    const path = ["a"];
    const ends: [unknown, string][] = [];
    const make = (): JsonBodyReader =>
      new JsonBodyReader([path], (picks, end) => {
        ends.push([picks.get(path), end]);
        return { outcome: "ok", usage: [], responseId: null, servedModel: null, servedTier: null };
      });
    const reader = make();
    reader.read("complete");
    reader.push(Buffer.from('{"a":1'));
    reader.push(Buffer.from("}"));
    reader.read("complete");
    reader.push(Buffer.from('{"a":2}'));
    reader.read("cut");
    const cut = make();
    cut.push(Buffer.from('{"a":1'));
    cut.read("complete");
    assert.deepEqual(ends.slice(0, 3), [
      [undefined, "cut"],
      [1, "complete"],
      [1, "cut"],
    ]);
    assert.equal(ends[3]?.[1], "cut");
    assert.equal(reader.isTerminal, false);
  });
});
