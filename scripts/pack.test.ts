/**
 * Packs the CLI and installs the tarball outside the clone, as a user would, with nothing but the registry.
 * Slow and online, so it is no part of `npm test`; CI runs it by `npm run test:pack`.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

const root = dirname(import.meta.dirname);
const directory = mkdtempSync(join(tmpdir(), "meshagent-pack-"));
const project = join(directory, "project");
const home = join(directory, "home");
const bin = join(project, "node_modules", ".bin", "meshagent");
const env = { HOME: home, PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` };

before(() => {
  mkdirSync(project);
  mkdirSync(home);
  execFileSync("npm", ["pack", "-w", "packages/cli", "--pack-destination", directory], {
    cwd: root,
    stdio: "pipe",
  });
  const tarball = readdirSync(directory).find((name) => name.endsWith(".tgz"));
  assert.ok(tarball !== undefined, "npm pack made no tarball");
  writeFileSync(join(project, "package.json"), '{"private": true}');
  execFileSync("npm", ["install", join(directory, tarball)], { cwd: project, stdio: "pipe" });
});
after(() => rmSync(directory, { recursive: true, force: true }));

function run(args: readonly string[]): string {
  return execFileSync(process.execPath, [bin, ...args], { cwd: project, env, encoding: "utf8" });
}

test("nothing is left behind in the clone, and no sources are in the package", () => {
  assert.equal(existsSync(join(root, "packages", "cli", "node_modules")), false);
  const files = readdirSync(join(project, "node_modules", "@meshagent", "llm-proxy"), {
    recursive: true,
    encoding: "utf8",
  });
  assert.deepEqual(
    files.filter((file) => /\.(ts|map|tsbuildinfo)$|\.test\.|test-bed|^scripts/.test(file)),
    [],
  );
  assert.ok(files.includes("LICENSE") && files.includes("README.md"));
});

test("the command runs and knows all its parts", () => {
  assert.match(run(["version"]), /^meshagent \d/);
  assert.match(run(["--help"]), /exchanges/);
  assert.match(run(["completion", "bash"]), /complete -o bashdefault/);
});

test("serve answers, setup signs in, and a token gets a reply from the simulated provider", () =>
  serveAndAsk([], ["r"]));

test("serve does so from several processes, too", () => serveAndAsk(["--workers", "2"], ["r", "r"]));

async function serveAndAsk(flags: readonly string[], roomsAfter: readonly string[]): Promise<void> {
  const server = spawn(process.execPath, [bin, "serve", "--port", "0", ...flags], {
    cwd: project,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<number | null>((resolve) => server.on("exit", resolve));
  try {
    const lines = server.stdout.setEncoding("utf8");
    // Closing its log would end the gateway at the next line that it writes.
    const url = await listeningUrl(lines.iterator({ destroyOnReturn: false }));
    lines.resume();
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    run(["setup", "--yes"]);
    writeFileSync(
      join(project, "spec.yaml"),
      "version: v1\nkind: ParticipantToken\nroom: r\nidentity: i\napi: {llm: {}}\n",
    );
    const token = run(["token", "--input", "spec.yaml"]).trim();
    const reply = await fetch(`${url}/openai/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-5.5", input: "hi" }),
    });
    assert.equal(reply.status, 200, await reply.clone().text());
    assert.equal(reply.headers.get("x-meshagent-simulated"), "true");
    const { exchanges } = JSON.parse(run(["exchanges", "--json"])) as { exchanges: { room: string }[] };
    assert.deepEqual(
      exchanges.map(({ room }) => room),
      roomsAfter,
    );
  } finally {
    server.kill("SIGTERM");
  }
  assert.equal(await exited, 0);
}

/** From the log line that says where it listens. */
async function listeningUrl(lines: AsyncIterable<unknown>): Promise<string> {
  let seen = "";
  for await (const chunk of lines) {
    seen += String(chunk);
    const url = /"url":"(http[^"]+)"/.exec(seen)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`the gateway ended before it listened: ${seen}`);
}
