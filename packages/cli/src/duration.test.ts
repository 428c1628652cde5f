import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, parseDurationMs, parseInstantMs } from "./duration.ts";
import { UsageFailure } from "./failure.ts";

test("spans", () => {
  assert.equal(parseDurationMs("90s", "--x"), 90_000);
  assert.equal(parseDurationMs("90m", "--x"), 90 * 60_000);
  assert.equal(parseDurationMs("12h", "--x"), 12 * 3_600_000);
  assert.equal(parseDurationMs("30d", "--x"), 30 * 24 * 3_600_000);
  assert.equal(parseDurationMs("2w", "--x"), 14 * 24 * 3_600_000);
});

test("what is no span is a wrong usage that names the flag", () => {
  for (const text of ["", "0d", "30", "d", "1.5h", "-1d", "1y", "1 d", "9999999999d"]) {
    assert.throws(
      () => parseDurationMs(text, "--life"),
      (error) => error instanceof UsageFailure && error.exitCode === 2 && error.message.includes("--life"),
    );
  }
});

test("instants: back from now, days in UTC, RFC 3339", () => {
  const nowMs = Date.UTC(2026, 10, 24, 12);
  assert.equal(parseInstantMs("7d", "--since", nowMs), Date.UTC(2026, 10, 17, 12));
  assert.equal(parseInstantMs("2026-11-20", "--since", nowMs), Date.UTC(2026, 10, 20));
  assert.equal(parseInstantMs("2026-11-20T01:00:00+02:00", "--since", nowMs), Date.UTC(2026, 10, 19, 23));
  assert.equal(
    parseInstantMs("2026-11-20t01:00:00.5z", "--since", nowMs),
    Date.UTC(2026, 10, 20, 1, 0, 0, 500),
  );
});

test("what is no instant is refused, also a day that does not exist and a time without its zone", () => {
  for (const text of ["", "yesterday", "2026-02-30", "2026-13-01", "2026-11-20T01:00:00", "20261120"]) {
    assert.throws(() => parseInstantMs(text, "--since", 0), UsageFailure, text);
  }
});

test("spans for a person have the two largest units", () => {
  assert.equal(formatDuration(0), "0s");
  assert.equal(formatDuration(59_400), "59s");
  assert.equal(formatDuration(3_600_000), "1h");
  assert.equal(formatDuration(3 * 86_400_000 + 4 * 3_600_000 + 5 * 60_000), "3d 4h");
});
