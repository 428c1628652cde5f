import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { findStampUs, nowUs, stampText } from "./stamp.ts";

describe("stamp", () => {
  it("is found again", () => assert.equal(findStampUs(`data: {"delta":"${stampText(123_456)}"}`), 123_456));
  it("is always as long", () => assert.equal(stampText(1).length, stampText(nowUs()).length));
  it("is not found where there is none", () => {
    assert.equal(findStampUs("mail: somebody@example.org"), null);
    assert.equal(findStampUs("@12@"), null);
  });
  it("is on a clock that another process shares", () => {
    const before = nowUs();
    const script = `import { nowUs } from ${JSON.stringify(new URL("stamp.ts", import.meta.url).href)};
      process.stdout.write(String(nowUs()));`;
    const there = Number(execFileSync(process.execPath, ["--input-type=module", "-e", script]).toString());
    assert.ok(before < there && there < nowUs(), `${before} < ${there}`);
  });
});
