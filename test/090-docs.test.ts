/** The pages under `docs/`: what is made from the source is what the source says, and nothing they point to is missing. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { access } from "@meshagent/llm-proxy-gateway/api/access";
import { settings } from "@meshagent/llm-proxy-gateway/config/settings";
import { errorKinds } from "@meshagent/llm-proxy-gateway/errors";
import { dialects } from "@meshagent/llm-proxy-gateway/gateway";
import { outcomes, routes, usageSources } from "@meshagent/llm-proxy-protocol/api";
import type { Command } from "commander";
import { z } from "zod";
import { commandTable } from "../packages/cli/src/commands/table.ts";
import { cliVariables } from "../scripts/docs/cli-page.ts";
import { examplesIn, withExamples } from "../scripts/docs/examples.ts";
import { table } from "../scripts/docs/markdown.ts";
import { commandTree, handWritten, makePages, readFromRoot, root } from "../scripts/docs/pages.ts";
import { membersOf, shapeOf } from "../scripts/docs/schema-text.ts";

const pages = await makePages();
const pageText = (name: string): string =>
  pages.find(({ path }) => path === `docs/reference/${name}.md`)?.text ?? assert.fail(name);

describe("the reference", () => {
  it("is what the source says: after a change, `npm run docs` and commit", () => {
    for (const { path, text } of pages) {
      assert.ok(existsSync(join(root, path)), `${path} is missing: npm run docs`);
      assert.ok(readFromRoot(path) === text, `${path} is not what the source says: npm run docs`);
    }
  });

  it("is written by one command, and another fails on a page that has drifted or is not there", (context) => {
    const place = mkdtempSync(join(tmpdir(), "meshagent-docs-"));
    (context as TestContext).after(() => rmSync(place, { recursive: true }));
    const run = (...args: readonly string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, [join(root, "scripts/docs.ts"), ...args, place], { encoding: "utf8" });
    assert.match(run().stdout, /^wrote docs\/reference\/configuration\.md$/m);
    assert.deepEqual(
      [run("--check").status, run().stdout],
      [0, ""],
      "the second time there is nothing to do",
    );
    const page = join(place, "docs/reference/errors.md");
    writeFileSync(
      page,
      readFileSync(page, "utf8").replace("| 402 `billing_error` |", "| 403 `billing_error` |"),
    );
    rmSync(join(place, "docs/quick-start.md"));
    const drifted = run("--check");
    assert.equal(drifted.status, 1);
    assert.deepEqual(drifted.stderr.trim().split("\n"), [
      "docs/reference/errors.md is not what the source says.",
      "docs/quick-start.md is not what the source says.",
      "Run: npm run docs, and commit what it writes.",
    ]);
  });

  it("has every setting, with its variable, key and default", () => {
    const page = pageText("configuration");
    for (const [key, setting] of Object.entries(settings)) {
      const line = page.split("\n").find((each) => each.startsWith(`| \`${setting.variable}\``));
      assert.ok(line !== undefined, setting.variable);
      assert.equal(line.includes(`\`${key}\``), setting.isSecret !== true, key);
      if (setting.defaultText !== "") assert.ok(line.includes(`\`${setting.defaultText}\``), key);
      assert.ok(line.includes(setting.about), key);
    }
    assert.match(page, /`MESHAGENT_PORT` \| `port` \| `--port` \| `8700`/);
    assert.match(page, /`MESHAGENT_ON_DISCONNECT`.*One of `drain`, `cancel`\./);
    assert.match(page, /`OPENAI_API_KEY`.*`https:\/\/api\.openai\.com\/v1`/);
  });

  it("has every error, as each dialect really renders it", () => {
    const page = pageText("errors");
    for (const name of Object.keys(errorKinds)) assert.match(page, new RegExp(`^\\| \`${name}\` \\|`, "m"));
    // The contract's own table, one line of each kind.
    assert.match(
      page,
      /`model_not_granted` \| 404 `invalid_request_error` \/ `model_not_found` \| 403 `permission_error`/,
    );
    assert.match(page, /`budget_exceeded` \| 402 `billing_error` \| 402 `billing_error` \| client \| no/);
    assert.match(page, /`upstream_timeout` \| 504 `server_error` \| 504 `timeout_error` \| upstream \| yes/);
  });

  it("has every command and its options", () => {
    const page = pageText("cli");
    for (const { name } of commandTable) assert.match(page, new RegExp(`^## meshagent ${name}$`, "m"));
    assert.match(page, /^### meshagent provider set$/m);
    assert.match(page, /`--api-key-from-env <variable>`/);
    assert.match(page, /^ {4}meshagent token inspect \[options\] <jwt>$/m);
  });

  it("has every variable that the CLI reads", () => {
    const sources = readdirSync(join(root, "packages/cli/src"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !/\.test\.ts$|test-bed/.test(name))
      .map((name) => readFromRoot(`packages/cli/src/${name}`));
    const read = sources.flatMap((text) =>
      [...text.matchAll(/"(MESHAGENT_[A-Z_]+)"/g)].map((match) => match[1]),
    );
    assert.ok(read.includes("MESHAGENT_API_URL"), "the search finds something");
    const told = [
      ...cliVariables.map(([name]) => name),
      ...Object.values(settings).map((each) => each.variable),
    ];
    for (const name of new Set(read)) assert.ok(told.includes(name ?? ""), `${name} is on no page`);
  });

  it("has every route of the management API with who may call it, and every endpoint of the proxy", () => {
    const page = pageText("api");
    for (const [name, route] of Object.entries(routes)) {
      const section = page.split(`\n### ${route.method} ${route.path}\n`)[1]?.split("\n### ")[0];
      assert.ok(section !== undefined, `${route.method} ${route.path}`);
      assert.ok(section.includes(route.about), name);
      assert.ok(section.includes("For "), name);
      if (access[name as keyof typeof access] === "owner") assert.match(section, /For the owner\./, name);
    }
    for (const { path } of dialects.flatMap((dialect) => dialect.endpoints)) {
      assert.ok(page.includes(path.replace("/{rest*}", "")), path);
    }
  });
});

describe("a schema in words", () => {
  it("writes objects, lists, choices, optional and null", () => {
    const schema = z.object({
      id: z.string(),
      tags: z.array(z.enum(["a", "b"])),
      size: z.number().nullable().optional(),
      inner: z.array(z.object({ ok: z.boolean() })),
      rest: z.record(z.string(), z.unknown()),
    });
    assert.equal(
      shapeOf(schema, "output"),
      [
        "{",
        "  id: string",
        '  tags: ("a" | "b")[]',
        "  size?: number | null",
        "  inner: {",
        "    ok: boolean",
        "  }[]",
        "  rest: object",
        "}",
      ].join("\n"),
    );
    assert.deepEqual(
      membersOf(schema, "input").map(({ name, isRequired }) => [name, isRequired]),
      [
        ["id", true],
        ["tags", true],
        ["size", false],
        ["inner", true],
        ["rest", true],
      ],
    );
  });

  it("keeps a table's lines whole and leaves out a column without a word", () => {
    assert.equal(
      table(["a", "b", "c"], [["x|y", "", "two\nlines"]]),
      "| a | c |\n|---|---|\n| x\\|y | two lines |\n",
    );
  });
});

describe("the pages", () => {
  it("point to nothing that is missing", () => {
    const files = [
      ...readdirSync(root).filter((name) => name.endsWith(".md")),
      ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".md"))
        .map((name) => `docs/${name}`),
    ];
    const links = files.flatMap((file) =>
      [...readFileSync(join(root, file), "utf8").matchAll(/\]\(([^)\s]+)\)/g)].map((match) => ({
        file,
        link: match[1] ?? "",
      })),
    );
    assert.ok(links.length > 20, `${links.length} links`);
    const broken = links.filter(({ file, link }) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? file : join(dirname(file), path);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(readFromRoot(target)).includes(anchor);
    });
    assert.deepEqual(broken, []);
  });

  it("show every example, and only examples that are there", () => {
    // Inlined, or linked where a page would only grow long.
    const shown = handWritten().flatMap((path) => {
      const page = readFromRoot(path);
      const linked = [...page.matchAll(/\]\(\.\.\/(examples\/[^)#]+)\)/g)].map(([, name = ""]) => name);
      return [...examplesIn(page), ...linked];
    });
    const there = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
      .map((name) => `examples/${name}`)
      .filter((name) => /\.\w+$/.test(name));
    assert.deepEqual([...new Set(shown)].toSorted(), there.toSorted());
  });

  it("name only commands and options that there are", async () => {
    const program = await commandTree();
    const files = [...handWritten(), "SECURITY.md", "CONTRIBUTING.md"];
    const lines = files.flatMap((file) => commandsIn(readFromRoot(file)).map((line) => ({ file, line })));
    assert.ok(lines.length > 20, `${lines.length} command lines`);
    for (const { file, line } of lines) assert.equal(findMistake(program, line), null, `${file}: ${line}`);
    assert.equal(findMistake(program, "usage --by model --sinc 7d"), "--sinc");
    assert.equal(findMistake(program, "api-key craete NAME"), "craete");
    assert.equal(findMistake(program, "usgae"), "usgae");
  });

  it("explain every word that a row can have", () => {
    const page = readFromRoot("docs/usage-and-cost.md");
    const source = readFromRoot("packages/protocol/src/usage.ts");
    const wordsOf = (type: string): readonly string[] => {
      const declared = new RegExp(`export type ${type} =([^;]+);`).exec(source)?.[1] ?? "";
      return [...declared.matchAll(/"(\w+)"/g)].map((match) => match[1] ?? "");
    };
    const words = [...outcomes, ...usageSources, ...wordsOf("Completeness"), ...wordsOf("CostStatus")];
    assert.ok(words.includes("derived") && words.includes("assumed") && words.includes("interrupted"));
    for (const word of words) assert.ok(page.includes(`\`${word}\``), word);
  });

  it("get an example between its marks, whatever stood there", () => {
    const page = "a\n<!-- examples/x.mjs -->\nold\n<!-- end -->\nb\n";
    const made = withExamples(page, (path) => `// ${path}, $& and $1\n`);
    assert.equal(
      made,
      "a\n<!-- examples/x.mjs -->\n```js\n// examples/x.mjs, $& and $1\n```\n<!-- end -->\nb\n",
    );
    assert.equal(
      withExamples(made, () => "// examples/x.mjs, $& and $1\n"),
      made,
    );
    assert.deepEqual(examplesIn(page), ["examples/x.mjs"]);
  });
});

/** Every command line of a page, without its first word: in code blocks, and between backticks. */
function commandsIn(page: string): readonly string[] {
  const found = page.matchAll(/(?:^ {4}(?:.*[$(=&] ?)?|`)(?:npx )?meshagent ([a-z-]+[^`\n]*)/gm);
  return [...found].map((match) => (match[1] ?? "").replace(/[)#].*$/, "").trim());
}

/** The first word of a command line that is no command or no option; null when all are. */
function findMistake(program: Command, line: string): string | null {
  let command = program;
  const words = line.split(/\s+/);
  while (command.commands.length > 0 && words.length > 0) {
    const [name = ""] = words;
    const child = command.commands.find((each) => each.name() === name);
    // A page may name a group of commands, such as `meshagent project`.
    if (child === undefined) return name.startsWith("-") ? null : name;
    words.shift();
    command = child;
  }
  const options = command.options.map((option) => option.long);
  return words.find((word) => word.startsWith("--") && word !== "--help" && !options.includes(word)) ?? null;
}

/** The anchors of a page's headings, as code hosts make them. */
function anchorsOf(page: string): readonly string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(/\s/g, "-"),
  );
}
