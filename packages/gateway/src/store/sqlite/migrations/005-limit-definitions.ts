/** Schema 5: what operators limit. */

import type { Migration } from "./migration.ts";

export const limitDefinitions: Migration = {
  about: "makes the table of what operators limit",
  statements: `
    CREATE TABLE limits (
      id TEXT NOT NULL PRIMARY KEY,
      project_id TEXT NOT NULL REFERENCES projects (id),
      created_at INTEGER NOT NULL,
      definition TEXT NOT NULL
    ) STRICT;
    CREATE INDEX limits_of_project ON limits (project_id, created_at);
  `,
};
