/** Schema 4: budgets, rates and caps hold what they limit. */

import type { Migration } from "./migration.ts";

export const limits: Migration = {
  about: "makes the tables of limits",
  statements: `
    -- Nano-dollars. spent + held + leased + free = amount + tolerance; free is what is left, and not kept.
    CREATE TABLE budget_accounts (
      key TEXT NOT NULL PRIMARY KEY,
      limit_id TEXT NOT NULL,
      amount INTEGER NOT NULL,
      tolerance INTEGER NOT NULL,
      spent INTEGER NOT NULL CHECK (spent >= 0),
      held INTEGER NOT NULL CHECK (held >= 0),
      leased INTEGER NOT NULL CHECK (leased >= 0)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX budget_accounts_of_limit ON budget_accounts (limit_id, key);

    -- state: 0 open, 1 settled, 2 forfeited, 3 released. parts: JSON of what was taken of which account.
    CREATE TABLE holds (
      id TEXT NOT NULL PRIMARY KEY,
      boot_id TEXT NOT NULL,
      state INTEGER NOT NULL,
      amount INTEGER NOT NULL,
      charge INTEGER,
      parts TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      CHECK ((state = 0) = (charge IS NULL))
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX holds_open ON holds (id) WHERE state = 0;
    CREATE INDEX holds_closed ON holds (created_at) WHERE state <> 0;

    -- state: 0 open, 1 closed, 2 forfeited. amount: granted and not given back.
    CREATE TABLE leases (
      id TEXT NOT NULL PRIMARY KEY,
      boot_id TEXT NOT NULL,
      account_key TEXT NOT NULL,
      state INTEGER NOT NULL,
      amount INTEGER NOT NULL,
      spent INTEGER NOT NULL CHECK (spent <= amount)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX leases_open ON leases (id) WHERE state = 0;

    -- Rates and what runs, where several processes share them.
    CREATE TABLE shared_counters (
      key TEXT NOT NULL PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
