import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Machine } from "./test-bed/command.ts";
import { version } from "./version.ts";

let machine: Machine;
before(() => {
  machine = new Machine();
});
after(() => machine.remove());

test("help is on stdout and names every command", async () => {
  const { code, stdout, stderr } = await machine.run(["--help"]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  for (const name of [
    "serve",
    "setup",
    "doctor",
    "project",
    "rooms",
    "api-key",
    "token",
    "provider",
    "usage",
    "exchanges",
    "completion",
    "version",
  ]) {
    assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  }
});

test("a command and its subcommand explain themselves, also through help", async () => {
  const [direct, through] = await Promise.all([
    machine.run(["usage", "--help"]),
    machine.run(["help", "usage"]),
  ]);
  assert.match(direct.stdout, /--by <dimensions>/);
  assert.equal(through.stdout, direct.stdout);
  assert.match((await machine.run(["api-key", "create", "--help"])).stdout, /--activate/);
});

const wrong: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [["projct", "list"], /unknown command 'projct'\n\(Did you mean project\?\)/],
  [["rooms", "lst"], /unknown command 'lst'\n\(Did you mean list\?\)/],
  [["usage", "--sinc", "7d"], /unknown option '--sinc'\n\(Did you mean --since\?\)/],
  [["usage", "--by", "modle"], /Name each once/],
  [["usage", "--by", "day,day"], /Name each once/],
  [
    ["usage", "--since", "later", "--project-id", "p", "--api-url", "http://127.0.0.1:9"],
    /--since: "later" is not a time/,
  ],
  [["exchanges", "--limit", "0"], /whole number from 1/],
  [["project", "create"], /missing required argument 'name'/],
  [["rooms", "get", "a", "b"], /too many arguments/],
  [["completion", "tcsh"], /Allowed choices are bash, zsh, fish/],
  [["token"], /--input is missing/],
  [["project"], /Usage: meshagent project/],
  [[], /Usage: meshagent/],
];

for (const [args, message] of wrong) {
  test(`wrong usage exits 2: meshagent ${args.join(" ")}`, async () => {
    const { code, stdout, stderr } = await machine.run(args, { env: { MESHAGENT_TOKEN: "x" } });
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.equal(stdout, "");
  });
}

test("a failure exits 1 and says what to do", async () => {
  const { code, stdout, stderr } = await machine.run(["rooms", "list"]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /No project is active\.\nRun: meshagent setup/);
  const nobody = await machine.run(
    ["rooms", "list", "--project-id", "p", "--api-url", "http://127.0.0.1:9"],
    { env: { MESHAGENT_TOKEN: "x" } },
  );
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /http:\/\/127\.0\.0\.1:9/);
});

test("the version, bare, for a person and for a program", async () => {
  assert.equal((await machine.run(["--version"])).stdout, `${version()}\n`);
  assert.match((await machine.run(["version"])).stdout, /^meshagent \d+\.\d+\.\d+ \(node 2\d\./);
  const facts = JSON.parse((await machine.run(["version", "--json"])).stdout) as { version: string };
  assert.equal(facts.version, version());
});

test("serve passes its flags on, and a bad one is a wrong usage", async () => {
  const { code, stderr } = await machine.run(["serve", "--port", "no-port"]);
  assert.equal(code, 2);
  assert.match(stderr, /port/i);
});
