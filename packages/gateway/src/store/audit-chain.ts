/**
 * What makes an edit of the audit log show: each entry carries an HMAC over itself and over the one before it, and
 * one more says which entry is the last. The key is derived from the master key, which is not in the store. Pure.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** For `Vault.deriveKey`. */
export const AUDIT_KEY_PURPOSE = "audit log";

/** What stands before the first entry. */
export const FIRST_LINK: Uint8Array = new Uint8Array(32);

/** A column of an entry as it is stored. */
export type AuditColumn = string | number | null;

/** The code of an entry. `columns` are all of its own, in the order that the store has fixed for ever. */
export function entryMac(key: KeyObject, before: Uint8Array, columns: readonly AuditColumn[]): Uint8Array {
  return mac(key, "entry", before, columns);
}

/** The code that says: this entry is the last. */
export function headMac(key: KeyObject, seq: number, entry: Uint8Array): Uint8Array {
  return mac(key, "head", entry, [seq]);
}

/** In constant time. */
export function isSameMac(given: Uint8Array, expected: Uint8Array): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

// JSON keeps the columns apart, whatever characters they hold; the first word keeps the two kinds apart.
function mac(
  key: KeyObject,
  kind: "entry" | "head",
  before: Uint8Array,
  columns: readonly AuditColumn[],
): Uint8Array {
  return createHmac("sha256", key)
    .update(JSON.stringify([kind, Buffer.from(before).toString("hex"), ...columns]))
    .digest();
}
