import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Exchange } from "@meshagent/llm-proxy-protocol/api-reports";
import type { StreamResult } from "../load/streams.ts";
import type { AtRest } from "./at-rest.ts";
import { restProblems, rowProblems, soakTolerance, streamProblems } from "./verdict.ts";

const expected = { streams: 3, eventsPerStream: 20, firstInputTokens: 1000 };

const result: StreamResult = {
  finished: 3,
  unfinished: 0,
  peakOpen: 3,
  events: 60,
  p50Us: 1,
  p99Us: 1,
  loaderCores: 0.1,
  errors: {},
};

/** Only the members that a verdict reads. */
function row(inputTokens: number, more: Partial<Exchange> = {}): Exchange {
  const usage = [{ input_tokens: inputTokens, output_tokens: 20 }];
  return { outcome: "ok", usage_source: "exact", usage, ...more } as unknown as Exchange;
}

const rows = [row(1002), row(1000), row(1001)];

describe("streamProblems", () => {
  it("is empty when all arrived whole", () => assert.deepEqual(streamProblems(result, expected), []));

  it("says how many did not finish, and why", () => {
    const errors = { "ended after 3 of 20 events": 1 };
    const problems = streamProblems({ ...result, finished: 2, unfinished: 1, events: 43, errors }, expected);
    assert.deepEqual(problems, [
      "2 of 3 streams finished. 1 of them: ended after 3 of 20 events",
      "43 of 60 events arrived",
    ]);
  });

  it("does not take streams one after the other for streams at once", () => {
    assert.match(streamProblems({ ...result, peakOpen: 2 }, expected).join(), /2 of 3 streams were open/);
  });
});

describe("rowProblems", () => {
  it("is empty when each stream has its row, in any order", () => {
    assert.deepEqual(rowProblems(rows, expected), []);
  });

  it("sees a missing row", () => {
    assert.deepEqual(rowProblems(rows.slice(1), expected), [
      "2 rows for 3 streams",
      "1 streams have no row, such as 1002 in, 20 out",
    ]);
  });

  it("sees a row that is there twice, even when the number of rows is right", () => {
    assert.deepEqual(rowProblems([row(1000), row(1000), row(1001)], expected), [
      "1 streams have no row, such as 1002 in, 20 out",
      "1 streams are billed twice",
    ]);
  });

  it("sees another usage than the provider's", () => {
    assert.deepEqual(rowProblems([row(1000), row(1001), row(77)], expected), [
      "1 streams have no row, such as 1002 in, 20 out",
      "1 rows are no stream's, such as 77 in, 20 out",
    ]);
  });

  it("sees usage that is not exact, and a row without any", () => {
    const bad = [
      rows[0] ?? row(1002),
      row(1000, { usage_source: "estimated" }),
      row(1001, { outcome: null, usage: [] }),
    ];
    assert.deepEqual(rowProblems(bad, expected), [
      "2 rows are not exact, such as ok, estimated",
      "1 streams have no row, such as 1001 in, 20 out",
      "1 rows are no stream's, such as undefined in, undefined out",
    ]);
  });
});

describe("restProblems", () => {
  const mib = 1024 * 1024;
  const rest = (reachable: number, resident: number, openFiles = 20): AtRest => ({
    reachableBytes: reachable * mib,
    rssBytes: resident * mib,
    openFiles,
  });

  it("lets the first cycle leave something behind", () => {
    assert.deepEqual(restProblems(rest(30, 90), [rest(38, 170), rest(38, 180), rest(38, 181)]), []);
  });

  it("sees what each cycle leaves reachable, long before the process grows by it", () => {
    assert.deepEqual(restProblems(rest(30, 90), [rest(32, 100), rest(34, 100), rest(36, 100)]), [
      "left reachable by the last cycle: 2.0 MB; 1.5 MB are tolerated",
    ]);
  });

  it("sees a process that grows from cycle to cycle", () => {
    const step = soakTolerance.lastRssBytes / mib + 1;
    assert.deepEqual(restProblems(rest(30, 90), [rest(30, 100), rest(30, 100 + step)]), [
      "resident memory of the last cycle: 17.0 MB; 16.0 MB are tolerated",
    ]);
  });

  it("sees memory that never came back", () => {
    assert.deepEqual(restProblems(rest(30, 90), [rest(30, 500), rest(30, 500)]), [
      "resident memory over the start: 410.0 MB; 96.0 MB are tolerated",
    ]);
  });

  it("sees files that stay open", () => {
    assert.deepEqual(restProblems(rest(30, 90, 20), [rest(30, 100), rest(30, 100, 29)]), [
      "29 open files, 20 at the start",
    ]);
  });

  it("says nothing good of a single cycle", () => {
    assert.deepEqual(restProblems(rest(30, 90), [rest(30, 90)]), ["too few cycles to tell"]);
  });
});
