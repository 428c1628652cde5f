/** Schema 9: budgets tell when their percentages are spent. */

import type { Migration } from "./migration.ts";

export const budgetNotices: Migration = {
  about: "lets budgets tell when so much of them is spent",
  statements: `
    -- JSON array of percentages; NULL until a request shows what an account of an older version tells.
    ALTER TABLE budget_accounts ADD COLUMN notify_at TEXT;
    ALTER TABLE budget_accounts ADD COLUMN ends_at INTEGER;

    -- state: 0 new, 1 waiting, 2 delivered, 3 given up, 4 unsent. due_at: NULL once nothing is left to do.
    CREATE TABLE budget_notices (
      id TEXT NOT NULL PRIMARY KEY,
      account_key TEXT NOT NULL,
      percent INTEGER NOT NULL,
      amount INTEGER NOT NULL,
      limit_id TEXT NOT NULL,
      budget TEXT NOT NULL,
      spent INTEGER NOT NULL,
      resets_at INTEGER,
      made_at INTEGER NOT NULL,
      state INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      due_at INTEGER,
      UNIQUE (account_key, percent, amount)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX budget_notices_due ON budget_notices (due_at, id) WHERE due_at IS NOT NULL;
    CREATE INDEX budget_notices_of_limit ON budget_notices (limit_id, id);
  `,
};
