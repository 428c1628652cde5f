/** Schema 12: a hold is a part of its exchange's row, written and settled with it. */

import type { Migration } from "./migration.ts";

export const holdsInExchanges: Migration = {
  about: "moves what is held into the exchanges that it is held for",
  statements: `
    -- Nano-dollars: what is held, null for an exchange without limits, and what it came to, null while it is open.
    ALTER TABLE exchanges ADD COLUMN hold_amount INTEGER;
    ALTER TABLE exchanges ADD COLUMN hold_charge INTEGER;
    -- The name is JSON: the keys of the budgets, then those of what counts what runs.
    ALTER TABLE exchanges ADD COLUMN hold_accounts_n INTEGER;

    INSERT OR IGNORE INTO names (name)
      SELECT DISTINCT json_array(json_extract(parts, '$[0]'), json_extract(parts, '$[2]')) FROM holds;
    UPDATE exchanges SET hold_amount = holds.amount, hold_charge = holds.charge, hold_accounts_n = names.n
      FROM holds
      JOIN names ON names.name = json_array(json_extract(holds.parts, '$[0]'), json_extract(holds.parts, '$[2]'))
      WHERE holds.id = exchanges.id;

    -- Nothing was sent on a hold without an exchange.
    UPDATE budget_accounts SET held = held - (
      SELECT coalesce(sum(holds.amount), 0) FROM holds, json_each(holds.parts, '$[0]') AS account
      WHERE holds.state = 0 AND account.value = budget_accounts.key
        AND holds.id NOT IN (SELECT id FROM exchanges)
    );
    DROP TABLE holds;
  `,
};
