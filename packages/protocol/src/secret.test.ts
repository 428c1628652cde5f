import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";
import { Secret } from "./secret.ts";

const text = "sk-do-not-print";
const secret = new Secret(text);

test("comes out of `reveal` alone", () => {
  assert.equal(secret.reveal(), text);
});

test("no way of printing shows it", () => {
  const prints = [
    String(secret),
    `${secret as unknown as string}`,
    "" + (secret as unknown as string),
    JSON.stringify(secret),
    JSON.stringify({ nested: [secret] }),
    inspect(secret),
    inspect({ nested: { secret } }, { depth: 9, showHidden: true }),
    format("%s %o %O %j", secret, secret, secret, secret),
    JSON.stringify(Object.assign({}, secret)),
    Object.values(secret).join(),
    new Error("x", { cause: secret }).stack ?? "",
    inspect(new Error("x", { cause: secret })),
  ];
  for (const print of prints) assert.doesNotMatch(print, /sk-do/);
  assert.equal(inspect(secret), "[redacted]");
  assert.equal(JSON.stringify({ secret }), '{"secret":"[redacted]"}');
});
