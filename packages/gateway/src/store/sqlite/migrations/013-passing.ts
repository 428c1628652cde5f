/** Schema 13: an owner chooses how things pass between callers and a provider. */

import type { Migration } from "./migration.ts";

export const passing: Migration = {
  about: "keeps what is chosen about a provider's headers and encodings",
  statements: `
    -- pass or drop; null where nobody chose.
    ALTER TABLE providers ADD COLUMN rate_limit_headers TEXT;
    -- Names with commas, or none; null where nobody chose.
    ALTER TABLE providers ADD COLUMN accepted_encodings TEXT;
  `,
};
