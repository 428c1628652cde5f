import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "../packages/gateway/src/config/config.ts";
import { newMasterKey } from "../packages/gateway/src/data-dir.ts";
import { startGateway } from "../packages/gateway/src/gateway.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

test("/readyz is 200 when the only provider is one that a project set (contract 5)", async (context) => {
  const dataDir = mkdtempSync(join(tmpdir(), "meshagent-ready-"));
  const log = (): void => {};
  const gateway = await startGateway({
    config: parseConfig({ flags: { port: "0" }, environment: {}, file: null }),
    dataDir,
    masterKey: new Secret(newMasterKey()),
    ownerToken: new Secret("mo-test"),
    providerDefaults: {},
    priceCard: null,
    tls: null,
    version: "0",
    log: { debug: log, info: log, warn: log, error: log },
  });
  context.after(async () => {
    await gateway.stop();
    rmSync(dataDir, { recursive: true });
  });
  const [project] = await gateway.store.directory.listProjects();
  assert(project !== undefined);
  const settings = {
    projectId: project.id,
    name: "openai",
    apiKey: new Secret("sk-test"),
    baseUrl: null,
    passing: {},
    updatedAtMs: 0,
  };
  await gateway.store.directory.as(systemAuthor).setProvider(settings);
  const reply = await fetch(`${gateway.url}/readyz`);
  assert.deepEqual([reply.status, await reply.json()], [200, { status: "ready" }]);
});
