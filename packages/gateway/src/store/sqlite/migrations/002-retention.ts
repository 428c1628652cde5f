/** Schema 2: old exchanges can be deleted. */

import type { Migration } from "./migration.ts";

export const retention: Migration = {
  about: "lets old exchanges be deleted",
  statements: `
    -- Exchanges received before this (whole hours) may be gone; their sums stay in usage_hours. One row.
    CREATE TABLE retention (
      only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
      exchanges_begin_at INTEGER NOT NULL
    ) STRICT;
    INSERT INTO retention (only_row, exchanges_begin_at) VALUES (1, 0);
  `,
};
