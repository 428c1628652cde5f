/** Identifiers. Sortable by time where rows are paged by them; never derived from a caller's data. */

import { randomUUID } from "node:crypto";

const CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz";

/** 48 bits of time and 80 random bits, in Crockford's base 32 (the ULID layout, lower case): sorts by creation. */
function ulid(epochMs: number): string {
  // Node draws the bits of UUIDs in stock, which saves a call of the random generator for each id. Of the 122 random
  // bits, 80 are taken: the first 8 digits and the last 12, which hold neither version nor variant.
  const uuid = randomUUID();
  const high = Number.parseInt(uuid.slice(0, 8) + uuid.slice(24, 26), 16);
  const low = Number.parseInt(uuid.slice(26), 16);
  return crockford(epochMs, 10) + crockford(high, 8) + crockford(low, 8);
}

function crockford(value: number, places: number): string {
  let text = "";
  for (let shift = value, place = 0; place < places; place++) {
    text = CROCKFORD.charAt(shift % 32) + text;
    shift = Math.floor(shift / 32);
  }
  return text;
}

/** `ex_` and 26 characters: the id of an exchange, in `x-meshagent-exchange-id` and on its row. */
export function newExchangeId(epochMs: number): string {
  return `ex_${ulid(epochMs)}`;
}

/** `cn_` and 26 characters: the id of a WebSocket, in `x-meshagent-connection-id` and on the rows of its exchanges. */
export function newConnectionId(epochMs: number): string {
  return `cn_${ulid(epochMs)}`;
}

/** `bn_` and 26 characters: the id of a budget's notice, the same in every attempt to deliver it. */
export function newNoticeId(epochMs: number): string {
  return `bn_${ulid(epochMs)}`;
}

/** `req_` and 26 characters: the id of a call of the management API, in `x-request-id` and on the audit log. */
export function newRequestId(epochMs: number): string {
  return `req_${ulid(epochMs)}`;
}

/** The id of one run of a process. Intents carry it, so that a later start can tell whose process is gone. */
export function newBootId(epochMs: number): string {
  return `boot_${ulid(epochMs)}`;
}

/** RFC 9562 version 4, for projects, rooms, service accounts and API keys. */
export function newUuid(): string {
  return randomUUID();
}
