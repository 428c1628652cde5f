/**
 * How a webhook is signed: Standard Webhooks 1.0.0, symmetric. The secret is `whsec_` and the key in base64; signed are
 * the id, the time in seconds and the body, parted by dots, with HMAC-SHA256.
 */

import { createHmac, randomBytes } from "node:crypto";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";

const PREFIX = "whsec_";
/** What the specification recommends. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

export interface SignedContent {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly timestampS: number;
  readonly body: string;
}

/** The value of the `webhook-signature` header. */
export function signatureOf(secret: Secret, { id, timestampS, body }: SignedContent): string {
  const hmac = createHmac("sha256", keyOf(secret)).update(`${id}.${timestampS}.${body}`, "utf8");
  return `v1,${hmac.digest("base64")}`;
}

/** `whsec_` and 32 random bytes in base64. */
export function newWebhookSecret(): string {
  return PREFIX + randomBytes(32).toString("base64");
}

/** False for a text that receivers could not read either. */
export function isWebhookSecret(secret: Secret): boolean {
  const key = keyOf(secret);
  return (
    `${PREFIX}${key.toString("base64")}` === secret.reveal() &&
    key.byteLength >= MIN_KEY_BYTES &&
    key.byteLength <= MAX_KEY_BYTES
  );
}

function keyOf(secret: Secret): Buffer {
  return Buffer.from(secret.reveal().slice(PREFIX.length), "base64");
}
