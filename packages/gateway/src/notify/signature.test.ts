/** The signature against what the words of the specification come to, computed here step by step. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { isWebhookSecret, newWebhookSecret, signatureOf } from "./signature.ts";

test("the id, the seconds and the body are signed with the bytes that the secret spells", () => {
  const key = Buffer.from("00112233445566778899aabbccddeeff0123456789abcdef", "hex");
  const secret = new Secret("whsec_ABEiM0RVZneImaq7zN3u/wEjRWeJq83v");
  const body = '{"type":"budget.threshold","name":"Zürich"}';
  const signed = Buffer.concat([
    Buffer.from("bn_01", "ascii"),
    Buffer.from([0x2e]),
    Buffer.from("1764090000", "ascii"),
    Buffer.from([0x2e]),
    Buffer.from(body, "utf8"),
  ]);
  const expected = createHmac("sha256", key).update(signed).digest("base64");
  const signature = signatureOf(secret, { id: "bn_01", timestampS: 1_764_090_000, body });
  assert.equal(signature, `v1,${expected}`);
  assert.equal(signature, "v1,3kAm0LXi9Y/b8XYdH3B79lWubHSRYbJYsy4brAyVbgc=");
});

test("another id, time, body or secret is another signature", () => {
  const content = { id: "bn_01", timestampS: 1, body: "{}" };
  const secret = new Secret(newWebhookSecret());
  const signatures = [
    signatureOf(secret, content),
    signatureOf(secret, { ...content, id: "bn_02" }),
    signatureOf(secret, { ...content, timestampS: 2 }),
    signatureOf(secret, { ...content, body: "{} " }),
    signatureOf(new Secret(newWebhookSecret()), content),
  ];
  assert.equal(new Set(signatures).size, signatures.length);
  assert.equal(signatureOf(secret, content), signatures[0]);
});

test("a secret is `whsec_` and 24 to 64 bytes in base64, and nothing else", () => {
  const ofBytes = (count: number): string => `whsec_${Buffer.alloc(count, 7).toString("base64")}`;
  for (const good of [ofBytes(24), ofBytes(32), ofBytes(64), newWebhookSecret()]) {
    assert.ok(isWebhookSecret(new Secret(good)), good);
  }
  const text = ofBytes(32);
  const bad = [
    "",
    "whsec_",
    ofBytes(23),
    ofBytes(65),
    text.slice("whsec_".length),
    text.replace("whsec_", "whsek_"),
    text.slice(0, -1),
    `${text} `,
    `${text}=`,
    text.replace("B", "!"),
  ];
  for (const each of bad) assert.ok(!isWebhookSecret(new Secret(each)), each);
});
