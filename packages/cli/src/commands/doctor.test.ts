import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { TestContext } from "node:test";
import type { Check } from "../checks/check.ts";
import { Machine } from "../test-bed/command.ts";
import { OWNER_TOKEN, StubGateway } from "../test-bed/stub-gateway.ts";

let gateway: StubGateway;
let apiUrl: string;
let machine: Machine;

before(async () => {
  gateway = new StubGateway();
  apiUrl = await gateway.start();
});
after(() => gateway.stop());
beforeEach((context) => {
  machine = new Machine();
  gateway.aheadMs = 0;
  gateway.readiness = { status: 200, body: '{"status":"ready"}' };
  (context as TestContext).after(() => machine.remove());
});

async function examine(
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; checks: Check[]; of: (area: string) => Check[] }> {
  const { code, stdout, stderr } = await machine.run(["doctor", "--json"], { env });
  assert.notEqual(stdout, "", stderr);
  const { checks, ok } = JSON.parse(stdout) as { checks: Check[]; ok: boolean };
  assert.equal(ok, code === 0);
  return { code, checks, of: (area) => checks.filter((check) => check.area === area) };
}

async function setUp(...args: string[]): Promise<void> {
  const { code, stderr } = await machine.run([
    "setup",
    "--api-url",
    apiUrl,
    "--token",
    OWNER_TOKEN,
    "--project",
    "Acme",
    ...args,
  ]);
  assert.equal(code, 0, stderr);
}

async function mint(): Promise<string> {
  const stdin = "version: v1\nkind: ParticipantToken\nroom: r\nidentity: i\napi: {llm: {}}\n";
  return (await machine.run(["token", "--input", "-"], { stdin })).stdout.trim();
}

test("a machine that is set up is fine from end to end", async () => {
  machine.install("codex", "0.169.0");
  machine.install("claude", "2.1.330");
  await setUp("--yes");
  const token = await mint();
  const { code, checks, of } = await examine({ MESHAGENT_ROOM_TOKEN: token, ANTHROPIC_AUTH_TOKEN: token });
  assert.deepEqual(
    checks.filter(({ status }) => status !== "ok"),
    [],
  );
  assert.equal(code, 0);
  assert.match(of("codex")[0]?.found ?? "", /^0\.169\.0, /);
  assert.equal(of("codex")[1]?.found, `sends its requests to ${apiUrl}/openai/v1`);
  assert.equal(of("token").length, 1, "one token under two names is looked at once");
  assert.match(of("token")[0]?.found ?? "", /: i in room r$/);
  assert.match(of("api key")[0]?.found ?? "", /known to the gateway$/);
  const table = await machine.run(["doctor"], { env: { MESHAGENT_ROOM_TOKEN: token } });
  assert.match(table.stdout, /^ok {4}gateway {7}answers at /m);
  assert.match(
    table.stdout,
    /^warn {2}claude {8}ANTHROPIC_AUTH_TOKEN is not set in this shell\n {20}-> Run: export/m,
  );
});

test("no gateway is one failure with one thing to do", async () => {
  const { code, of, checks } = await examine({ MESHAGENT_API_URL: "http://127.0.0.1:9" });
  assert.equal(code, 1);
  assert.equal(of("gateway")[0]?.status, "fail");
  assert.match(of("gateway")[0]?.todo ?? "", /meshagent serve/);
  assert.equal(checks.filter(({ status }) => status === "fail").length, 1);
});

test("a gateway that is not ready says which part is not", async () => {
  gateway.readiness = { status: 503, body: '{"status":"store_unusable"}' };
  assert.equal((await examine({ MESHAGENT_API_URL: apiUrl })).of("store")[0]?.status, "fail");
  gateway.readiness = { status: 503, body: '{"status":"no_provider_configured"}' };
  const { code, of } = await examine({ MESHAGENT_API_URL: apiUrl });
  assert.equal(code, 1);
  assert.match(of("providers")[0]?.todo ?? "", /provider set/);
});

test("clocks that differ, a profile that others can read, a key that is gone", async () => {
  await setUp();
  gateway.aheadMs = 600_000;
  gateway.keys.length = 0;
  chmodSync(join(machine.home, ".meshagent", "profile.json"), 0o644);
  const { code, of } = await examine();
  assert.equal(code, 1);
  assert.equal(of("clock")[0]?.status, "fail");
  assert.match(of("clock")[0]?.found ?? "", /this machine is (10m|9m 5\ds|10m \ds) behind the gateway/);
  assert.match(of("profile")[0]?.todo ?? "", /chmod 600/);
  assert.match(of("api key")[0]?.found ?? "", /was deleted on the gateway/);
});

test("a wrong token is a failure of the sign-in", async () => {
  const { code, of } = await examine({ MESHAGENT_API_URL: apiUrl, MESHAGENT_TOKEN: "nonsense" });
  assert.equal(code, 1);
  assert.equal(of("sign-in")[0]?.status, "fail");
});

test("Codex: the old form, another address, a token that has expired", async () => {
  machine.install("codex", "0.169.0");
  mkdirSync(join(machine.home, ".codex"));
  writeFileSync(
    join(machine.home, ".codex", "config.toml"),
    'profile = "meshagent"\n[model_providers.meshagent]\nbase_url = "http://other/v1"\n[profiles.meshagent]\nmodel = "x"\n',
  );
  const { code, of } = await examine({ MESHAGENT_API_URL: apiUrl, MESHAGENT_ROOM_TOKEN: "nonsense" });
  assert.equal(code, 1);
  const found = [...of("codex"), ...of("token")].map((check) => check.found).join("\n");
  assert.match(found, /sends its requests to http:\/\/other\/v1, not to this gateway/);
  assert.match(found, /no profile for --profile meshagent/);
  assert.match(found, /profile = "meshagent" and \[profiles\.meshagent\]/);
  assert.match(found, /MESHAGENT_ROOM_TOKEN: A participant token has three parts/);
});

test("Codex: a token from the guide's command, from one's own, from two places", async () => {
  machine.install("codex", "0.169.0");
  mkdirSync(join(machine.home, ".codex"));
  const found = async (lines: string, env: Readonly<Record<string, string>> = {}): Promise<string> => {
    const block = `[model_providers.meshagent]\nbase_url = "${apiUrl}/openai/v1"\n${lines}`;
    writeFileSync(join(machine.home, ".codex", "config.toml"), block);
    const { of } = await examine({ MESHAGENT_API_URL: apiUrl, ...env });
    return [...of("codex"), ...of("token")].map(({ status, found: text }) => `${status}: ${text}`).join("\n");
  };
  const command = "auth = { command = 'sh', args = ['-c', 'echo ${MESHAGENT_ROOM_TOKEN:?}'] }\n";
  assert.match(await found(command), /MESHAGENT_ROOM_TOKEN is not set/);
  assert.doesNotMatch(await found(command), /fail/);
  assert.match(
    await found(command, { MESHAGENT_ROOM_TOKEN: "nonsense" }),
    /fail: MESHAGENT_ROOM_TOKEN: A participant token has three parts/,
  );
  assert.doesNotMatch(await found("auth = { command = 'vault' }\n"), /MESHAGENT_ROOM_TOKEN|fail/);
  assert.match(
    await found(`env_key = "MESHAGENT_ROOM_TOKEN"\n${command}`),
    /fail: its provider block has both env_key and auth, with which Codex does not start/,
  );
});

test("Claude Code: both variables set, a base URL of the wrong path, settings that cannot be read", async () => {
  machine.install("claude", "2.1.330");
  const env = {
    MESHAGENT_API_URL: apiUrl,
    ANTHROPIC_BASE_URL: `${apiUrl}/anthropic/v1`,
    ANTHROPIC_API_KEY: "sk",
    ANTHROPIC_AUTH_TOKEN: "x",
  };
  const found = (await examine(env))
    .of("claude")
    .map((check) => check.found + (check.todo ?? ""))
    .join("\n");
  assert.match(found, /are both set/);
  assert.match(found, new RegExp(`It should be ${apiUrl}/anthropic\\.`));
  mkdirSync(join(machine.home, ".claude"));
  writeFileSync(join(machine.home, ".claude", "settings.json"), "{");
  assert.match((await examine(env)).of("claude")[0]?.found ?? "", /settings\.json: it is not JSON/);
});

test("prices that are older than a month are a warning, and no failure", async () => {
  await setUp();
  gateway.pricesAsOf = new Date(Date.now() - 40 * 86_400_000).toISOString().slice(0, 10);
  const { code, of } = await examine();
  gateway.pricesAsOf = new Date().toISOString().slice(0, 10);
  assert.equal(code, 0);
  assert.equal(of("prices")[0]?.status, "warn");
  assert.match(of("prices")[0]?.found ?? "", /^the gateway's prices are of 20[\d-]{8}, 40 days old/);
  assert.match(of("prices")[0]?.todo ?? "", /Update the gateway, or name a price card .* MESHAGENT_PRICES/);
});

test("a profile that cannot be read is the one thing to mend first", async () => {
  await setUp();
  writeFileSync(join(machine.home, ".meshagent", "profile.json"), "{");
  const { code, checks } = await examine();
  assert.equal(code, 1);
  assert.deepEqual(
    checks.map(({ area, status }) => [area, status]),
    [
      ["meshagent", "ok"],
      ["profile", "fail"],
    ],
  );
});

test("a client that is set up without being on the PATH is looked at, too", async () => {
  mkdirSync(join(machine.home, ".codex"));
  writeFileSync(join(machine.home, ".codex", "config.toml"), '[profiles.meshagent]\nmodel = "x"\n');
  const { code, of } = await examine({ MESHAGENT_API_URL: apiUrl });
  assert.equal(code, 1);
  assert.match(of("codex").at(-1)?.found ?? "", /the old profile form \[profiles\.meshagent\]/);
});

test("an address that is no URL", async () => {
  const { code, of } = await examine({ MESHAGENT_API_URL: "127.0.0.1:8700" });
  assert.equal(code, 1);
  assert.match(of("gateway")[0]?.todo ?? "", /looks like http:\/\/127\.0\.0\.1:8700/);
});
