/**
 * What a gateway of schema 1 left behind: written by its own code, never by this version's. Its secrets were sealed
 * under `version1MasterKey` and belong to nobody. For tests of migrations.
 */

import { Secret } from "@meshagent/llm-proxy-protocol/secret";

export const version1MasterKey: Secret = new Secret(Buffer.alloc(32, 9).toString("base64"));
export const version1ProjectId = "921dbf33-4828-4d83-890d-eee86bfa7b51";

/** Every row, as SQL, to be put into the tables of schema 1. */
export const version1Rows = `
  INSERT INTO meta
    (name, value)
  VALUES
    ('provider_was_set', X'01'),
    ('vault_check', X'01deed6cec692e3ac85f10271a2ad3892284687e60db4408e20781222855c1805e04bcd6209a9da8fa53fade41695a889d8695d04edcf0');
  INSERT INTO projects
    (id, name, settings, created_at)
  VALUES
    ('921dbf33-4828-4d83-890d-eee86bfa7b51', 'team', '{}', 1795132800001);
  INSERT INTO service_accounts
    (id, project_id, name, created_at)
  VALUES
    ('2dae1977-9026-4c06-b3e7-a49ecbb221fb', '921dbf33-4828-4d83-890d-eee86bfa7b51', 'default', 1795132800001);
  INSERT INTO api_keys
    (id, project_id, service_account_id, name, description, created_at, deleted_at, secret)
  VALUES
    ('11111111-1111-4111-8111-111111111111', '921dbf33-4828-4d83-890d-eee86bfa7b51', '2dae1977-9026-4c06-b3e7-a49ecbb221fb', 'ci', 'of the fixture', 1795132800002, NULL, X'01bca55a3f81045cad1410deae053e20e4b0ca88c1d9c353fe0f63f2fd94d206a502f4327dec68a1aedce64b3a'),
    ('22222222-2222-4222-8222-222222222222', '921dbf33-4828-4d83-890d-eee86bfa7b51', '2dae1977-9026-4c06-b3e7-a49ecbb221fb', 'old', '', 1795132800003, 1795132800004, X'016419122ff696809ded0ff17ce4cece1f4061ee2ca4ce1dd53390ba8801cbfb156e132b17dacbb2a491d7175a');
  INSERT INTO rooms
    (id, project_id, name, created_at, deleted_at)
  VALUES
    ('b4c0a86e-3457-48b4-88a4-809d78878db3', '921dbf33-4828-4d83-890d-eee86bfa7b51', 'my-room', 1795132800005, NULL),
    ('6521b37a-1e42-4f75-866d-3e12f29c83c1', '921dbf33-4828-4d83-890d-eee86bfa7b51', 'gone', 1795132800006, 1795132800007);
  INSERT INTO providers
    (project_id, name, api_key, base_url, updated_at)
  VALUES
    ('921dbf33-4828-4d83-890d-eee86bfa7b51', 'openai', X'01666defcbb4b093c602fecb12bfb5b95787ed52a774def4164cedd00abe9b6299f1b2453827f7', 'https://eu.example.com/v1', 1795132800008);
  INSERT INTO names
    (n, name)
  VALUES
    (1, 'boot_1'),
    (2, '921dbf33-4828-4d83-890d-eee86bfa7b51'),
    (3, 'other'),
    (4, 'cli-agent'),
    (5, '11111111-1111-4111-8111-111111111111'),
    (6, 'codex_cli_rs/0.169.0'),
    (7, 'openai'),
    (8, 'gpt-5.5'),
    (9, 'gpt-5.4'),
    (10, ''),
    (11, 'gpt-5.5-2026-04-23'),
    (12, 'my-room'),
    (13, 't1'),
    (14, 's1'),
    (15, 's0');
  INSERT INTO exchanges
    (id, boot_n, project_n, room_n, participant_n, role, api_key_n, token_n, session_n, agent_n, client_n, dialect, endpoint, transport, provider_n, requested_model_n, requested_tier, is_simulated, received_at, request_bytes, outcome, usage_source, status, model_n, served_tier, first_byte_at, completed_at, response_bytes, provider_request_id, attempts, cost_nano_usd, usage)
  VALUES
    ('ex_00', 1, 2, 3, 4, 'agent', 5, NULL, NULL, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795132800000, 4321, 'ok', 'exact', 200, 9, 'standard', 1795132800300, 1795132802000, 8765, 'req_abc', 1, 4520000, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","n":4520000,"l":[["input",1760,"2",1000000,"0.00352"],["output",100,"10",1000000,"0.001"]],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_01', 1, 2, 12, 4, 'agent', 5, 13, 14, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795158000000, 4321, 'ok', 'exact', 200, 11, 'standard', 1795158000300, 1795158002000, 8765, 'req_abc', 1, 4520000, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","n":4520000,"l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_02', 1, 2, 12, 4, 'agent', 5, 13, 15, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795183200000, 4321, 'client_closed', 'partial', 200, 9, 'standard', 1795183200300, 1795183202000, 8765, 'req_abc', 1, 4520000, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","n":4520000,"l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_03', 1, 2, 3, 4, 'agent', 5, 13, 14, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795208400000, 4321, 'not_metered', 'exact', 200, 11, 'standard', 1795208400300, 1795208402000, 8765, 'req_abc', 1, 0, '[]'),
    ('ex_04', 1, 2, 12, 4, 'agent', 5, 13, NULL, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795233600000, 4321, 'interrupted', 'exact', 200, 9, 'standard', 1795233600300, 1795233602000, 8765, 'req_abc', 1, 4520000, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","n":4520000,"l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_05', 1, 2, 12, 4, 'agent', 5, NULL, 14, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795258800000, 4321, 'ok', 'exact', 200, 11, 'standard', 1795258800300, 1795258802000, 8765, 'req_abc', 1, 4520000, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","n":4520000,"l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_06', 1, 2, 3, 4, 'agent', 5, 13, 15, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795284000000, 4321, 'ok', 'exact', 200, 9, 'standard', 1795284000300, 1795284002000, 8765, 'req_abc', 1, NULL, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","n":null,"p":"unpriced","l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_07', 1, 2, 12, 4, 'agent', 5, 13, 14, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 1, 1795309200000, 4321, 'client_closed', 'exact', 200, 11, 'standard', 1795309200300, 1795309202000, 8765, 'req_abc', 1, 4520000, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","n":4520000,"l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_08', 1, 2, 12, 4, 'agent', 5, 13, NULL, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795334400000, 4321, 'not_metered', 'exact', 200, 9, 'standard', 1795334400300, 1795334402000, 8765, 'req_abc', 1, 0, '[]'),
    ('ex_09', 1, 2, 3, 4, 'agent', 5, 13, 14, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795359600000, 4321, 'interrupted', 'exact', 200, 11, 'standard', 1795359600300, 1795359602000, 8765, 'req_abc', 1, 4520000, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","n":4520000,"l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_10', 1, 2, 12, 4, 'agent', 5, NULL, 15, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795384800000, 4321, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","c":"estimated","n":4520000,"l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]'),
    ('ex_11', 1, 2, 12, 4, 'agent', 5, 13, 14, NULL, 6, 'openai', '/v1/responses', 'sse', 7, 8, NULL, 0, 1795410000000, 4321, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '[{"m":"gpt-5.5-2026-04-23","r":"resp_1","i":1760,"o":100,"ir":1000,"iw":40,"or":64,"t":"standard","s":"response.completed","c":"estimated","n":4520000,"l":[],"v":"2026-11-20","w":{"input_tokens":1760,"output_tokens":100}}]');
  INSERT INTO usage_hours
    (project_n, hour, room_n, participant_n, session_n, api_key_n, provider_n, model_n, is_simulated, requests, input_tokens, output_tokens, cache_read_input_tokens, cache_write_input_tokens, reasoning_output_tokens, cost_nano_usd, unpriced_requests, inexact_requests)
  VALUES
    (2, 498648, 3, 4, 10, 5, 7, 11, 0, 1, 1760, 100, 1000, 40, 64, 4520000, 0, 0),
    (2, 498655, 12, 4, 14, 5, 7, 11, 0, 1, 1760, 100, 1000, 40, 64, 4520000, 0, 0),
    (2, 498662, 12, 4, 15, 5, 7, 11, 0, 1, 1760, 100, 1000, 40, 64, 4520000, 0, 1),
    (2, 498676, 12, 4, 10, 5, 7, 11, 0, 1, 1760, 100, 1000, 40, 64, 4520000, 0, 0),
    (2, 498683, 12, 4, 14, 5, 7, 11, 0, 1, 1760, 100, 1000, 40, 64, 4520000, 0, 0),
    (2, 498690, 3, 4, 15, 5, 7, 11, 0, 1, 1760, 100, 1000, 40, 64, 0, 1, 0),
    (2, 498697, 12, 4, 14, 5, 7, 11, 1, 1, 1760, 100, 1000, 40, 64, 4520000, 0, 0),
    (2, 498711, 3, 4, 14, 5, 7, 11, 0, 1, 1760, 100, 1000, 40, 64, 4520000, 0, 0);
`;
