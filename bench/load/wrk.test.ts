import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseWrkResult, wrkScript } from "./wrk.ts";

const page = (result: string): string => `Running 3s test @ http://127.0.0.1:1/v1/responses
  1 threads and 64 connections
  15230 requests in 3.00s, 23.51MB read
Requests/sec:   5071.12
${result}
`;

describe("parseWrkResult", () => {
  it("reads the script's last line", () => {
    assert.deepEqual(parseWrkResult(page("RESULT 15230 412 0 0")), { requests: 15_230, p50Us: 412 });
  });
  it("throws when requests were refused: a refusal costs less than an answer", () => {
    assert.throws(() => parseWrkResult(page("RESULT 15230 412 7 0")), /7 requests were refused and 0 broke/);
  });
  it("throws when requests broke", () => {
    assert.throws(() => parseWrkResult(page("RESULT 15230 412 0 3")), /0 requests were refused and 3 broke/);
  });
  it("throws when nothing was answered", () => {
    assert.throws(() => parseWrkResult(page("RESULT 0 0 0 0")), /more seconds/);
  });
  it("throws without a result", () => {
    assert.throws(() => parseWrkResult("unable to connect"), /no result: unable to connect/);
  });
});

describe("wrkScript", () => {
  it("quotes what it is given", () => {
    const script = wrkScript({ "x-odd": 'a"b\\c' }, "/tmp/body");
    assert.match(script, /^wrk\.headers\["x-odd"\] = "a\\"b\\\\c"$/m);
    assert.match(script, /io\.open\("\/tmp\/body", "rb"\)/);
  });
});
