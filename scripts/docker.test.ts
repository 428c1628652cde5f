/**
 * The Dockerfile without an engine: its sources are there and not ignored, its install works on the same files, and
 * what it makes runs as another user on an empty volume, healthy by its own check. Online, as `pack.test.ts` is.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

const root = dirname(import.meta.dirname);
const lines = readFileSync(join(root, "Dockerfile"), "utf8").replaceAll("\\\n", " ").split("\n");
const directory = mkdtempSync(join(tmpdir(), "meshagent-docker-"));
after(() => rmSync(directory, { recursive: true, force: true }));

interface Copy {
  readonly sources: readonly string[];
  readonly target: string;
}

/** The COPY lines that take from the clone, of one stage each. */
function copiesOf(stage: readonly string[]): readonly Copy[] {
  return stage
    .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
    .map((line) => line.split(/\s+/).slice(1))
    .map((words) => ({ sources: words.slice(0, -1), target: words.at(-1) ?? "" }));
}

const secondFrom = lines.findLastIndex((line) => line.startsWith("FROM "));
const stages = [lines.slice(0, secondFrom), lines.slice(secondFrom)] as const;

/** Whether the file is in the build's context: the last line of .dockerignore that fits it or a parent decides. */
function isInContext(path: string): boolean {
  let isIn = true;
  for (const line of readFileSync(join(root, ".dockerignore"), "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const pattern = line.replace(/^!/, "");
    const source = pattern
      .replaceAll(".", "\\.")
      .replaceAll("**/", "(?:.*/)?")
      .replaceAll(/(?<![.)])\*/g, "[^/]*");
    if (new RegExp(`^${source}(?:/.*)?$`).test(path)) isIn = line.startsWith("!");
  }
  return isIn;
}

test("every source of a COPY is there and in the context; keys, tests and the repository are not", () => {
  const sources = stages.flatMap(copiesOf).flatMap((copy) => copy.sources);
  assert.ok(sources.length >= 8);
  for (const source of sources) {
    assert.ok(existsSync(join(root, source)), source);
    assert.ok(isInContext(source), `${source} is ignored`);
  }
  for (const file of ["packages/gateway/src/serve.ts", "packages/cli/bin/meshagent.js"])
    assert.ok(isInContext(file), file);
  for (const file of [
    ".git/config",
    "node_modules/x/y.js",
    "packages/gateway/node_modules/x.js",
    "packages/gateway/src/serve.test.ts",
    "packages/gateway/dist/serve.js",
    "test/bed/test-gateway.ts",
    "examples/token-spec.yaml",
    ".env",
    "owner-token",
  ]) {
    assert.ok(!isInContext(file), file);
  }
});

test("the image runs as no root, keeps its data in a volume, and holds no secret", () => {
  const text = lines.join("\n");
  assert.match(text, /^USER node$/m);
  assert.match(text, /^VOLUME \/var\/lib\/meshagent$/m);
  assert.doesNotMatch(text, /curl|wget|(?:ENV|ARG) .*(?:KEY|TOKEN|SECRET)/);
  const last = stages[1].findLastIndex((line) => line.startsWith("USER "));
  assert.ok(
    stages[1].slice(last).every((line) => !line.startsWith("RUN ")),
    "nothing runs after root was left",
  );
});

test("the build's commands make a gateway that another user runs on an empty volume, healthy by its own check", async () => {
  const app = join(directory, "app");
  mkdirSync(app);
  const take = (copies: readonly Copy[]): void => {
    for (const { sources, target } of copies) {
      for (const source of sources) {
        const isInto = target.endsWith("/");
        const to = isInto ? join(app, target, source.split("/").at(-1) ?? "") : join(app, target);
        mkdirSync(dirname(to), { recursive: true });
        cpSync(join(root, source), to, {
          recursive: true,
          filter: (path) => path === join(root, source) || isInContext(path.slice(root.length + 1)),
        });
      }
    }
  };
  take(copiesOf(stages[0]));
  const install =
    stages[0]
      .find((line) => line.startsWith("RUN npm "))
      ?.slice("RUN npm ".length)
      .split(" ") ?? [];
  assert.deepEqual(install, ["ci", "--omit=dev", "--ignore-scripts"]);
  execFileSync("npm", install, { cwd: app, stdio: "pipe" });
  take(copiesOf(stages[1]));
  const installed = readdirSync(join(app, "node_modules"));
  for (const name of ["typescript", "node", "oxlint", "openai"]) assert.ok(!installed.includes(name), name);

  // As the image does: code that its user can read and not change, data that is its own.
  const data = join(directory, "data");
  mkdirSync(data, { mode: 0o700 });
  execFileSync("chmod", ["-R", "go+rX", app]);
  chmodSync(directory, 0o755);
  const isRoot = process.getuid?.() === 0;
  const who = isRoot ? { uid: 65_534, gid: 65_534 } : {};
  if (isRoot) chownSync(data, 65_534, 65_534);
  const node = join(directory, "node");
  cpSync(process.execPath, node);
  chmodSync(node, 0o755);
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: "/nonexistent",
    NODE_ENV: "production",
    MESHAGENT_DATA_DIR: data,
  };
  const [entry] = JSON.parse(
    /^ENTRYPOINT (.*)$/m.exec(lines.join("\n"))?.[1]?.replace('"node", ', "") ?? "[]",
  ) as string[];
  const bin = join(directory, entry ?? "");
  const command = JSON.parse(/^CMD (.*)$/m.exec(lines.join("\n"))?.[1] ?? "[]") as string[];
  assert.deepEqual(command, ["serve", "--host", "0.0.0.0"]);
  const check = (): number | null =>
    spawnSync(node, [join(app, "healthcheck.mjs")], { env, ...who, encoding: "utf8" }).status;
  assert.equal(check(), 1, "nothing serves yet");
  const gateway = spawn(node, [bin, ...command, "--port", "0"], {
    cwd: app,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    ...who,
  });
  let output = "";
  const exited = new Promise<number | null>((resolve) => gateway.on("exit", resolve));
  const listening = new Promise<void>((resolve) => {
    gateway.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes('"listening"')) resolve();
    });
  });
  gateway.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  try {
    await Promise.race([listening, exited.then((code) => assert.fail(`it ended with ${code}: ${output}`))]);
    assert.equal(check(), 0, output);
    const token = readFileSync(join(data, "owner-token"), "utf8").trim();
    assert.match(token, /^mo-/);
    assert.ok(!output.includes(token), "the owner's token is in no log");
    for (const file of readdirSync(data)) assert.equal(statSync(join(data, file)).mode & 0o077, 0, file);
  } finally {
    gateway.kill("SIGTERM");
  }
  assert.equal(await exited, 0, output);
  assert.equal(check(), 1, "it is stopped");
});
