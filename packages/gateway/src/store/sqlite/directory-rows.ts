/** Reads the rows of the directory's tables. Opens no secret: sealed columns are left to the directory. */

import { parseEncodings, parseHeaderPolicy, type PassingChoice } from "../../passing.ts";
import type { SealedPlace } from "../vault.ts";
import type { Revocation } from "../revocation.ts";
import type { ApiKeyRow, Project, Room, ServiceAccount } from "../store.ts";
import { integer, integerOrNull, text, textOrNull } from "./columns.ts";
import type { Row } from "./columns.ts";

/** A row of `projects`. */
export function readProject(row: Row): Project {
  return {
    id: text(row, "id"),
    name: text(row, "name"),
    settings: parseObject(row, "settings"),
    createdAtMs: integer(row, "created_at"),
  };
}

function parseObject(row: Row, column: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text(row, column));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`The column ${column} holds no object.`);
  }
  return { ...value };
}

/** A row of `service_accounts`. */
export function readServiceAccount(row: Row): ServiceAccount {
  return {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    name: text(row, "name"),
    createdAtMs: integer(row, "created_at"),
  };
}

/** A row of `api_keys`, without its secret. */
export function readApiKey(row: Row): ApiKeyRow {
  return {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    serviceAccountId: text(row, "service_account_id"),
    name: text(row, "name"),
    description: text(row, "description"),
    createdAtMs: integer(row, "created_at"),
    deletedAtMs: integerOrNull(row, "deleted_at"),
  };
}

/** A row of `rooms`. */
export function readRoom(row: Row): Room {
  return {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    name: text(row, "name"),
    createdAtMs: integer(row, "created_at"),
    deletedAtMs: integerOrNull(row, "deleted_at"),
    disabledAtMs: integerOrNull(row, "disabled_at"),
    metadata: parseObject(row, "metadata"),
    annotations: parseTexts(row, "annotations"),
  };
}

/** A row of `revocations`. */
export function readRevocation(row: Row): Revocation {
  const common = {
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    createdAtMs: integer(row, "created_at"),
  };
  const tokenId = textOrNull(row, "token_id");
  if (tokenId !== null) return { ...common, kind: "token", tokenId };
  return {
    ...common,
    kind: "participant",
    room: text(row, "room"),
    participant: text(row, "participant"),
    issuedBeforeMs: integer(row, "issued_before"),
  };
}

function parseTexts(row: Row, column: string): Readonly<Record<string, string>> {
  const entries = Object.entries(parseObject(row, column));
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

/** Where the secret of an API key is kept. */
export function apiKeyPlace(id: string): SealedPlace {
  return { table: "api_keys", rowId: id, column: "secret" };
}

/** Where the key of a provider is kept. */
export function providerPlace(projectId: string, name: string): SealedPlace {
  return { table: "providers", rowId: JSON.stringify([projectId, name]), column: "api_key" };
}

export function readPassing(row: Row): PassingChoice {
  const headers = textOrNull(row, "rate_limit_headers");
  const encodings = textOrNull(row, "accepted_encodings");
  return {
    ...(headers === null ? {} : { rateLimitHeaders: parseHeaderPolicy(headers) }),
    ...(encodings === null ? {} : { acceptedEncodings: parseEncodings(encodings) }),
  };
}
