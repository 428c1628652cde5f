import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const bin = join(import.meta.dirname, "..", "bin");
let directory: string;
let old: string;

/**
 * A copy of the package whose main is a stand-in, started as if by Node 20: the version it sees is changed
 * before it runs, and a real `node` package lies beside it or not.
 */
before(() => {
  directory = mkdtempSync(join(tmpdir(), "meshagent-bin-"));
  cpSync(bin, join(directory, "bin"), { recursive: true });
  mkdirSync(join(directory, "src"));
  writeFileSync(join(directory, "package.json"), '{"type":"module"}');
  writeFileSync(
    join(directory, "src", "main.ts"),
    `import { emitWarning } from "node:process";
export function runAsCommand(host: NodeJS.Process): void {
  emitWarning("noise", "ExperimentalWarning");
  const [mode, value] = host.argv.slice(2);
  if (mode === "exit") host.exitCode = Number(value);
  if (mode === "die") host.kill(host.pid, value);
  if (mode === "wait") {
    setInterval(() => {}, 1000);
    host.on("SIGTERM", () => { host.stdout.write("stopping\\n", () => host.exit(7)); });
    host.stdout.write("ready " + host.pid + " " + String(host.env["MESHAGENT_REEXEC"]) + "\\n");
  }
}
`,
  );
  old = join(directory, "old.cjs");
  writeFileSync(
    old,
    "const script = process.argv[2]; process.argv.splice(1, 2, script);\n" +
      'Object.defineProperty(process.versions, "node", { value: "20.20.2" });\nObject.defineProperty(process, "version", { value: "v20.20.2" });\nrequire(script);\n',
  );
});
after(() => rmSync(directory, { recursive: true, force: true }));

function withNodePackage(): void {
  const home = join(directory, "node_modules", "node");
  mkdirSync(join(home, "bin"), { recursive: true });
  writeFileSync(join(home, "package.json"), `{"version":"${process.versions.node}"}`);
  const path = join(home, "bin", "node");
  writeFileSync(path, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`);
  chmodSync(path, 0o755);
}

const script = (): string => join(directory, "bin", "meshagent.js");

test("on a Node that is new enough it runs here, without the noise of experiments", () => {
  const { status, stderr } = spawnSync(process.execPath, [script(), "exit", "3"], { encoding: "utf8" });
  assert.equal(status, 3);
  assert.equal(stderr, "");
});

test("on an older Node without a newer one nearby it says which it needs", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [old, script(), "exit", "0"], {
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /needs Node 24 or newer, and this is v20\.20\.2[^]*npm install node@24/);
});

test("on an older Node with the node package nearby it runs there: exit code, signals and all", async (context) => {
  withNodePackage();
  await context.test("the exit code comes back", () => {
    assert.equal(spawnSync(process.execPath, [old, script(), "exit", "5"]).status, 5);
  });
  await context.test("a death by signal comes back", () => {
    assert.equal(spawnSync(process.execPath, [old, script(), "die", "SIGKILL"]).signal, "SIGKILL");
  });
  await context.test("a signal reaches the command, and its answer to it comes back", async () => {
    const { output, code } = await waiting((child) => child.kill("SIGTERM"));
    assert.match(output, /^ready \d+ undefined\nstopping\n$/);
    assert.equal(code, 7);
  });
  await context.test("when the outer process is killed outright, the command stops, too", async () => {
    const { output } = await waiting((child) => child.kill("SIGKILL"));
    assert.match(output, /stopping\n$/);
  });
});

/** Starts one that waits, acts once it is ready, and ends when nobody holds its stdout any more. */
function waiting(
  act: (child: ReturnType<typeof spawn>) => void,
): Promise<{ output: string; code: number | null }> {
  const child = spawn(process.execPath, [old, script(), "wait"], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const wasReady = output.includes("\n");
    output += chunk;
    if (!wasReady && output.includes("\n")) act(child);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ output, code })));
}
