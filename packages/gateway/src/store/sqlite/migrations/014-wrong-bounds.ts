/** Schema 14: what bounded less than was billed is not forgotten by a restart. */

import type { Migration } from "./migration.ts";

export const wrongBounds: Migration = {
  about: "keeps which bounds were wrong",
  statements: `
    CREATE TABLE wrong_bounds (
      subject TEXT NOT NULL,
      kind TEXT NOT NULL,
      seen_at INTEGER NOT NULL,
      exchange_id TEXT NOT NULL,
      PRIMARY KEY (subject, kind)
    ) STRICT, WITHOUT ROWID;
  `,
};
