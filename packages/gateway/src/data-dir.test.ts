import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ConfigError } from "./config/config.ts";
import {
  defaultDataDir,
  gatewayFile,
  newMasterKey,
  newOwnerToken,
  openDataDir,
  readOrCreateSecret,
  removeGatewayFile,
  writeGatewayFile,
} from "./data-dir.ts";

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("the data directory", () => {
  let root = "";
  before(() => {
    root = mkdtempSync(join(tmpdir(), "meshagent-data-dir-"));
  });
  after(() => rmSync(root, { recursive: true }));

  it("is made on first start for its owner alone, with what leads to it, and found again", () => {
    const path = join(root, "a", "b");
    assert.deepEqual(openDataDir(path), { path, isNew: true });
    assert.equal(modeOf(path), 0o700);
    assert.deepEqual(openDataDir(path), { path, isNew: false });
  });

  it("that cannot be used is a setting's fault, and names the way out", () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    for (const path of [file, join(file, "below")]) {
      assert.throws(
        () => openDataDir(path),
        (error) => {
          assert(error instanceof ConfigError);
          assert.ok(error.message.includes(path) && error.message.includes("--data-dir"), error.message);
          return true;
        },
      );
    }
  });

  it("makes a secret once, in a file of its owner alone", () => {
    const dataDir = openDataDir(join(root, "secrets"));
    let made = 0;
    const create = (): string => `value-${++made}`;
    assert.equal(readOrCreateSecret(dataDir, "key", create).reveal(), "value-1");
    assert.equal(readOrCreateSecret(dataDir, "key", create).reveal(), "value-1");
    assert.equal(made, 1);
    assert.equal(modeOf(join(dataDir.path, "key")), 0o600);
    assert.deepEqual(readdirSync(dataDir.path), ["key"], "no draft is left");
    assert.equal(readFileSync(join(dataDir.path, "key"), "utf8"), "value-1\n");
  });

  it("shuts a secret file that was opened to others, and reads one made by hand", () => {
    const dataDir = openDataDir(join(root, "copied"));
    const path = join(dataDir.path, "key");
    writeFileSync(path, "  by-hand\n\n");
    chmodSync(path, 0o644);
    assert.equal(readOrCreateSecret(dataDir, "key", () => assert.fail("made")).reveal(), "by-hand");
    assert.equal(modeOf(path), 0o600);
  });

  it("does not take an empty file for a secret", () => {
    const dataDir = openDataDir(join(root, "empty"));
    writeFileSync(join(dataDir.path, "key"), "\n");
    assert.equal(readOrCreateSecret(dataDir, "key", () => "new").reveal(), "new");
    assert.equal(modeOf(join(dataDir.path, "key")), 0o600);
  });

  it("a secret that cannot be read is never replaced, and its error holds no secret", () => {
    const dataDir = openDataDir(join(root, "broken"));
    const inner = openDataDir(join(dataDir.path, "key"));
    assert.throws(
      () => readOrCreateSecret(dataDir, "key", () => "sk-new"),
      (error) => {
        assert(error instanceof ConfigError);
        assert.ok(error.message.includes(inner.path) && !error.message.includes("sk-new"));
        return true;
      },
    );
    assert.ok(statSync(inner.path).isDirectory());
  });

  it("says where the gateway runs while it runs", () => {
    const dataDir = openDataDir(join(root, "running"));
    const path = join(dataDir.path, gatewayFile);
    writeGatewayFile(dataDir, { url: "http://127.0.0.1:1", pid: 7 });
    writeGatewayFile(dataDir, { url: "http://127.0.0.1:2", pid: 8 });
    assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), { url: "http://127.0.0.1:2", pid: 8 });
    assert.equal(modeOf(path), 0o600);
    removeGatewayFile(dataDir);
    removeGatewayFile(dataDir);
    assert.equal(existsSync(path), false);
  });
});

it("new secrets are 32 random bytes and say what they are", () => {
  assert.equal(Buffer.from(newMasterKey(), "base64").byteLength, 32);
  assert.match(newOwnerToken(), /^mo-[\w-]{43}$/);
  assert.notEqual(newMasterKey(), newMasterKey());
  assert.notEqual(newOwnerToken(), newOwnerToken());
});

it("the default is below the home directory", () => {
  assert.match(defaultDataDir(), /[/\\]\.meshagent[/\\]gateway$/);
});
