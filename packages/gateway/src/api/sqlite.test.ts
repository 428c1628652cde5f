import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { newMasterKey } from "../store/vault.ts";
import { createApi } from "./api.ts";
import { NOW_MS, OWNER_TOKEN } from "./harness.ts";
import { makeProvider } from "./sample-provider.ts";
import { sampleExchange } from "./sample-exchange.ts";

test("over the SQLite store: keys, rooms, exchanges with a cursor, the report", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "meshagent-api-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const clock = { now: () => NOW_MS };
  const masterKey = newMasterKey();
  const store = await openSqliteStore({ directory, masterKey, clock, bootId: "boot_1" });
  context.after(() => store.close());
  const provider = makeProvider("acme");
  const api = createApi({
    directory: store.directory,
    audit: store.audit,
    addressOf: () => "192.0.2.1",
    reports: store.reports,
    limits: store.limits,
    notices: store.notices,
    testWebhook: async () => ({ ok: true, message: "" }),
    clock,
    ownerToken: new Secret(OWNER_TOKEN),
    providers: [provider],
    upstreams: {
      statusOf: async () => [
        {
          provider,
          source: "none",
          baseUrl: provider.defaultBaseUrl,
          passing: { rateLimitHeaders: "pass", acceptedEncodings: [] },
        },
      ],
    },
    testProvider: async () => ({ ok: true, message: "" }),
    info: () => ({
      version: "0",
      publicUrl: "http://gateway.test",
      prices: { shipped_as_of: "2026-11-23", card_as_of: null },
    }),
    log: { error: (message, fields) => assert.fail(`${message} ${JSON.stringify(fields)}`) },
  });
  const server = createServer((request, response) => api.handle(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.closeAllConnections());
  context.after(() => server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const owner = createClient({ baseUrl, token: OWNER_TOKEN });

  const { id: project } = await owner.createProject({ name: "mine" });
  const key = await owner.createApiKey({ project, name: "laptop" });
  const client = createClient({ baseUrl, token: key.value });
  assert.equal((await client.createRoom({ project, name: "lab" })).name, "lab");
  for (const id of ["ex_1", "ex_2"]) {
    const { intent, result } = sampleExchange(project, id);
    const number = Number(id.slice(3));
    const row = { ...intent, apiKeyId: key.id, receivedAtMs: intent.receivedAtMs + number, estimate: [] };
    await store.ledger.recordIntent(row);
    if (result !== null) await store.ledger.recordResult(result);
  }

  const first = await client.listExchanges({ project, limit: 1 });
  assert.deepEqual(
    first.exchanges.map(({ id }) => id),
    ["ex_2"],
  );
  const second = await client.listExchanges({ project, limit: 1, cursor: first.next_cursor ?? "" });
  assert.deepEqual(
    second.exchanges.map(({ id }) => id),
    ["ex_1"],
  );
  assert.deepEqual(await client.getExchange({ project, exchange: "ex_1" }), second.exchanges[0]);
  await assert.rejects(client.listExchanges({ project, cursor: "forged" }), {
    status: 400,
    code: "invalid_request",
  });

  const report = await client.getUsage({ project, by: ["api-key", "session"] });
  assert.deepEqual(
    report.usage.map((row) => [row.api_key_id, row.session_id, row.requests, row.cost_usd]),
    // Twice $0.00452.
    [[key.id, "thread-1", 2, "0.009040000"]],
  );
  assert.deepEqual([report.total.requests, report.total.input_tokens], [2, 2 * 1760]);

  await owner.deleteApiKey({ project, api_key: key.id });
  await assert.rejects(client.listRooms({ project }), { status: 401, code: "revoked_credential" });
  await owner.deleteRoom({ project, room: "lab" });
  assert.equal((await owner.listRooms({ project })).total, 0);
});
