/** Identifiers. Sortable by time where rows are paged by them; never derived from a caller's data. */

import { randomBytes, randomUUID } from "node:crypto";

const CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz";

/** 48 bits of time and 80 random bits, in Crockford's base 32 (the ULID layout, lower case): sorts by creation. */
function ulid(epochMs: number): string {
  let text = "";
  for (let shift = epochMs, place = 0; place < 10; place++) {
    text = CROCKFORD.charAt(shift % 32) + text;
    shift = Math.floor(shift / 32);
  }
  for (const byte of randomBytes(16)) text += CROCKFORD.charAt(byte & 31);
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

/** The id of one run of a process. Intents carry it, so that a later start can tell whose process is gone. */
export function newBootId(epochMs: number): string {
  return `boot_${ulid(epochMs)}`;
}

/** RFC 9562 version 4, for projects, rooms, service accounts and API keys. */
export function newUuid(): string {
  return randomUUID();
}
