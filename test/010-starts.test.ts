/** The gateway as it is started: first start, second start, refusals that say what to do, and a clean stop. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  chmodSync,
  existsSync,
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
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import {
  type GatewayProcess,
  GatewayStartError,
  killSpawnedGateways,
  spawnGateway,
} from "./bed/gateway-process.ts";

let root: string;
before(() => {
  root = mkdtempSync(join(tmpdir(), "meshagent-starts-"));
});
after(() => {
  killSpawnedGateways();
  rmSync(root, { recursive: true, force: true });
});

const api = async (
  gateway: GatewayProcess,
  path: string,
  token: string,
): Promise<Record<string, unknown>> => {
  const reply = await fetch(gateway.url + path, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(reply.status, 200, path);
  return (await reply.json()) as Record<string, unknown>;
};

const ownerToken = (dataDir: string): string => readFileSync(join(dataDir, "owner-token"), "utf8").trim();

async function refusal(options: Parameters<typeof spawnGateway>[0]): Promise<GatewayStartError> {
  try {
    const gateway = await spawnGateway(options);
    await gateway.kill();
  } catch (error) {
    assert.ok(error instanceof GatewayStartError);
    assert.doesNotMatch(error.message, /\n\s+at /, "no stack trace");
    return error;
  }
  throw new Error("It started.");
}

describe("a first start, with nothing but a directory to make", () => {
  it("makes keys, project and service account; answers from the simulated provider and says so; stops cleanly", async () => {
    const dataDir = join(root, "first", "deep");
    const gateway = await spawnGateway({ dataDir });
    assert.equal((await fetch(`${gateway.url}/healthz`)).status, 200);
    assert.equal((await fetch(`${gateway.url}/readyz`)).status, 200);
    assert.equal((statSync(dataDir).mode & 0o777).toString(8), "700");
    for (const file of readdirSync(dataDir))
      assert.equal(statSync(join(dataDir, file)).mode & 0o077, 0, `${file} is for its owner alone`);
    assert.deepEqual(JSON.parse(readFileSync(join(dataDir, "gateway.json"), "utf8")), {
      url: gateway.url,
      pid: gateway.pid,
    });

    const token = ownerToken(dataDir);
    const { projects } = (await api(gateway, "/accounts/projects", token)) as {
      projects: { id: string; name: string }[];
    };
    assert.deepEqual(
      projects.map((project) => project.name),
      ["default"],
    );
    const accounts = await api(
      gateway,
      `/accounts/projects/${projects[0]?.id ?? ""}/service-accounts`,
      token,
    );
    assert.match(JSON.stringify(accounts), /"name":"default"/);
    const info = (await api(gateway, "/accounts/info", token)) as { simulated: boolean };
    assert.equal(info.simulated, true);

    const log = gateway.logs.join("\n");
    assert.match(log, /SIMULATED/);
    assert.ok(!log.includes(token), "the owner's token is shown on a terminal only");
    for (const line of gateway.logs)
      assert.equal(typeof (JSON.parse(line) as { time: unknown }).time, "string");
    assert.equal(await gateway.terminate(), 0);
    assert.equal(gateway.stderr(), "");
    assert.ok(!existsSync(join(dataDir, "gateway.json")), "nobody is sent to a gateway that is gone");
  });

  it("a second start keeps all of it", async () => {
    const dataDir = join(root, "second");
    const first = await spawnGateway({ dataDir });
    const token = ownerToken(dataDir);
    const before = await api(first, "/accounts/projects", token);
    await first.terminate();
    const second = await spawnGateway({ dataDir });
    assert.deepEqual(await api(second, "/accounts/projects", token), before);
    await second.terminate();
  });

  it("a provider key in the environment is used, and ends the simulation for all", async () => {
    const provider = await startFakeProvider({ apiKey: "sk-real" });
    const gateway = await spawnGateway({
      dataDir: join(root, "keyed"),
      env: { OPENAI_API_KEY: "sk-real", MESHAGENT_OPENAI_BASE_URL: provider.openaiBaseUrl },
    });
    assert.match(gateway.logs[0] ?? "", /"provider_openai":"environment","provider_anthropic":"none"/);
    assert.ok(!gateway.logs.some((line) => line.includes("sk-real")));
    await gateway.terminate();
    await provider.close();
  });
});

describe("a start that cannot be says what to do", () => {
  it("a port that is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const error = await refusal({ dataDir: join(root, "port"), flags: ["--port", String(port)] });
    other.close();
    assert.equal(error.exitCode, 1);
    assert.match(error.message, /port is taken.*--port/s);
  });

  it("settings that are none: exit 2, and the setting's name", async () => {
    const wrong: readonly [Record<string, string>, RegExp][] = [
      [{ MESHAGENT_FIRST_BYTE_TIMEOUT: "30" }, /MESHAGENT_FIRST_BYTE_TIMEOUT must be a duration/],
      [{ MESHAGENT_TLS_CERT: "/nowhere" }, /certificate and a key/],
      [{ MESHAGENT_PRICES: join(root, "none.json") }, /MESHAGENT_PRICES/],
      [{ MESHAGENT_OPENAI_BASE_URL: "ftp://x" }, /MESHAGENT_OPENAI_BASE_URL/],
      [{ MESHAGENT_DATABASE_URL: "postgres://u:p@db/x" }, /MESHAGENT_DATABASE_URL names PostgreSQL/],
    ];
    for (const [env, message] of wrong) {
      const error = await refusal({ dataDir: join(root, "wrong"), env });
      assert.equal(error.exitCode, 2, JSON.stringify(env));
      assert.match(error.message, message);
    }
    const file = join(root, "config.yaml");
    writeFileSync(file, "prot: 8700\n");
    assert.match(
      (await refusal({ dataDir: join(root, "wrong"), flags: ["--config", file] })).message,
      /unknown key "prot"/,
    );
    writeFileSync(file, "port: [\n");
    const broken = await refusal({ dataDir: join(root, "wrong"), flags: ["--config", file] });
    assert.equal(broken.exitCode, 2);
    assert.match(broken.message, /config\.yaml is no YAML and no JSON/);
    assert.doesNotMatch(broken.message, /\n {4}at /, "no stack");
  });

  it("a wrong master key", async () => {
    const dataDir = join(root, "keychange");
    await (await spawnGateway({ dataDir })).terminate();
    const error = await refusal({
      dataDir,
      env: { MESHAGENT_MASTER_KEY: Buffer.alloc(32, 7).toString("base64") },
    });
    assert.equal(error.exitCode, 1);
    assert.match(error.message, /master key/i);
  });

  it("a data directory that is a file", async () => {
    const file = join(root, "a-file");
    writeFileSync(file, "");
    chmodSync(file, 0o600);
    assert.match((await refusal({ dataDir: file })).message, /--data-dir/);
  });
});

describe("SIGTERM", () => {
  it("takes no new exchange, lets the running one finish, and leaves with 0", async () => {
    const provider: FakeProvider = await startFakeProvider();
    const dataDir = join(root, "drain");
    const env = { OPENAI_API_KEY: "k", MESHAGENT_OPENAI_BASE_URL: provider.openaiBaseUrl };
    const gateway = await spawnGateway({ dataDir, env });
    const projects = (await api(gateway, "/accounts/projects", ownerToken(dataDir))) as {
      projects: { id: string }[];
    };
    const created = await fetch(
      `${gateway.url}/accounts/projects/${projects.projects[0]?.id ?? ""}/api-keys`,
      {
        method: "POST",
        headers: { authorization: `Bearer ${ownerToken(dataDir)}`, "content-type": "application/json" },
        body: '{"name":"k","description":""}',
      },
    );
    const key = JSON.stringify(await created.json()).match(/ma-[^"]+/)?.[0] ?? "";
    const ask = {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      body: '{"model":"gpt-5.5","stream":true,"input":"[[simulate: slow 30ms, length 40]]"}',
    };
    const running = fetch(`${gateway.url}/openai/v1/responses`, ask).then((reply) => reply.text());
    await provider.untilRequests(1);
    const code = gateway.terminate();
    assert.match(await running, /response\.completed/);
    assert.equal(await code, 0);
    await assert.rejects(fetch(`${gateway.url}/healthz`));
    await provider.close();
  });
});
