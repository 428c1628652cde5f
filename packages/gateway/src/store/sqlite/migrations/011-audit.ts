/**
 * Schema 11: the audit log. The triggers keep everything that goes through SQL from changing or deleting an entry, also
 * by REPLACE, which fires no trigger of a deletion unless a connection asks for it. Who writes the file by other means
 * is found by the codes (`audit-chain.ts`).
 */

import type { Migration } from "./migration.ts";

export const audit: Migration = {
  about: "adds the audit log",
  statements: `
    CREATE TABLE audit (
      seq INTEGER PRIMARY KEY,
      at INTEGER NOT NULL,
      project_id TEXT,
      action TEXT NOT NULL,
      author_kind TEXT NOT NULL,
      author_id TEXT,
      address TEXT,
      user_agent TEXT,
      request_id TEXT,
      target_kind TEXT NOT NULL,
      target_id TEXT,
      target_name TEXT,
      before TEXT,
      after TEXT,
      mac BLOB NOT NULL
    ) STRICT;
    CREATE INDEX audit_of_project ON audit (project_id, seq);
    CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
      WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM audit)
      BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
    CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
      BEGIN SELECT RAISE(ABORT, 'the audit log is never deleted'); END;

    -- Where the log ends, so that an end that is cut off is missed.
    CREATE TABLE audit_head (
      only INTEGER PRIMARY KEY CHECK (only = 1),
      seq INTEGER NOT NULL,
      mac BLOB NOT NULL,
      seal BLOB NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_head_is_one BEFORE INSERT ON audit_head
      WHEN EXISTS (SELECT 1 FROM audit_head)
      BEGIN SELECT RAISE(ABORT, 'the audit log has one end'); END;
    CREATE TRIGGER audit_head_goes_on BEFORE UPDATE ON audit_head WHEN NEW.seq <= OLD.seq
      BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
    CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
      BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
  `,
};
