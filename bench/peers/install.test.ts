import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { peerProblems, peersDir } from "./install.ts";

const directory = mkdtempSync(join(tmpdir(), "bench-peers-"));
after(() => rmSync(directory, { recursive: true, force: true }));

function write(folder: string, content: object): void {
  mkdirSync(join(directory, folder), { recursive: true });
  writeFileSync(join(directory, folder, "package.json"), JSON.stringify(content));
}

describe("peerProblems", () => {
  it("names what is missing, then what is of another version, then nothing", () => {
    write(".", { dependencies: { "@a/b": "1.2.3" } });
    assert.deepEqual(peerProblems(directory), ["@a/b: 1.2.3 is pinned, none is installed"]);
    write("node_modules/@a/b", { version: "1.2.2" });
    assert.deepEqual(peerProblems(directory), ["@a/b: 1.2.3 is pinned, 1.2.2 is installed"]);
    write("node_modules/@a/b", { version: "1.2.3" });
    assert.deepEqual(peerProblems(directory), []);
  });
});

describe("the peers", () => {
  it("are pinned exactly, and a lock file names no registry", () => {
    const { dependencies } = JSON.parse(readFileSync(join(peersDir, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    for (const version of Object.values(dependencies)) assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.doesNotMatch(readFileSync(join(peersDir, "package-lock.json"), "utf8"), /"resolved"/);
  });
});
