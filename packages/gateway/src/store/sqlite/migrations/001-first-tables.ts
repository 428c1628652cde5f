/** Schema 1: who may do what, the ledger and its rollup. */

import type { Migration } from "./migration.ts";

export const firstTables: Migration = {
  about: "makes the tables",
  statements: `
    CREATE TABLE meta (
      name TEXT NOT NULL PRIMARY KEY,
      value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE projects (
      id TEXT NOT NULL PRIMARY KEY,
      name TEXT NOT NULL,
      settings TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE service_accounts (
      id TEXT NOT NULL PRIMARY KEY,
      project_id TEXT NOT NULL REFERENCES projects (id),
      name TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      UNIQUE (project_id, name)
    ) STRICT;

    CREATE TABLE api_keys (
      id TEXT NOT NULL PRIMARY KEY,
      project_id TEXT NOT NULL REFERENCES projects (id),
      service_account_id TEXT NOT NULL REFERENCES service_accounts (id),
      name TEXT NOT NULL,
      description TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      deleted_at INTEGER,
      secret BLOB NOT NULL
    ) STRICT;
    CREATE INDEX api_keys_of_project ON api_keys (project_id, created_at);

    CREATE TABLE rooms (
      id TEXT NOT NULL PRIMARY KEY,
      project_id TEXT NOT NULL REFERENCES projects (id),
      name TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      deleted_at INTEGER,
      UNIQUE (project_id, name)
    ) STRICT;

    CREATE TABLE providers (
      project_id TEXT NOT NULL REFERENCES projects (id),
      name TEXT NOT NULL,
      api_key BLOB,
      base_url TEXT,
      updated_at INTEGER NOT NULL,
      PRIMARY KEY (project_id, name)
    ) STRICT, WITHOUT ROWID;

    -- What repeats from row to row, by number.
    CREATE TABLE names (
      n INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE
    ) STRICT;

    -- The ledger. Columns that end in _n hold numbers of names. An exchange runs while outcome is null;
    -- until then usage holds its estimate, which also keeps room in the page for the usage to come.
    CREATE TABLE exchanges (
      id TEXT NOT NULL PRIMARY KEY,
      boot_n INTEGER NOT NULL,
      project_n INTEGER NOT NULL,
      room_n INTEGER NOT NULL,
      participant_n INTEGER NOT NULL,
      role TEXT NOT NULL,
      api_key_n INTEGER NOT NULL,
      token_n INTEGER,
      session_n INTEGER,
      agent_n INTEGER,
      client_n INTEGER,
      dialect TEXT NOT NULL,
      endpoint TEXT NOT NULL,
      transport TEXT NOT NULL,
      provider_n INTEGER NOT NULL,
      requested_model_n INTEGER NOT NULL,
      requested_tier TEXT,
      is_simulated INTEGER NOT NULL CHECK (is_simulated IN (0, 1)),
      received_at INTEGER NOT NULL,
      request_bytes INTEGER NOT NULL,
      outcome TEXT,
      usage_source TEXT,
      status INTEGER,
      model_n INTEGER,
      served_tier TEXT,
      first_byte_at INTEGER,
      completed_at INTEGER,
      response_bytes INTEGER,
      provider_request_id TEXT,
      attempts INTEGER,
      cost_nano_usd INTEGER,
      usage TEXT NOT NULL,
      CHECK (outcome IS NULL OR (usage_source IS NOT NULL AND model_n IS NOT NULL AND completed_at IS NOT NULL
        AND response_bytes IS NOT NULL AND attempts IS NOT NULL))
    ) STRICT;
    CREATE INDEX exchanges_by_time ON exchanges (project_n, received_at, id);
    CREATE INDEX exchanges_by_session ON exchanges (project_n, session_n, received_at, id)
      WHERE session_n IS NOT NULL;
    -- Only running exchanges are in it, so that a start finds its orphans without reading the ledger.
    CREATE INDEX exchanges_running ON exchanges (boot_n) WHERE outcome IS NULL;

    -- The ledger to be read. Filter by the numbers, which are indexed.
    CREATE VIEW named_exchanges AS SELECT
      exchanges.*,
      boot.name AS boot_id,
      project.name AS project_id,
      room.name AS room,
      participant.name AS participant,
      api_key.name AS api_key_id,
      token.name AS token_id,
      session.name AS session_id,
      agent.name AS agent_id,
      client.name AS client,
      provider.name AS provider,
      requested_model.name AS requested_model,
      model.name AS model
    FROM exchanges
    LEFT JOIN names AS boot ON boot.n = boot_n
    LEFT JOIN names AS project ON project.n = project_n
    LEFT JOIN names AS room ON room.n = room_n
    LEFT JOIN names AS participant ON participant.n = participant_n
    LEFT JOIN names AS api_key ON api_key.n = api_key_n
    LEFT JOIN names AS token ON token.n = token_n
    LEFT JOIN names AS session ON session.n = session_n
    LEFT JOIN names AS agent ON agent.n = agent_n
    LEFT JOIN names AS client ON client.n = client_n
    LEFT JOIN names AS provider ON provider.n = provider_n
    LEFT JOIN names AS requested_model ON requested_model.n = requested_model_n
    LEFT JOIN names AS model ON model.n = model_n;

    -- Sums of finished exchanges by the hour they were received in (hours since the epoch). The name ''
    -- stands for a session or model that an exchange does not have.
    CREATE TABLE usage_hours (
      project_n INTEGER NOT NULL,
      hour INTEGER NOT NULL,
      room_n INTEGER NOT NULL,
      participant_n INTEGER NOT NULL,
      session_n INTEGER NOT NULL,
      api_key_n INTEGER NOT NULL,
      provider_n INTEGER NOT NULL,
      model_n INTEGER NOT NULL,
      is_simulated INTEGER NOT NULL,
      requests INTEGER NOT NULL,
      input_tokens INTEGER NOT NULL,
      output_tokens INTEGER NOT NULL,
      cache_read_input_tokens INTEGER NOT NULL,
      cache_write_input_tokens INTEGER NOT NULL,
      reasoning_output_tokens INTEGER NOT NULL,
      cost_nano_usd INTEGER NOT NULL,
      unpriced_requests INTEGER NOT NULL,
      inexact_requests INTEGER NOT NULL,
      PRIMARY KEY (project_n, hour, room_n, participant_n, session_n, api_key_n, provider_n, model_n,
        is_simulated)
    ) STRICT, WITHOUT ROWID;
  `,
};
