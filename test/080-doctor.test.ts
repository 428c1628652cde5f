/**
 * `meshagent doctor` and the mistakes that people make: each is made for real, against a real gateway where one has
 * a part in it, and must be found, be explained, and be gone once the advice was followed.
 */

import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { after, before, beforeEach, describe, it, type TestContext } from "node:test";
import { Machine } from "../packages/cli/src/test-bed/command.ts";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { GatewayStartError, killSpawnedGateways, spawnGateway } from "./bed/gateway-process.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

interface Check {
  readonly status: "ok" | "warn" | "fail";
  readonly area: string;
  readonly found: string;
  readonly todo: string | null;
}

interface Examined {
  readonly code: number | null;
  readonly checks: readonly Check[];
  /** What is not all right, as `area: found -> todo`. */
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
}

let provider: FakeProvider;
let gateway: TestGateway;
let machine: Machine;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider });
});
after(async () => {
  killSpawnedGateways();
  await gateway.close();
  await provider.close();
});
beforeEach((context) => {
  machine = new Machine();
  (context as TestContext).after(() => machine.remove());
});

type Variables = Readonly<Record<string, string>>;

async function doctor(env: Variables = {}, ...flags: readonly string[]): Promise<Examined> {
  const { code, stdout, stderr } = await machine.run(["doctor", "--json", ...flags], { env });
  assert.notEqual(stdout, "", stderr);
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] };
  assert.equal(ok, code === 0);
  const lines = (status: Check["status"]): string[] =>
    checks
      .filter((check) => check.status === status)
      .map((each) => `${each.area}: ${each.found} -> ${each.todo}`);
  return { code, checks, failures: lines("fail"), warnings: lines("warn") };
}

async function setUp(at: TestGateway = gateway): Promise<void> {
  const args = ["--api-url", at.url, "--token", at.ownerToken, "--project", "default", "--yes"];
  const { code, stderr } = await machine.run(["setup", ...args]);
  assert.equal(code, 0, stderr);
}

/** Exactly one thing is wrong, and it is this; the exit code says so. */
function assertOnly({ code, failures }: Examined, pattern: RegExp): void {
  assert.equal(failures.length, 1, failures.join("\n"));
  assert.match(failures[0] ?? "", pattern);
  assert.equal(code, 1);
}

function assertFine({ code, failures }: Examined): void {
  assert.deepEqual(failures, []);
  assert.equal(code, 0);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(machine.home, path)), { recursive: true });
  writeFileSync(join(machine.home, path), text);
}

function codexConfig(baseUrl: string): string {
  return `[model_providers.meshagent]\nname = "MeshAgent"\nbase_url = "${baseUrl}"\nenv_key = "MESHAGENT_ROOM_TOKEN"\n`;
}

/** Listens on a port of its own until the test ends. */
async function listening(context: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

describe("a machine that is all right", () => {
  it("has nothing to complain of, and the gateway has not been used", async () => {
    machine.install("codex", "0.169.0");
    machine.install("claude", "2.1.330");
    await setUp();
    const token = await gateway.token();
    const rows = (await gateway.exchanges()).length;
    const found = await doctor({ MESHAGENT_ROOM_TOKEN: token, ANTHROPIC_AUTH_TOKEN: token });
    assertFine(found);
    assert.deepEqual(
      found.warnings.filter((line) => !line.startsWith("prices: ")),
      [],
    );
    assert.deepEqual(
      found.checks.filter(({ area }) => ["openai", "anthropic"].includes(area)).map((check) => check.found),
      [`${provider.anthropicBaseUrl}/v1`, provider.openaiBaseUrl].map(
        (url) => `key from the gateway's environment, at ${url}: the provider takes it`,
      ),
    );
    assert.equal((await gateway.exchanges()).length, rows, "no exchange was made of it");
  });

  it("works before setup, without a gateway, and says the one thing to do", async () => {
    const port = await freePort();
    assertOnly(
      await doctor({ MESHAGENT_API_URL: `http://127.0.0.1:${port}` }),
      /^gateway: nothing answers at http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.* -> Start it with: meshagent serve/,
    );
  });

  it("works before setup with --api-url alone, makes no file, and prints a table without --json", async () => {
    assertFine(await doctor({}, "--api-url", gateway.url));
    assert.deepEqual(readdirSync(machine.home), ["programs"]);
    const { code, stdout, stderr } = await machine.run(["doctor", "--api-url", gateway.url]);
    assert.equal(code, 0);
    assert.match(stdout, /^ok {4}gateway {7}answers at http/m);
    assert.match(stdout, /^warn {2}sign-in {7}you are not signed in here\n {20}-> Run: meshagent setup/m);
    assert.equal(stderr, "");
  });
});

describe("the ten mistakes", () => {
  it("1. a token without the grant", async () => {
    await setUp();
    const token = await gateway.token({ llm: null });
    assertOnly(
      await doctor({ MESHAGENT_ROOM_TOKEN: token }),
      /^token: MESHAGENT_ROOM_TOKEN: the token has no `api\.llm` grant, .* 403 .* -> Put `api: \{ llm: \{\} \}` in the token spec\. Run: export MESHAGENT_ROOM_TOKEN="\$\(meshagent token/,
    );
    assert.equal((await call("/openai/v1/responses", token)).status, 403, "which is what the gateway does");
    assertFine(await doctor({ MESHAGENT_ROOM_TOKEN: await gateway.token() }));
  });

  it("2. a wrong base URL: with or without /v1, or without /openai", async () => {
    await setUp();
    const token = await gateway.token();
    const { url } = gateway;
    const codex = (baseUrl: string): Variables => {
      write(".codex/config.toml", codexConfig(baseUrl));
      return { MESHAGENT_ROOM_TOKEN: token };
    };
    const claude = (baseUrl: string): Variables => ({
      ANTHROPIC_BASE_URL: baseUrl,
      ANTHROPIC_AUTH_TOKEN: token,
    });
    const sdk = (baseUrl: string): Variables => ({ OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: token });
    const opencode = (baseUrl: string): Variables => {
      write(
        ".config/opencode/opencode.json",
        JSON.stringify({ provider: { anthropic: { options: { baseURL: baseUrl } } } }),
      );
      return {};
    };
    const cases: readonly (readonly [
      setting: (baseUrl: string) => Variables,
      wrong: string,
      right: string,
      asksFor: string,
      why: string,
    ])[] = [
      [codex, "/openai", "/openai/v1", "/responses", "`/v1` is missing"],
      [codex, "", "/openai/v1", "/responses", "`/openai` is missing"],
      [codex, "/anthropic/v1", "/openai/v1", "/responses", "`/openai` is missing"],
      [claude, "/anthropic/v1", "/anthropic", "/v1/messages", "`/v1` is too much"],
      [claude, "", "/anthropic", "/v1/messages", "`/anthropic` is missing"],
      [sdk, "/openai", "/openai/v1", "/responses", "`/v1` is missing"],
      [opencode, "/anthropic", "/anthropic/v1", "/messages", "`/v1` is missing"],
    ];
    for (const [setting, wrong, right, asksFor, why] of cases) {
      const found = await doctor(setting(url + wrong));
      assertOnly(found, /base URL/);
      const [line = ""] = found.failures;
      assert.ok(line.includes(why) && line.endsWith(` -> It should be ${url}${right}.`), line);
      assert.equal((await call(wrong + asksFor, token)).status, 404, `${wrong} is wrong`);
      assert.notEqual((await call(right + asksFor, token)).status, 404, `${right} is right`);
      assertFine(await doctor(setting(url + right)));
      machine.remove();
      machine = new Machine();
      await setUp();
    }
  });

  it("2, of its own: the gateway's address with a client's path behind it", async () => {
    for (const path of ["/openai/v1", "/v1", "/anthropic", "/anthropic/v1", "/openai"]) {
      const found = await doctor({ MESHAGENT_API_URL: gateway.url + path });
      assertOnly(found, /^gateway: .* is a base URL for clients/);
      assert.ok(found.failures[0]?.includes(` -> Use ${gateway.url}, with --api-url`), found.failures[0]);
    }
  });

  it("3. the old form of Codex's profile", async () => {
    await setUp();
    write(
      ".codex/config.toml",
      `${codexConfig(`${gateway.url}/openai/v1`)}[profiles.meshagent]\nmodel_provider = "meshagent"\nmodel = "gpt-5.5"\n`,
    );
    const env = { MESHAGENT_ROOM_TOKEN: await gateway.token() };
    assertOnly(
      await doctor(env),
      /^codex: the old profile form \[profiles\.meshagent\] is in its config\.toml -> .*Codex refuses --profile meshagent: move what it sets to .*meshagent\.config\.toml/,
    );
    write(".codex/config.toml", codexConfig(`${gateway.url}/openai/v1`));
    write(".codex/meshagent.config.toml", 'model_provider = "meshagent"\nmodel = "gpt-5.5"\n');
    assertFine(await doctor(env));
  });

  it("4. both of Claude's variables", async () => {
    await setUp();
    const env = { ANTHROPIC_BASE_URL: gateway.anthropicUrl, ANTHROPIC_AUTH_TOKEN: await gateway.token() };
    assertOnly(
      await doctor({ ...env, ANTHROPIC_API_KEY: "sk-ant-my-own" }),
      /^claude: ANTHROPIC_AUTH_TOKEN and ANTHROPIC_API_KEY are both set.* -> Set ANTHROPIC_API_KEY=""/,
    );
    assertFine(await doctor({ ...env, ANTHROPIC_API_KEY: "" }));
  });

  it("5. a token that has expired", async () => {
    await setUp();
    const exp = Math.floor(Date.now() / 1000) - 60;
    const token = await gateway.token({ exp });
    const at = new Date(exp * 1000).toISOString();
    const found = await doctor({ MESHAGENT_ROOM_TOKEN: token });
    assertOnly(
      found,
      /^token: MESHAGENT_ROOM_TOKEN: The token expired at .* -> Run: export MESHAGENT_ROOM_TOKEN=/,
    );
    assert.ok(found.failures[0]?.includes(at), found.failures[0]);
    assert.equal((await call("/openai/v1/responses", token)).status, 401);
  });

  it("5, and its likes that only the gateway knows: an API key that is gone", async () => {
    const other = await startTestGateway({ provider });
    try {
      await setUp();
      const found = await doctor({ MESHAGENT_ROOM_TOKEN: await other.token() });
      assertOnly(found, /^token: MESHAGENT_ROOM_TOKEN: the gateway refuses it: .*API key.* -> Run: export/);
    } finally {
      await other.close();
    }
  });

  it("6. a clock that is off", async () => {
    await setUp();
    for (const [minutes, relation] of [
      [10, "ahead of"],
      [-10, "behind"],
    ] as const) {
      const shifted = `const now = Date.now; Date.now = () => now() + ${minutes * 60_000};`;
      const found = await doctor({
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shifted)}`,
      });
      assertOnly(
        found,
        new RegExp(`^clock: this machine is (10m|9m 5\\ds|10m \\ds) ${relation} the gateway, .* -> .*NTP`),
      );
    }
  });

  it("7. a provider's key that the provider refuses", async (context) => {
    const strict = await startFakeProvider({ apiKey: "sk-another-key" });
    const refused = await startTestGateway({ provider: strict });
    context.after(async () => {
      await refused.close();
      await strict.close();
    });
    await setUp(refused);
    const { code, failures } = await doctor();
    assert.equal(code, 1);
    assert.equal(failures.length, 2, failures.join("\n"));
    assert.match(
      failures[1] ?? "",
      /^openai: OpenAI refuses the key \(401\)\. .* -> The key is OPENAI_API_KEY in the gateway's environment\. Run: meshagent provider set openai --api-key-from-env OPENAI_API_KEY$/,
    );
    assert.match(failures[0] ?? "", /^anthropic: Anthropic refuses the key \(401\)/);
    // The advice, followed.
    for (const [name, variable] of [
      ["openai", "OPENAI_API_KEY"],
      ["anthropic", "ANTHROPIC_API_KEY"],
    ] as const) {
      const args = ["provider", "set", name, "--api-key-from-env", variable];
      const set = await machine.run(args, { env: { [variable]: "sk-another-key" } });
      assert.equal(set.code, 0, set.stderr);
    }
    assertFine(await doctor());
  });

  it("8. a port that another program has", async (context) => {
    const web = await listening(
      context,
      createHttpServer((_, response) => void response.writeHead(404).end("not here")),
    );
    const mute = await listening(
      context,
      createServer((socket) => void socket.on("error", () => {}).end("220 ready\r\n")),
    );
    const pattern =
      /^port: port \d+ is taken by another program, .* -> Stop that program, or run: meshagent serve --port OTHER/;
    for (const port of [web, mute]) {
      assertOnly(await doctor({ MESHAGENT_API_URL: `http://127.0.0.1:${port}` }), pattern);
      const free = await freePort();
      assertOnly(
        await doctor({ MESHAGENT_API_URL: `http://127.0.0.1:${free}`, MESHAGENT_PORT: String(port) }),
        pattern,
      );
      await assert.rejects(
        spawnGateway({ dataDir: join(machine.home, "data"), flags: ["--port", String(port)] }),
        (error) => error instanceof GatewayStartError && error.message.includes("The port is taken"),
      );
    }
    const { port } = new URL(gateway.url);
    assertOnly(
      await doctor({ MESHAGENT_API_URL: `http://127.0.0.1:${await freePort()}`, MESHAGENT_PORT: port }),
      /^gateway: nothing answers at .*, but a gateway answers at .* -> Use it: --api-url /,
    );
  });

  it("9. a data directory that cannot be written", async () => {
    const apiUrl = `http://127.0.0.1:${await freePort()}`;
    write("file", "");
    const below = await doctor({
      MESHAGENT_API_URL: apiUrl,
      MESHAGENT_DATA_DIR: join(machine.home, "file", "data"),
    });
    assert.equal(below.code, 1);
    assert.match(
      below.failures[0] ?? "",
      /^data dir: .*file\/data cannot be written: .* -> Give it to the user/,
    );
    await assert.rejects(
      spawnGateway({ dataDir: join(machine.home, "file", "data") }),
      (error) => error instanceof GatewayStartError && error.message.includes("data directory"),
    );

    mkdirSync(join(machine.home, "data"));
    chmodSync(join(machine.home, "data"), 0o500);
    const env = { MESHAGENT_API_URL: apiUrl, MESHAGENT_DATA_DIR: join(machine.home, "data") };
    // Nothing is forbidden to root, so root becomes nobody for this.
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    if ("uid" in asNobody) giveAway(machine.home, asNobody.uid);
    const { stdout, stderr } = await machine.run(["doctor", "--json"], { env, ...asNobody });
    const { checks } = JSON.parse(stdout || stderr) as { checks: Check[] };
    const dataDir = checks.find(({ area }) => area === "data dir");
    assert.equal(dataDir?.status, "fail");
    assert.match(dataDir.found, /\/data cannot be written: EACCES/);
    assert.match(dataDir.todo ?? "", /meshagent serve --data-dir DIR, or MESHAGENT_DATA_DIR/);
  });

  it("10. prices that are older than a month", async (context) => {
    const old = await startTestGateway({
      provider,
      prices: JSON.stringify({ as_of: "2026-01-01", models: {} }),
    });
    context.after(() => old.close());
    await setUp(old);
    const { code, warnings, failures } = await doctor();
    assert.deepEqual(failures, []);
    assert.equal(code, 0, "everything works; the costs may be wrong");
    const line = warnings.find((each) => each.startsWith("prices: ")) ?? "";
    assert.match(
      line,
      /the price card that MESHAGENT_PRICES names is of 2026-01-01, \d+ days old, so costs may be wrong/,
    );
    assert.match(
      line,
      /-> Compare it with the providers' price lists, set its as_of, and restart the gateway\./,
    );
  });
});

describe("secrets", () => {
  it("go to the gateway that they are for, and to no other address", async (context) => {
    await setUp();
    const seen: string[] = [];
    // It looks like a gateway, so that doctor asks it all that it would ask one.
    const other = await listening(
      context,
      createHttpServer((request, response) => {
        seen.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
        response.end(request.url === "/openai/v1" ? "MeshAgent LLM Proxy" : "{}");
      }),
    );
    write(".codex/config.toml", codexConfig(gateway.openaiUrl));
    const token = await gateway.token();
    const env = {
      MESHAGENT_ROOM_TOKEN: token,
      ANTHROPIC_BASE_URL: gateway.anthropicUrl,
      ANTHROPIC_AUTH_TOKEN: token,
      ANTHROPIC_API_KEY: "",
    };
    const { checks } = await doctor(env, "--api-url", `http://127.0.0.1:${other}`);
    assert.ok(seen.length >= 3, "it was asked");
    assert.match(checks.find(({ area }) => area === "sign-in")?.found ?? "", /not signed in/);
    for (const line of seen) assert.doesNotMatch(line, /authorization|x-api-key|ma-|mo-|eyJ/i, line);
  });

  it("are in nothing that it prints", async () => {
    await setUp();
    const token = await gateway.token();
    const env = {
      MESHAGENT_ROOM_TOKEN: token,
      ANTHROPIC_AUTH_TOKEN: `${token}x`,
      ANTHROPIC_BASE_URL: gateway.anthropicUrl,
      ANTHROPIC_API_KEY: "sk-ant-my-own",
      OPENAI_BASE_URL: gateway.openaiUrl,
      OPENAI_API_KEY: "sk-proj-my-own",
    };
    const { stdout, stderr } = await machine.run(["doctor"], { env });
    assert.doesNotMatch(stdout + stderr, /eyJ|sk-|ma-[\w.]{22}|mo-/);
    assert.match(stdout, /fail {2}token/);
  });
});

/** A request as a client makes it; its body is nothing that a provider would be asked. */
function call(path: string, token: string): Promise<Response> {
  return fetch(gateway.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: '{"model":"gpt-5.5","max_tokens":1,"messages":[],"input":"hi"}',
  });
}

/** A port that nobody listens on: the system does not give it to the next one who asks for any. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function giveAway(path: string, uid: number): void {
  chownSync(path, uid, uid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) giveAway(join(path, entry.name), uid);
    else chownSync(join(path, entry.name), uid, uid);
  }
}
