import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findMode, rewriteFile, writePrivateFile } from "./private-file.ts";

const directory = mkdtempSync(join(tmpdir(), "meshagent-private-"));
after(() => rmSync(directory, { recursive: true }));

test("a private file is its owner's alone, also where a readable one was", () => {
  const path = join(directory, "new", "secret");
  writePrivateFile(path, "one");
  assert.equal(findMode(path), 0o600);
  assert.equal(statSync(join(directory, "new")).mode & 0o777, 0o700);
  chmodSync(path, 0o644);
  writePrivateFile(path, "two");
  assert.equal(findMode(path), 0o600);
  assert.equal(readFileSync(path, "utf8"), "two");
  assert.deepEqual(readdirSync(join(directory, "new")), ["secret"], "no draft stays behind");
});

test("a rewritten file keeps its mode, and a link to it stays a link", () => {
  const path = join(directory, "settings");
  const link = join(directory, "link");
  writeFileSync(path, "old");
  chmodSync(path, 0o640);
  symlinkSync(path, link);
  rewriteFile(link, "new");
  assert.equal(readFileSync(path, "utf8"), "new");
  assert.equal(findMode(path), 0o640);
  assert.ok(lstatSync(link).isSymbolicLink());
});

test("a file that cannot be replaced stays as it is, and no draft stays behind", () => {
  const path = join(directory, "a-directory", "x");
  writePrivateFile(join(path, "inside"), "1");
  assert.throws(() => writePrivateFile(path, "2"));
  assert.deepEqual(readdirSync(join(directory, "a-directory")), ["x"]);
});
