import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { MasterKeyError } from "./errors.ts";
import { newMasterKey, parseMasterKey, Vault } from "./vault.ts";

const place = { table: "providers", rowId: '["p","openai"]', column: "api_key" };
const KEY_TEXT = Buffer.alloc(32, 7).toString("base64");

test("a sealed secret opens in its own place, and holds nothing readable", () => {
  const vault = new Vault(newMasterKey());
  for (const text of ["", "sk-proj-abc", "ü".repeat(500)]) {
    const sealed = vault.seal(new Secret(text), place);
    assert.equal(vault.open(sealed, place).reveal(), text);
    assert.equal(sealed.length, 29 + Buffer.byteLength(text));
    if (text !== "") assert.equal(Buffer.from(sealed).includes(text), false);
  }
});

test("the same secret is never sealed to the same bytes", () => {
  const vault = new Vault(newMasterKey());
  const seen = new Set<string>();
  for (let round = 0; round < 200; round++) {
    seen.add(Buffer.from(vault.seal(new Secret("same"), place)).toString("hex"));
  }
  assert.equal(seen.size, 200);
});

test("a sealed secret does not open in another table, row or column", () => {
  const vault = new Vault(newMasterKey());
  const sealed = vault.seal(new Secret("sk"), place);
  for (const other of [
    { ...place, table: "api_keys" },
    { ...place, rowId: '["p","anthropic"]' },
    { ...place, column: "secret" },
    { table: "providers", rowId: place.rowId + place.column, column: "" },
  ]) {
    assert.throws(() => vault.open(sealed, other), MasterKeyError);
  }
});

test("a sealed secret with any byte changed, or cut short, does not open", () => {
  const vault = new Vault(newMasterKey());
  const sealed = vault.seal(new Secret("sk-1"), place);
  for (let index = 0; index < sealed.length; index++) {
    const changed = Uint8Array.from(sealed);
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.throws(() => vault.open(changed, place), MasterKeyError, `byte ${index}`);
    assert.throws(() => vault.open(sealed.subarray(0, index), place), MasterKeyError, `length ${index}`);
  }
});

test("the check value opens under its own master key alone, and the refusal says what to do", () => {
  const check = new Vault(parseMasterKey(KEY_TEXT)).makeCheck();
  new Vault(parseMasterKey(KEY_TEXT)).verifyCheck(check);
  assert.throws(() => new Vault(newMasterKey()).verifyCheck(check), {
    name: "MasterKeyError",
    message: /not the one that this database was made with.*MESHAGENT_MASTER_KEY/,
  });
});

test("a secret of a later key version is refused as such", () => {
  const vault = new Vault(newMasterKey());
  const sealed = Uint8Array.from(vault.seal(new Secret("sk"), place));
  sealed[0] = 2;
  assert.throws(() => vault.open(sealed, place), /key version 2.*knows 1 only/);
});

test("a master key is 32 bytes in base64, with or without padding and white space", () => {
  assert.equal(parseMasterKey(KEY_TEXT).reveal(), KEY_TEXT);
  assert.equal(parseMasterKey(` ${KEY_TEXT}\n`).reveal(), KEY_TEXT);
  assert.equal(parseMasterKey(KEY_TEXT.slice(0, -1)).reveal(), KEY_TEXT);
  assert.equal(Buffer.from(newMasterKey().reveal(), "base64").length, 32);
});

test("a malformed master key is refused without being repeated", () => {
  const bad = [
    "",
    "hunter2",
    Buffer.alloc(31).toString("base64"),
    Buffer.alloc(33).toString("base64"),
    `${KEY_TEXT.slice(0, 20)} ${KEY_TEXT.slice(20)}`,
    KEY_TEXT.replace("w", "!"),
    `${KEY_TEXT}==`,
  ];
  for (const text of bad) {
    assert.throws(
      () => parseMasterKey(text),
      (error: Error) => error instanceof MasterKeyError && (text === "" || !error.message.includes(text)),
      text,
    );
  }
  assert.throws(() => new Vault(new Secret("short")), MasterKeyError);
});

test("a vault shows no key when it is printed", () => {
  const vault = new Vault(parseMasterKey(KEY_TEXT));
  assert.equal(inspect(vault, { depth: 9, showHidden: true }).includes(KEY_TEXT), false);
  assert.equal(JSON.stringify(vault), "{}");
});

test("a derived key is one purpose's and one master key's, and not the master key", () => {
  const vault = new Vault(parseMasterKey(KEY_TEXT));
  const text = (of: Vault, purpose: string): string => of.deriveKey(purpose).export().toString("base64");
  assert.equal(text(vault, "one"), text(new Vault(parseMasterKey(KEY_TEXT)), "one"));
  assert.notEqual(text(vault, "one"), text(vault, "other"));
  assert.notEqual(text(vault, "one"), text(new Vault(newMasterKey()), "one"));
  assert.notEqual(text(vault, "one"), KEY_TEXT);
  assert.equal(vault.deriveKey("one").symmetricKeySize, 32);
});
