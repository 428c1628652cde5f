import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Command } from "commander";
import { completionScripts } from "./scripts.ts";
import { describeCommands } from "./tree.ts";

function tree(): Command {
  const program = new Command("meshagent").option("-V, --version", "print it");
  const key = new Command("api-key").description("API keys. More.");
  key.addCommand(
    new Command("create")
      .description("Create one.")
      .option("--description <text>", "what it's for")
      .option("--activate", "use it"),
  );
  program.addCommand(key);
  program.addCommand(new Command("usage").summary("report").option("--json", "as JSON"));
  return program;
}

const nodes = describeCommands(tree());

test("the tree has a node per command, with what may come behind it", () => {
  assert.deepEqual(
    nodes.map(({ path }) => path.join(" ")),
    ["", "api-key", "api-key create", "usage"],
  );
  assert.deepEqual(nodes[0]?.subcommands, [
    { word: "api-key", about: "API keys" },
    { word: "usage", about: "report" },
  ]);
  assert.deepEqual(
    nodes[2]?.options.map(({ word, takesValue }) => [word, takesValue]),
    [
      ["--description", true],
      ["--activate", false],
      ["--help", false],
    ],
  );
});

/** Runs the script in bash with these words typed, the last of them unfinished; returns what it offers. */
function completeInBash(words: readonly string[]): string[] {
  const typed = words.map((word) => `'${word}'`).join(" ");
  const program = `${completionScripts.bash(nodes)}\nCOMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _meshagent; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["-c", program], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  return stdout.split("\n").filter((line) => line !== "");
}

test("bash offers commands, subcommands and options of the place it is at", () => {
  assert.deepEqual(completeInBash(["meshagent", ""]), ["api-key", "usage", "--version", "--help"]);
  assert.deepEqual(completeInBash(["meshagent", "us"]), ["usage"]);
  assert.deepEqual(completeInBash(["meshagent", "api-key", ""]), ["create", "--help"]);
  assert.deepEqual(completeInBash(["meshagent", "api-key", "create", "--a"]), ["--activate"]);
  assert.deepEqual(completeInBash(["meshagent", "usage", "--j"]), ["--json"]);
});

test("zsh and fish get the same words, with quotes that hold", () => {
  const zsh = completionScripts.zsh(nodes);
  assert.match(zsh, /^#compdef meshagent\n/);
  assert.match(zsh, /\('api-key create'\) entries=\('--description:what it'\\''s for' '--activate:use it'/);
  const fish = completionScripts.fish(nodes);
  assert.match(
    fish,
    /complete -c meshagent -n 'not __fish_seen_subcommand_from api-key usage' -f -a usage -d 'report'/,
  );
  assert.match(
    fish,
    /complete -c meshagent -n '__fish_seen_subcommand_from api-key; and __fish_seen_subcommand_from create' -l description -r -d 'what it'\\''s for'/,
  );
});

for (const shell of ["bash", "zsh", "fish"] as const) {
  const isThere = spawnSync(shell, ["-c", "true"]).status === 0;
  test(`${shell} can read its script`, { skip: isThere ? false : `${shell} is not installed` }, () => {
    const { status, stderr } = spawnSync(shell, ["-n"], {
      input: completionScripts[shell](nodes),
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });
}
