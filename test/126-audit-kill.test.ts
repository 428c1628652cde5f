/** The audit log of gateways, with one worker and with more, that are killed in the middle of changes. Read with the real command. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, it } from "node:test";
import { listAll } from "@meshagent/llm-proxy-protocol/api";
import type { AuditEntry, AuditList } from "@meshagent/llm-proxy-protocol/api";
import { ApiError, createClient } from "@meshagent/llm-proxy-protocol/client";
import { Machine } from "../packages/cli/src/test-bed/command.ts";
import { type GatewayProcess, killSpawnedGateways, spawnGateway } from "./bed/gateway-process.ts";

const ownerToken = "mo-owner-of-the-kill-test";
const dataDir = mkdtempSync(join(tmpdir(), "meshagent-audit-"));
const machine = new Machine();
after(() => {
  killSpawnedGateways();
  machine.remove();
  rmSync(dataDir, { recursive: true, force: true });
});

const start = (workers = 1): Promise<GatewayProcess> =>
  spawnGateway({
    dataDir,
    env: { MESHAGENT_ADMIN_TOKEN: ownerToken },
    flags: ["--workers", String(workers)],
  });

/** Of each start that is killed. */
const WORKERS = [1, 2, 1, 2];
const CALLERS = 8;

/** Creates rooms until the gateway is gone; kills it once so many are there. Gives the names that were answered. */
async function createUntilKilled(gateway: GatewayProcess, round: number): Promise<readonly string[]> {
  const owner = createClient({ baseUrl: gateway.url, token: ownerToken });
  const [project] = (await owner.listProjects()).projects;
  const answered: string[] = [];
  const killAfter = 10 + Math.floor(Math.random() * 30);
  const caller = async (lane: number): Promise<void> => {
    for (let count = 0; ; count++) {
      const name = `${round}-${lane}-${count}`;
      try {
        await owner.createRoom({ project: project?.id ?? "", name });
      } catch (error) {
        // Workers whose keeper was killed say that they could not tell of a change, and then end.
        assert.ok(
          error instanceof ApiError && ["unreachable", "internal_error"].includes(error.code),
          String(error),
        );
        return;
      }
      answered.push(name);
      if (answered.length === killAfter) await gateway.kill();
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, lane) => caller(lane)));
  return answered;
}

describe("a gateway that is killed in the middle of changes", () => {
  const env = (gateway: GatewayProcess): Record<string, string> => ({
    MESHAGENT_API_URL: gateway.url,
    MESHAGENT_TOKEN: ownerToken,
  });

  it("has an entry for each change that is there, and no entry for one that is not", async () => {
    const answered: string[] = [];
    for (const [round, workers] of WORKERS.entries()) {
      answered.push(...(await createUntilKilled(await start(workers), round)));
    }
    const gateway = await start(2);
    const owner = createClient({ baseUrl: gateway.url, token: ownerToken });
    const [project] = (await owner.listProjects()).projects;
    const { rooms } = await listAll("rooms", (page) =>
      owner.listRooms({ project: project?.id ?? "", ...page }),
    );
    const { code, stdout, stderr } = await machine.run(
      ["audit", "--action", "room.create", "--limit", "100000", "--json"],
      { env: env(gateway) },
    );
    assert.equal(code, 0, stderr);
    const { entries } = JSON.parse(stdout) as AuditList;
    const told = entries.map((entry: AuditEntry) => entry.target.name ?? "");
    assert.deepEqual(told.toSorted(), rooms.map(({ name }) => name).toSorted());
    for (const name of answered) assert.ok(told.includes(name), name);
    assert.ok(answered.length >= WORKERS.length * 10);
    assert.ok(entries.every(({ author }) => author.kind === "owner" && author.address === "127.0.0.1"));

    const verified = await machine.run(["audit", "verify"], { env: env(gateway) });
    assert.equal(verified.code, 0, verified.stderr);
    assert.match(verified.stdout, new RegExp(`^${entries[0]?.seq}:[0-9a-f]{64}\n$`));
    assert.equal(await gateway.terminate(), 0);
  });

  it("shows with the same command what somebody did to the file meanwhile", async () => {
    const shell = new DatabaseSync(join(dataDir, "meshagent.db"));
    shell.exec("DROP TRIGGER audit_is_not_deleted; DELETE FROM audit WHERE seq = 5");
    shell.close();
    const gateway = await start();
    const { code, stdout, stderr } = await machine.run(["audit", "verify"], { env: env(gateway) });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /Entry 5 is missing, and there are later ones\./);
    assert.equal(await gateway.terminate(), 0);
  });
});
