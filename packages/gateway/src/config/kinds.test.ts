import assert from "node:assert/strict";
import { test } from "node:test";
import { addresses, choice, duration, flag, integer, list, optional, secret, size, text } from "./kinds.ts";

test("durations take one unit and no bare number", () => {
  const { parse } = duration("V", 0, "");
  assert.deepEqual(["500ms", "30s", "10m", "1h", "0s"].map(parse), [500, 30_000, 600_000, 3_600_000, 0]);
  // 24.8 days are the longest timer of Node.
  assert.equal(parse("2147483647ms"), 2_147_483_647);
  for (const bad of [
    "",
    "30",
    "s",
    "1.5s",
    "-1s",
    "1h30m",
    " 1s",
    "1S",
    "1d",
    "2147483648ms",
    "597h",
    "1e3s",
  ]) {
    assert.throws(() => parse(bad), /must be a duration/, bad);
  }
});

test("sizes take binary units", () => {
  const { parse } = size("V", 0, "");
  assert.deepEqual(
    ["0B", "512B", "1KiB", "64MiB", "2GiB"].map(parse),
    [0, 512, 1024, 67_108_864, 2_147_483_648],
  );
  for (const bad of ["", "64", "64MB", "64mib", "1.5KiB", "-1B", "99999999999999GiB"]) {
    assert.throws(() => parse(bad), /must be a size/, bad);
  }
});

test("whole numbers keep to their bounds", () => {
  const { parse } = integer("V", { byDefault: 5, min: 2, max: 10 }, "");
  assert.deepEqual(["2", "10", "007"].map(parse), [2, 10, 7]);
  for (const bad of ["", "1", "11", "-3", "+3", "3.0", "0x3", "3e0", " 3"])
    assert.throws(() => parse(bad), /from 2 to 10/, bad);
});

test("switches, choices, lists and texts", () => {
  const on = flag("V", "");
  for (const yes of ["1", "true", "TRUE", "yes", "on"]) assert.equal(on.parse(yes), true, yes);
  for (const no of ["0", "false", "no", "OFF", ""]) assert.equal(on.parse(no), false, no);
  assert.throws(() => on.parse("2"), /must be 1 or 0/);
  const either = choice("V", ["a", "b"], "");
  assert.deepEqual([either.byDefault, either.parse("b")], ["a", "b"]);
  for (const bad of ["A", "", "ab"]) assert.throws(() => either.parse(bad), /must be one of a, b/);
  assert.deepEqual(list("V", "").parse(" a, ,b ,"), ["a", "b"]);
  assert.deepEqual(list("V", "").parse(""), []);
  assert.deepEqual([optional("V", "").parse(""), optional("V", "").parse("x")], [null, "x"]);
  assert.equal(text("V", "d", "").parse(" x "), " x ");
  assert.deepEqual([secret("V", "").parse(""), secret("V", "").parse("s")?.reveal()], [null, "s"]);
});

test("addresses and ranges, and what is neither", () => {
  const parsed = addresses("V", "").parse("10.0.0.1, 192.168.0.0/16,fd00::/8");
  for (const inside of ["10.0.0.1", "192.168.77.1"]) assert.equal(parsed.check(inside), true, inside);
  for (const outside of ["10.0.0.2", "192.169.0.1"]) assert.equal(parsed.check(outside), false, outside);
  assert.equal(parsed.check("fd12::1", "ipv6"), true);
  assert.equal(parsed.check("fe80::1", "ipv6"), false);
  assert.equal(addresses("V", "").parse("").check("127.0.0.1"), false);
  for (const bad of [
    "10.0.0",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "proxy.example",
    "::/129",
    "10.0.0.1 10.0.0.2",
  ]) {
    assert.throws(() => addresses("V", "").parse(bad), /must be addresses or CIDR ranges/, bad);
  }
});

test("defaults in words", () => {
  const words = (byDefaultMs: number): string => duration("V", byDefaultMs, "").defaultText;
  assert.deepEqual([60_000, 75_000, 1500, 1_800_000].map(words), ["1m", "75s", "1500ms", "30m"]);
  const sizes = (bytes: number): string => size("V", bytes, "").defaultText;
  assert.deepEqual([1, 1024, 1536, 1_048_576, 1_073_741_824].map(sizes), [
    "1B",
    "1KiB",
    "1536B",
    "1MiB",
    "1GiB",
  ]);
});
