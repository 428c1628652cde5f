/** Schema 3: a room keeps what its users say of it, and a service account can be deleted. */

import type { Migration } from "./migration.ts";

export const roomDetails: Migration = {
  about: "lets rooms keep metadata and service accounts be deleted",
  statements: `
    -- JSON objects.
    ALTER TABLE rooms ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
    ALTER TABLE rooms ADD COLUMN annotations TEXT NOT NULL DEFAULT '{}';
    -- A tombstone, like that of an API key: deleted keys still name their account.
    ALTER TABLE service_accounts ADD COLUMN deleted_at INTEGER;
  `,
};
