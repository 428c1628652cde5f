/** Every page that is made, whole or in part, with the text that it should have now. Writes nothing. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Command } from "commander";
import { buildProgram } from "../../packages/cli/src/program.ts";
import { Terminal } from "../../packages/cli/src/terminal.ts";
import { apiPage } from "./api-page.ts";
import { cliPage } from "./cli-page.ts";
import { configurationPage } from "./configuration-page.ts";
import { errorsPage } from "./errors-page.ts";
import { withExamples } from "./examples.ts";

export const root: string = join(import.meta.dirname, "..", "..");

export interface Page {
  /** From the root, such as `docs/reference/cli.md`. */
  readonly path: string;
  readonly text: string;
}

export async function makePages(): Promise<readonly Page[]> {
  const program = await commandTree();
  const serve = program.commands.find((command) => command.name() === "serve");
  if (serve === undefined) throw new Error("The CLI has no command `serve`.");
  const reference = {
    configuration: configurationPage(serve),
    errors: errorsPage(),
    cli: cliPage(program),
    api: apiPage(),
  };
  return [
    ...Object.entries(reference).map(([name, text]) => ({ path: `docs/reference/${name}.md`, text })),
    ...handWritten().map((path) => ({ path, text: withExamples(readFromRoot(path), readFromRoot) })),
  ];
}

/** Every page that a person writes. */
export function handWritten(): readonly string[] {
  const pages = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...pages.map((name) => `docs/${name}`)].toSorted();
}

export function readFromRoot(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** All commands with their options, made for nobody: none of them is run. */
export async function commandTree(): Promise<Command> {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const context = {
    env: {},
    terminal: new Terminal(streams, {}),
    nowMs: () => 0,
    signal: new AbortController().signal,
    leaveSignals: () => {},
    finish: () => {},
  };
  return buildProgram(context, () => true);
}
