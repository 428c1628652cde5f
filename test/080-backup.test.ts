/**
 * Backup and restore, whole: a gateway under load, `meshagent backup` beside it, and a second gateway on the copy that
 * knows every exchange, opens every key and takes every token of the first.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { signParticipantToken } from "@meshagent/llm-proxy-protocol/token";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import {
  type GatewayProcess,
  killSpawnedGateways,
  meshagentBin,
  spawnGateway,
} from "./bed/gateway-process.ts";

let root: string;
let provider: FakeProvider;
before(async () => {
  root = mkdtempSync(join(tmpdir(), "meshagent-backup-"));
  provider = await startFakeProvider();
});
after(async () => {
  killSpawnedGateways();
  await provider.close();
  rmSync(root, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function meshagent(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const options = { env: { PATH: process.env["PATH"] ?? "", HOME: root, ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, [meshagentBin, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const secretIn = (dataDir: string, file: string): string => readFileSync(join(dataDir, file), "utf8").trim();

async function call<T>(gateway: GatewayProcess, path: string, token: string, body?: unknown): Promise<T> {
  const reply = await fetch(gateway.url + path, {
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined
      ? {}
      : { method: path.endsWith("/providers/openai") ? "PUT" : "POST", body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  assert.ok(reply.ok, `${path}: ${reply.status} ${text}`);
  return JSON.parse(text === "" ? "null" : text) as T;
}

interface Row {
  readonly id: string;
  readonly outcome: string | null;
  readonly cost_nano_usd: number | null;
}

async function ledger(gateway: GatewayProcess, project: string, owner: string): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  let cursor = "";
  do {
    const page: { exchanges: Row[]; next_cursor?: string | null } = await call(
      gateway,
      `/accounts/projects/${project}/llm-proxy/exchanges?limit=500${cursor === "" ? "" : `&cursor=${cursor}`}`,
      owner,
    );
    for (const row of page.exchanges) rows.set(row.id, row);
    cursor = page.next_cursor ?? "";
  } while (cursor !== "");
  return rows;
}

describe("backup and restore", () => {
  it("under load: every exchange that a caller had before it began is there, keys open, tokens work", async () => {
    const dataDir = join(root, "first");
    const first = await spawnGateway({ dataDir });
    const owner = secretIn(dataDir, "owner-token");
    const { projects } = await call<{ projects: { id: string }[] }>(first, "/accounts/projects", owner);
    const project = projects[0]?.id ?? "";
    const { value } = await call<{ value: string }>(first, `/accounts/projects/${project}/api-keys`, owner, {
      name: "ci",
      description: "",
    });
    await call(first, `/accounts/projects/${project}/llm-proxy/providers/openai`, owner, {
      api_key: "sk-of-the-project",
      base_url: provider.openaiBaseUrl,
    });
    const token = await signParticipantToken(
      { room: "r", identity: "i", role: "agent", llm: { models: null } },
      { apiKey: parseApiKey(value), iat: Math.floor(Date.now() / 1000), jti: "j1" },
    );
    const had = new Set<string>();
    const ask = async (gateway: GatewayProcess): Promise<string> => {
      const reply = await fetch(`${gateway.url}/openai/v1/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: '{"model":"gpt-5.5","input":"hello","stream":true}',
      });
      assert.match(await reply.text(), /response\.completed/);
      return reply.headers.get("x-meshagent-exchange-id") ?? "";
    };
    let isLoaded = true;
    const enough = Promise.withResolvers<void>();
    const lanes = Array.from({ length: 8 }, async () => {
      while (isLoaded) {
        had.add(await ask(first));
        if (had.size >= 100) enough.resolve();
      }
    });
    await enough.promise;

    const beforeBackup = new Set(had);
    const file = join(root, "backup.db");
    const { code, stdout, stderr } = await meshagent([
      "backup",
      file,
      "--data-dir",
      dataDir,
      "--with-keys",
      "--json",
    ]);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout) as { exchanges: number; file: string; master_key: { copy: string } };
    assert.ok(had.size > beforeBackup.size, "the gateway served meanwhile");
    isLoaded = false;
    await Promise.all(lanes);
    assert.ok(report.exchanges >= beforeBackup.size);
    for (const name of readdirSync(root).filter((each) => each.startsWith("backup.db"))) {
      assert.equal(statSync(join(root, name)).mode & 0o777, 0o600, name);
    }
    for (const secret of ["sk-of-the-project", owner, secretIn(dataDir, "master.key")]) {
      assert.ok(!(stdout + stderr).includes(secret));
      assert.ok(!readFileSync(file).includes(secret), "the database holds no secret in clear");
    }

    // Restore as docs/operations.md says: three files into an empty directory.
    const restoredDir = join(root, "restored");
    mkdirSync(restoredDir, { mode: 0o700 });
    copyFileSync(file, join(restoredDir, "meshagent.db"));
    copyFileSync(`${file}.master.key`, join(restoredDir, "master.key"));
    copyFileSync(`${file}.owner-token`, join(restoredDir, "owner-token"));
    const second = await spawnGateway({ dataDir: restoredDir });
    const rows = await ledger(second, project, owner);
    assert.deepEqual(
      [...beforeBackup].filter((id) => rows.get(id)?.outcome !== "ok"),
      [],
      `of ${beforeBackup.size}`,
    );
    assert.equal(rows.size, report.exchanges);
    for (const { outcome } of rows.values())
      assert.ok(outcome === "ok" || outcome === "interrupted", `${outcome}`);
    const original = await ledger(first, project, owner);
    for (const [id, row] of rows) {
      if (row.outcome === "ok") assert.deepEqual(row, original.get(id));
    }
    // The old token, the old provider key: a reply of the provider and not of the simulation.
    const asked = await ask(second);
    assert.equal((await ledger(second, project, owner)).get(asked)?.outcome, "ok");
    const last = provider.requests.at(-1);
    assert.ok(last?.headers.some(([, text]) => text === "Bearer sk-of-the-project"));
    assert.equal(await second.terminate(), 0);
    assert.equal(await first.terminate(), 0);
  });

  it("without --with-keys it says what a restore needs, and a restore without the key is refused in words", async () => {
    const dataDir = join(root, "keys");
    const gateway = await spawnGateway({ dataDir });
    await gateway.terminate();
    const file = join(root, "no-keys.db");
    const { code, stdout, stderr } = await meshagent(["backup", file], { MESHAGENT_DATA_DIR: dataDir });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /no-keys\.db {2}0 exchanges, \d+\.\d MB, checked\n$/);
    assert.match(stderr, /A restore needs the master key, too: keep .*keys\/master\.key somewhere else/);
    assert.match(stderr, /owner's token is in .*keys\/owner-token/);
    assert.deepEqual(
      readdirSync(root).filter((name) => name.startsWith("no-keys")),
      ["no-keys.db"],
    );
    const restoredDir = join(root, "keyless");
    mkdirSync(restoredDir, { mode: 0o700 });
    copyFileSync(file, join(restoredDir, "meshagent.db"));
    await assert.rejects(spawnGateway({ dataDir: restoredDir }), /Give back the old key/);
    copyFileSync(join(dataDir, "master.key"), join(restoredDir, "master.key"));
    const restored = await spawnGateway({ dataDir: restoredDir });
    assert.notEqual(secretIn(restoredDir, "owner-token"), secretIn(dataDir, "owner-token"));
    await restored.terminate();
  });

  it("with the key in the environment it says so, and tries it", async () => {
    const dataDir = join(root, "environment");
    const MESHAGENT_MASTER_KEY = Buffer.alloc(32, 5).toString("base64");
    await (await spawnGateway({ dataDir, env: { MESHAGENT_MASTER_KEY } })).terminate();
    const good = await meshagent(["backup", join(root, "e1.db"), "--data-dir", dataDir, "--with-keys"], {
      MESHAGENT_MASTER_KEY,
    });
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stderr, /needs the same MESHAGENT_MASTER_KEY, which is not in the backup/);
    const unknown = await meshagent(["backup", join(root, "e2.db"), "--data-dir", dataDir]);
    assert.equal(unknown.code, 0, unknown.stderr);
    assert.match(unknown.stderr, /No master key was found/);
    const wrong = await meshagent(["backup", join(root, "e3.db"), "--data-dir", dataDir], {
      MESHAGENT_MASTER_KEY: Buffer.alloc(32, 6).toString("base64"),
    });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /not the one that this database was made with/);
    assert.ok(!readdirSync(root).some((name) => name.startsWith("e3")));
  });

  it("refuses what it cannot do: exit 1 or 2, nothing overwritten, nothing left behind", async () => {
    const dataDir = join(root, "refusals");
    await (await spawnGateway({ dataDir })).terminate();
    const file = join(root, "taken.db");
    writeFileSync(file, "precious");
    const taken = await meshagent(["backup", file, "--data-dir", dataDir]);
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /taken\.db is there already/);
    assert.equal(readFileSync(file, "utf8"), "precious");
    // One of three files is in the way: none is written.
    writeFileSync(join(root, "b.db.owner-token"), "precious");
    const key = await meshagent(["backup", join(root, "b.db"), "--data-dir", dataDir, "--with-keys"]);
    assert.equal(key.code, 2);
    assert.match(key.stderr, /b\.db\.owner-token is there already/);
    assert.deepEqual(
      readdirSync(root).filter((name) => name.startsWith("b.db")),
      ["b.db.owner-token"],
    );
    const nowhere = await meshagent(["backup", join(root, "c.db"), "--data-dir", join(root, "nowhere")]);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stderr, /There is no database .*--data-dir/);
    assert.equal((await meshagent(["backup"])).code, 2);
  });
});
