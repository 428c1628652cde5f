/** The owner's token is in a file that its owner alone can read, and in nothing that the gateway writes out. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { meshagentBin } from "./bed/gateway-process.ts";

let root: string;
const children = new Set<ChildProcess>();
before(() => {
  root = mkdtempSync(join(tmpdir(), "meshagent-owner-"));
});
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

interface Service {
  readonly child: ChildProcess;
  readonly dataDir: string;
  /** Both streams, as a supervisor would keep them. */
  readonly log: () => string;
}

/** Stdout and stderr are files, as under systemd and Docker. */
function startService(
  name: string,
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Service {
  const dataDir = join(root, name);
  const files = [`${dataDir}.out`, `${dataDir}.err`];
  const [out = 0, err = 0] = files.map((file) => openSync(file, "a"));
  const child = spawn(
    process.execPath,
    [...args, meshagentBin, "serve", "--port", "0", "--data-dir", dataDir],
    {
      stdio: ["ignore", out, err],
      env: { PATH: process.env["PATH"] ?? "", HOME: root, ...env },
    },
  );
  closeSync(out);
  closeSync(err);
  children.add(child);
  child.once("exit", () => children.delete(child));
  return { child, dataDir, log: () => files.map((file) => readFileSync(file, "utf8")).join("") };
}

async function untilUrl({ child, dataDir, log }: Service): Promise<string> {
  const file = join(dataDir, "gateway.json");
  for (const deadline = Date.now() + 20_000; !existsSync(file);) {
    assert.ok(child.exitCode === null && Date.now() < deadline, log());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return (JSON.parse(readFileSync(file, "utf8")) as { url: string }).url;
}

async function ended({ child }: Service): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode;
}

const tokenIn = (dataDir: string): string => readFileSync(join(dataDir, "owner-token"), "utf8").trim();

/** The token, and what it could be written as. */
function assertSilent(log: string, ...secrets: readonly string[]): void {
  assert.ok(log.length > 0, "something was logged");
  for (const secret of secrets) {
    for (const form of [secret, Buffer.from(secret).toString("base64"), encodeURIComponent(secret)]) {
      assert.ok(!log.includes(form), "a secret is in the log");
    }
  }
}

describe("the owner's token", () => {
  it("is in no log of a first start at debug level, of wrong uses of it, nor of a stop", async () => {
    const service = startService("debug", { MESHAGENT_LOG_LEVEL: "debug", NODE_DEBUG: "http,net" });
    const url = await untilUrl(service);
    const token = tokenIn(service.dataDir);
    assert.match(token, /^mo-[\w-]{43}$/);
    assert.equal(statSync(join(service.dataDir, "owner-token")).mode & 0o777, 0o600);
    const secrets = [token, readFileSync(join(service.dataDir, "master.key"), "utf8").trim()];
    // NODE_DEBUG is Node's own and prints headers: nothing of ours stands against it, so no request is made here.
    service.child.kill("SIGTERM");
    assert.equal(await ended(service), 0, url);
    assertSilent(service.log(), ...secrets);
  });

  it("is in no log when it is used, rightly, wrongly, and where it is no credential", async () => {
    const service = startService("used", { MESHAGENT_LOG_LEVEL: "debug" });
    const url = await untilUrl(service);
    const token = tokenIn(service.dataDir);
    const ask = async (path: string, headers: Record<string, string>, body?: string): Promise<string> => {
      const reply = await fetch(url + path, {
        headers,
        ...(body === undefined ? {} : { method: "POST", body }),
      });
      return `${reply.status} ${JSON.stringify([...reply.headers])} ${await reply.text()}`;
    };
    const bearer = { authorization: `Bearer ${token}` };
    const answers = [
      await ask("/accounts/projects", bearer),
      await ask("/accounts/projects", { authorization: `Bearer ${token}x` }),
      await ask("/accounts/projects", bearer, "{broken"),
      await ask("/accounts/projects/none/api-keys", bearer, '{"name":1}'),
      await ask("/openai/v1/responses", bearer, '{"model":"gpt-5.5","input":"x"}'),
      await ask("/anthropic/v1/messages", { "x-api-key": token }, "{}"),
      await ask("/openai/v1/nothing", bearer),
    ];
    assertSilent(answers.join("\n"), token);
    service.child.kill("SIGTERM");
    assert.equal(await ended(service), 0);
    assert.match(service.log(), /a request was refused/);
    assertSilent(service.log(), token);
  });

  it("is in no message of a start that fails, nor in the trace of a crash", async () => {
    const given = "mo-given-by-the-operator-0123456789abcdefghijklmnopq";
    const taken = startService("taken");
    await untilUrl(taken);
    // The same data directory: refused after the token was read.
    const refused = startService("taken", { MESHAGENT_ADMIN_TOKEN: given });
    assert.equal(await ended(refused), 1);
    assertSilent(refused.log(), given, tokenIn(taken.dataDir));
    const wrong = startService("wrong", {
      MESHAGENT_ADMIN_TOKEN: given,
      MESHAGENT_MASTER_KEY: "not-a-master-key",
    });
    assert.equal(await ended(wrong), 1);
    assertSilent(wrong.log(), given, "not-a-master-key");
    taken.child.kill("SIGTERM");
    await ended(taken);

    // Something of ours, or of a package, throws where nobody catches.
    const bomb = join(root, "bomb.mjs");
    writeFileSync(bomb, 'process.on("SIGUSR2", () => { throw new Error("a fault of the test"); });\n');
    const crashing = startService("crash", { MESHAGENT_ADMIN_TOKEN: given, MESHAGENT_LOG_LEVEL: "debug" }, [
      "--import",
      bomb,
    ]);
    await untilUrl(crashing);
    crashing.child.kill("SIGUSR2");
    assert.notEqual(await ended(crashing), 0);
    assert.match(crashing.log(), /a fault of the test/);
    assertSilent(crashing.log(), given, readFileSync(join(crashing.dataDir, "master.key"), "utf8").trim());
  });
});
