import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { TestContext } from "node:test";
import { findMode } from "../private-file.ts";
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
  gateway.projects.length = 0;
  gateway.keys.length = 0;
  gateway.calls.length = 0;
  (context as TestContext).after(() => machine.remove());
});

function write(path: string, text: string): void {
  const file = join(machine.home, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
}

function read(path: string): string {
  return readFileSync(join(machine.home, path), "utf8");
}

const tokenCommand =
  '\n[model_providers.meshagent.auth]\ncommand = "sh"\n' +
  'args = ["-c", "echo ${MESHAGENT_ROOM_TOKEN:?is not set. Export a participant token}"]\n';

/** As the gateway leaves it while it runs. */
function runsHere(): void {
  write(".meshagent/gateway/gateway.json", JSON.stringify({ url: apiUrl, pid: 1 }));
  write(".meshagent/gateway/owner-token", `${OWNER_TOKEN}\n`);
}

test("where the gateway runs, setup needs nothing: it finds the token, makes project and key, configures the clients", async () => {
  runsHere();
  machine.install("codex", "0.169.0");
  machine.install("claude", "2.1.330");
  const { code, stdout, stderr } = await machine.run(["setup", "--yes"]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "");
  assert.equal(
    read(".codex/config.toml"),
    readFileSync("examples/codex/config-asking.toml", "utf8").replace("http://127.0.0.1:8700", apiUrl),
    "as the guide shows it",
  );
  assert.equal(read(".codex/meshagent.config.toml"), 'model_provider = "meshagent"\nmodel = "gpt-5.5"\n');
  assert.deepEqual(JSON.parse(read(".claude/settings.json")), {
    env: { ANTHROPIC_BASE_URL: `${apiUrl}/anthropic`, ANTHROPIC_API_KEY: "" },
  });
  assert.equal(gateway.projects[0]?.name, "default");
  assert.equal(gateway.keys.length, 1);
  const profile = JSON.parse(read(".meshagent/profile.json")) as Record<string, unknown>;
  assert.deepEqual([profile["api_url"], profile["project_id"]], [apiUrl, gateway.projects[0]?.id]);
  assert.equal(findMode(join(machine.home, ".meshagent/profile.json")), 0o600);
  assert.doesNotMatch(stderr, new RegExp(OWNER_TOKEN));
  assert.match(stderr, /2\. Codex:\n +export MESHAGENT_ROOM_TOKEN=.*\n +codex --profile meshagent\n/);
  assert.match(stderr, /3\. Claude Code:\n +export ANTHROPIC_AUTH_TOKEN=.* ANTHROPIC_API_KEY=""\n +claude\n/);

  const again = await machine.run(["setup", "--yes"]);
  assert.match(again.stderr, /Codex: configured already\.\nClaude Code: configured already\./);
  assert.equal(gateway.projects.length, 1);
  assert.equal(gateway.keys.length, 1);
  assert.deepEqual(
    readdirSync(join(machine.home, ".codex")).sort(),
    ["config.toml", "meshagent.config.toml"],
    "no copy of an unchanged file",
  );
});

test("what was in the files stays, replaced values are said, and a copy of the old file is kept", async () => {
  runsHere();
  machine.install("codex", "0.169.0");
  machine.install("claude", "2.1.330");
  const toml =
    '# mine\nmodel = "o9" # best\n\n[model_providers.meshagent]\nbase_url = "http://old/v1" # tunnel\n\n[profiles.meshagent]\nmodel = "x"\n';
  const json = '{\n  // mine\n  "env": { "ANTHROPIC_API_KEY": "sk-ant-mine" }\n}\n';
  write(".codex/config.toml", toml);
  write(".claude/settings.json", json);
  const { code, stderr } = await machine.run(["setup", "--yes"]);
  assert.equal(code, 0, stderr);
  assert.equal(
    read(".codex/config.toml"),
    toml.replace(
      'base_url = "http://old/v1" # tunnel\n',
      `base_url = "${apiUrl}/openai/v1" # tunnel\nname = "MeshAgent"\n`,
    ) + tokenCommand,
  );
  assert.equal(
    read(".claude/settings.json"),
    json.replace('"sk-ant-mine"', `"sk-ant-mine", "ANTHROPIC_BASE_URL": "${apiUrl}/anthropic"`),
  );
  assert.match(stderr, /replaces "http:\/\/old\/v1"/);
  assert.match(stderr, /still has \[profiles\.meshagent\]/);
  assert.match(stderr, /ANTHROPIC_API_KEY, which was left alone/);
  assert.doesNotMatch(stderr, /sk-ant-mine/);
  const copy = readdirSync(join(machine.home, ".codex")).find((name) => name.includes(".before-meshagent-"));
  assert.equal(read(`.codex/${copy}`), toml);
});

test("Codex's env_key gives way to a command, with which Codex asks for the models; it is said and a copy kept", async () => {
  runsHere();
  machine.install("codex", "0.169.0");
  const block = `[model_providers.meshagent]\r\nname = "MeshAgent"\r\nbase_url = "${apiUrl}/openai/v1"\r\n`;
  const toml = `${block}env_key = "MESHAGENT_ROOM_TOKEN" # mine\r\n# end\r\n\r\n[other]\r\nx = 1\r\n`;
  write(".codex/config.toml", toml);
  const { code, stderr } = await machine.run(["setup", "--yes"]);
  assert.equal(code, 0, stderr);
  assert.equal(
    read(".codex/config.toml"),
    `${block}# end\r\n\r\n[other]\r\nx = 1\r\n${tokenCommand.replaceAll("\n", "\r\n")}`,
  );
  assert.match(stderr, / {2}- model_providers\.meshagent\.env_key {3}\(was "MESHAGENT_ROOM_TOKEN"\)\n/);
  assert.match(stderr, / {2}\+ model_providers\.meshagent\.auth\.command = "sh"\n/);
  const copy = readdirSync(join(machine.home, ".codex")).find((name) => name.includes(".before-meshagent-"));
  assert.equal(read(`.codex/${copy}`), toml);
  const again = await machine.run(["setup", "--yes"]);
  assert.match(again.stderr, /Codex: configured already\./);
});

test("a command of one's own that gives Codex its token stays", async () => {
  runsHere();
  machine.install("codex", "0.169.0");
  const own = '[model_providers.meshagent]\nname = "MeshAgent"\nbase_url = "http://old/v1"\n';
  const auth = '[model_providers.meshagent.auth]\ncommand = "vault"\nargs = ["read", "token"]\n';
  write(".codex/config.toml", own + auth);
  assert.equal((await machine.run(["setup", "--yes"])).code, 0);
  assert.equal(read(".codex/config.toml"), own.replace("http://old/v1", `${apiUrl}/openai/v1`) + auth);
});

test("without a person and without a flag no settings file is touched", async () => {
  runsHere();
  machine.install("codex", "0.169.0");
  const { code, stderr } = await machine.run(["setup"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /meshagent setup --configure-codex/);
  assert.match(stderr, /Claude Code: not found on PATH/);
  assert.equal(readdirSync(machine.home).includes(".codex"), false);
  assert.match(stderr, /2\. Codex:\n +npx meshagent setup --configure-codex\n +export MESHAGENT_ROOM_TOKEN=/);
  const base = `3. Claude Code:\n       export ANTHROPIC_BASE_URL=${apiUrl}/anthropic\n       export ANTHROPIC_AUTH_TOKEN=`;
  assert.ok(stderr.includes(base), stderr);
});

test("flags choose the clients and where their files are", async () => {
  runsHere();
  machine.install("codex", "0.169.0");
  const env = { CODEX_HOME: join(machine.home, "cx"), CLAUDE_CONFIG_DIR: join(machine.home, "cc") };
  const { code, stderr } = await machine.run(
    ["setup", "--yes", "--no-configure-codex", "--configure-claude"],
    { env },
  );
  assert.equal(code, 0, stderr);
  assert.equal(readdirSync(machine.home).includes("cx"), false);
  assert.match(read("cc/settings.json"), /ANTHROPIC_BASE_URL/);
});

test("a file that cannot be edited safely is left alone, and setup goes on", async () => {
  runsHere();
  machine.install("codex", "0.169.0");
  machine.install("claude", "2.1.330");
  write(".codex/config.toml", "model = [\n");
  const { code, stderr } = await machine.run(["setup", "--yes"]);
  assert.equal(code, 0, stderr);
  assert.equal(read(".codex/config.toml"), "model = [\n");
  assert.match(stderr, /Codex was not configured\. .*config\.toml: it is not TOML/);
  assert.equal(readdirSync(join(machine.home, ".codex")).length, 1, "nothing half done");
  assert.match(read(".claude/settings.json"), /ANTHROPIC_BASE_URL/);
});

test("a project by name, by id, new, or ambiguous", async () => {
  const acme = gateway.addProject("Acme");
  gateway.addProject("Other");
  const setup = (...args: string[]): ReturnType<Machine["run"]> =>
    machine.run(["setup", "--api-url", apiUrl, "--token", "-", ...args], { stdin: OWNER_TOKEN });
  const several = await setup();
  assert.equal(several.code, 1);
  assert.match(several.stderr, /There are 2 projects[^]*--project NAME[^]*Acme, Other/);
  assert.match((await setup("--project", "Acme")).stderr, new RegExp(`Project: Acme \\(${acme.id}\\)`));
  assert.match((await setup()).stderr, /Project: Acme/, "the active one stays");
  assert.match((await setup("--project", acme.id.toUpperCase())).stderr, /Project: Acme/);
  assert.match((await setup("--project", "New")).stderr, /Created project New/);
  gateway.addProject("Acme");
  assert.match((await setup("--project", "Acme")).stderr, /There are 2 projects named Acme/);
});

test("a key that the gateway does not know any more is replaced", async () => {
  runsHere();
  await machine.run(["setup"]);
  gateway.keys.length = 0;
  const { stderr } = await machine.run(["setup"]);
  assert.match(stderr, /was deleted on the gateway/);
  assert.equal(gateway.keys.length, 1);
});

test("no gateway, no token, and a wrong token each say what to do", async () => {
  const nobody = await machine.run(["setup", "--api-url", "http://127.0.0.1:9"]);
  assert.equal(nobody.code, 1);
  assert.match(
    nobody.stderr,
    /No gateway answers at http:\/\/127\.0\.0\.1:9.*\nStart one with: meshagent serve/,
  );
  const unknown = await machine.run(["setup", "--api-url", apiUrl]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /owner-token of the gateway's data directory/);
  const wrong = await machine.run(["setup", "--api-url", apiUrl, "--token", "nonsense"]);
  assert.equal(wrong.code, 1);
  assert.doesNotMatch(wrong.stderr, /nonsense/);
  assert.equal(
    readdirSync(machine.home).includes(".meshagent"),
    false,
    "nothing is kept of a failed sign-in",
  );
});

test("an old stored token gives way to the one in the data directory; that one goes to this machine alone", async () => {
  runsHere();
  write(".meshagent/profile.json", JSON.stringify({ api_url: apiUrl, admin_token: "an-old-one" }));
  assert.equal((await machine.run(["setup"])).code, 0);
  const abroad = await machine
    .run(["setup", "--api-url", "http://192.0.2.1:9"], { env: { MESHAGENT_TOKEN: "" } })
    .catch(() => null);
  assert.notEqual(abroad?.code, 0);
});
