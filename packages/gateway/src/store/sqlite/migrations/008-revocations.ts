/** Schema 8: tokens can be revoked, and rooms disabled. */

import type { Migration } from "./migration.ts";

export const revocations: Migration = {
  about: "lets tokens be revoked and rooms be disabled",
  statements: `
    -- Either one token, or the tokens of a participant in a room that were issued before a time.
    CREATE TABLE revocations (
      id TEXT NOT NULL PRIMARY KEY,
      project_id TEXT NOT NULL REFERENCES projects (id),
      created_at INTEGER NOT NULL,
      token_id TEXT,
      room TEXT,
      participant TEXT,
      issued_before INTEGER,
      CHECK ((token_id IS NULL) = (room IS NOT NULL)),
      CHECK ((room IS NULL) = (participant IS NULL)),
      CHECK ((room IS NULL) = (issued_before IS NULL))
    ) STRICT;
    CREATE UNIQUE INDEX revoked_tokens ON revocations (project_id, token_id) WHERE token_id IS NOT NULL;
    CREATE INDEX revoked_participants ON revocations (project_id, room, participant, issued_before)
      WHERE room IS NOT NULL;
    CREATE INDEX revocations_of_project ON revocations (project_id, created_at);

    ALTER TABLE rooms ADD COLUMN disabled_at INTEGER;
  `,
};
