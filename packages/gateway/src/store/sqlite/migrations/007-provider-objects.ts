/** Who made which object that a provider keeps, and which exchanges wait for one to tell its usage. */

import type { Migration } from "./migration.ts";

export const providerObjects: Migration = {
  about: "records to which room provider-side objects belong",
  statements: `
    CREATE TABLE provider_objects (
      project_n INTEGER NOT NULL,
      upstream_n INTEGER NOT NULL,
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      room_n INTEGER NOT NULL,
      participant_n INTEGER NOT NULL,
      exchange_id TEXT NOT NULL,
      parent_id TEXT,
      created_at INTEGER NOT NULL,
      expires_at INTEGER,
      -- A JSON list, or null where it is not known.
      models TEXT,
      PRIMARY KEY (project_n, upstream_n, kind, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX provider_objects_by_expiry ON provider_objects (expires_at) WHERE expires_at IS NOT NULL;

    -- Exchanges that stay open until the object they made tells what it used.
    CREATE TABLE later_usage (
      exchange_id TEXT NOT NULL PRIMARY KEY,
      project_n INTEGER NOT NULL,
      upstream_n INTEGER NOT NULL,
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      -- The result as far as it is known, as JSON.
      so_far TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
