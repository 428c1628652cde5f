import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RequirementError, requireLinux, requireOpenFiles, requireTools } from "./requirements.ts";

const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units
Max processes             96320                96320                processes
Max open files            ${soft.padEnd(20)} 20000                files
`;

describe("requireOpenFiles", () => {
  it("is content with enough", () => {
    requireOpenFiles(4096, limits("4096"));
    requireOpenFiles(4096, limits("unlimited"));
  });
  it("says how many are needed and how to get them", () => {
    assert.throws(
      () => requireOpenFiles(4300, limits("1024")),
      (error: unknown) => {
        assert.ok(error instanceof RequirementError);
        assert.match(error.message, /1024 files here, and 4300 are needed/);
        assert.match(error.message, /ulimit -n 4300/);
        return true;
      },
    );
  });
});

describe("requireTools", () => {
  it("finds programs on the path", () => requireTools(["sh"], "/nowhere:/bin"));
  it("names the package of those that are missing", () => {
    assert.throws(
      () => requireTools(["sh", "no-such-proxy"], "/bin"),
      /no-such-proxy is not on the path.*apt-get install no-such-proxy$/,
    );
  });
});

describe("requireLinux", () => {
  it("refuses another system", () => {
    requireLinux("linux");
    assert.throws(() => requireLinux("darwin"), /Linux only, not darwin/);
  });
});
