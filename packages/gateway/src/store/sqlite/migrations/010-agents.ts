/**
 * Schema 10: the rollup tells the agents of a session apart. Sums from before it are of no known agent: most of
 * their exchanges may be gone.
 */

import type { Migration } from "./migration.ts";

export const agents: Migration = {
  about: "lets usage be split by agent",
  statements: `
    CREATE TABLE usage_hours_by_agent (
      project_n INTEGER NOT NULL,
      hour INTEGER NOT NULL,
      room_n INTEGER NOT NULL,
      participant_n INTEGER NOT NULL,
      session_n INTEGER NOT NULL,
      agent_n INTEGER NOT NULL,
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
      PRIMARY KEY (project_n, hour, room_n, participant_n, session_n, agent_n, api_key_n, provider_n, model_n,
        is_simulated)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO names (name) SELECT '' WHERE EXISTS (SELECT 1 FROM usage_hours) ON CONFLICT (name) DO NOTHING;
    INSERT INTO usage_hours_by_agent SELECT
      project_n, hour, room_n, participant_n, session_n, (SELECT n FROM names WHERE name = ''), api_key_n,
      provider_n, model_n, is_simulated, requests, input_tokens, output_tokens, cache_read_input_tokens,
      cache_write_input_tokens, reasoning_output_tokens, cost_nano_usd, unpriced_requests, inexact_requests
      FROM usage_hours WHERE migrated_row();
    DROP TABLE usage_hours;
    ALTER TABLE usage_hours_by_agent RENAME TO usage_hours;
  `,
};
