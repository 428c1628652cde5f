import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog, errorText, type Log, type LogLevel } from "./log.ts";

function capture(
  form: "json" | "text",
  minLevel: LogLevel = "debug",
): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const clock = { now: () => Date.UTC(2026, 10, 23, 10, 20, 30, 4) };
  return { lines, log: createLog({ clock, minLevel, form, write: (line) => lines.push(line) }) };
}

test("a line of JSON", () => {
  const { log, lines } = capture("json");
  log.info("a thing", { exchange_id: "ex_1", count: 2, ok: true, none: null, absent: undefined });
  assert.deepEqual(lines, [
    '{"time":"2026-11-23T10:20:30.004Z","level":"info","message":"a thing","exchange_id":"ex_1","count":2,"ok":true,"none":null}\n',
  ]);
});

test("a line of text, without what is not there", () => {
  const { log, lines } = capture("text");
  log.warn("a thing", { exchange_id: "ex_1", count: 2, none: null, absent: undefined });
  log.error("bare");
  assert.deepEqual(lines, ["10:20:30 warn  a thing exchange_id=ex_1 count=2\n", "10:20:30 error bare\n"]);
});

test("names its process in every line, where there are several", () => {
  const lines: string[] = [];
  const clock = { now: () => 0 };
  const write = (line: string): void => void lines.push(line);
  const log = createLog({ clock, minLevel: "info", form: "text", write, fields: { worker: 2 } });
  log.info("a thing", { count: 1 });
  log.info("bare");
  assert.deepEqual(lines, ["00:00:00 info  a thing count=1 worker=2\n", "00:00:00 info  bare worker=2\n"]);
});

test("says nothing below its level", () => {
  const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];
  for (const [rank, minLevel] of levels.entries()) {
    const { log, lines } = capture("json", minLevel);
    for (const level of levels) log[level]("x");
    assert.equal(lines.length, levels.length - rank, minLevel);
  }
});

test("a line stays a line, whatever a value holds, and moves no cursor", () => {
  for (const form of ["json", "text"] as const) {
    const { log, lines } = capture(form);
    log.info("message\nforged", { reason: "one\r\n10:20:30 error forged\u001b[2J\u0007" });
    const [line = ""] = lines;
    assert.equal(line.split("\n").length, 2, form);
    assert.doesNotMatch(line.slice(0, -1), /\p{Cc}/u, form);
    assert.match(line, /one.*forged/, form);
  }
});

test("an error is its message and those of its causes, with codes", () => {
  const inner = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  assert.equal(
    errorText(new Error("outer", { cause: inner })),
    "outer: connect ECONNREFUSED 127.0.0.1:1 (ECONNREFUSED)",
  );
  assert.equal(errorText(new TypeError("")), "TypeError");
  assert.equal(errorText("text"), "text");
  assert.equal(errorText({ secret: 1 }), "unknown");
  assert.equal(errorText(undefined), "");
});

test("a circle of causes has an end", () => {
  const error = new Error("again");
  error.cause = error;
  assert.equal(errorText(error), "again: again: again: again: again");
});
