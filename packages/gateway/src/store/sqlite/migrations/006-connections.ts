/** Schema 6: exchanges that ran in a WebSocket say in which. */

import type { Migration } from "./migration.ts";

export const connections: Migration = {
  about: "lets exchanges name the WebSocket that they ran in",
  // The view of exchanges selects `exchanges.*`, and has the column from now on.
  statements: "ALTER TABLE exchanges ADD COLUMN connection_id TEXT;",
};
