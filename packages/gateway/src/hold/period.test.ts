import assert from "node:assert/strict";
import { test } from "node:test";
import { Calendar, isTimeZone, type Period } from "./period.ts";

function at(iso: string): number {
  return Date.parse(iso);
}

function show({ key, startMs, endMs }: Period): string {
  return `${key} ${new Date(startMs).toISOString()} ${endMs === null ? "-" : new Date(endMs).toISOString()}`;
}

test("days, weeks and months of UTC", () => {
  const calendar = new Calendar();
  const noon = at("2026-11-25T12:00:00Z");
  assert.equal(
    show(calendar.periodAt("day", "UTC", noon)),
    "2026-11-25 2026-11-25T00:00:00.000Z 2026-11-26T00:00:00.000Z",
  );
  // A Wednesday: its week began on Monday the 23rd.
  assert.equal(
    show(calendar.periodAt("week", "UTC", noon)),
    "2026-11-23 2026-11-23T00:00:00.000Z 2026-11-30T00:00:00.000Z",
  );
  assert.equal(
    show(calendar.periodAt("month", "UTC", noon)),
    "2026-11 2026-11-01T00:00:00.000Z 2026-12-01T00:00:00.000Z",
  );
  assert.equal(show(calendar.periodAt("total", "UTC", noon)), "total 1970-01-01T00:00:00.000Z -");
});

test("the last moment belongs to its own period, the next to the next, also when the answer before was kept", () => {
  const calendar = new Calendar();
  const last = at("2026-12-31T23:59:59.999Z");
  assert.equal(calendar.periodAt("month", "UTC", last).key, "2026-12");
  assert.equal(calendar.periodAt("month", "UTC", last + 1).key, "2027-01");
  assert.equal(calendar.periodAt("month", "UTC", last).key, "2026-12");
  assert.equal(calendar.periodAt("week", "UTC", last).key, "2026-12-28");
});

test("a day is the zone's own, also on the days when its clocks change", () => {
  const calendar = new Calendar();
  assert.equal(
    show(calendar.periodAt("day", "Asia/Kathmandu", at("2026-11-25T18:14:59Z"))),
    "2026-11-25 2026-11-24T18:15:00.000Z 2026-11-25T18:15:00.000Z",
  );
  // 23 hours in spring, 25 in autumn.
  assert.equal(
    show(calendar.periodAt("day", "Europe/Berlin", at("2026-03-29T12:00:00Z"))),
    "2026-03-29 2026-03-28T23:00:00.000Z 2026-03-29T22:00:00.000Z",
  );
  assert.equal(
    show(calendar.periodAt("day", "Europe/Berlin", at("2026-10-25T12:00:00Z"))),
    "2026-10-25 2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z",
  );
  assert.equal(calendar.periodAt("month", "America/Los_Angeles", at("2026-12-01T07:59:59Z")).key, "2026-11");
});

test("periods follow each other without a gap, in every zone tried, through a year", () => {
  const calendar = new Calendar();
  for (const zone of [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
  ]) {
    for (const kind of ["day", "week", "month"] as const) {
      let atMs = at("2026-01-01T12:00:00Z");
      for (let count = 0; count < 370 && atMs < at("2027-01-01T00:00:00Z"); count++) {
        const period = calendar.periodAt(kind, zone, atMs);
        assert.ok(
          period.endMs !== null && period.startMs <= atMs && atMs < period.endMs,
          `${zone} ${show(period)}`,
        );
        const next = calendar.periodAt(kind, zone, period.endMs);
        assert.equal(next.startMs, period.endMs, `${zone} ${kind}: ${show(period)} then ${show(next)}`);
        assert.notEqual(next.key, period.key);
        atMs = period.endMs;
      }
    }
  }
});

test("a time zone is one that the runtime knows", () => {
  assert.deepEqual(["UTC", "Europe/Berlin", "Mars/Base", "", "+25:00"].map(isTimeZone), [
    true,
    true,
    false,
    false,
    false,
  ]);
});
