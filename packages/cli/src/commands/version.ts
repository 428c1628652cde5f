/** `meshagent version`: what runs here. Asks no gateway. */

import { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { version } from "../version.ts";
import type { JsonFlags } from "./options.ts";
import { withJson } from "./options.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  return withJson(new Command("version"))
    .description("Print the version of this command and of its Node.")
    .action((flags: JsonFlags) => {
      const facts = {
        version: version(),
        node: process.versions.node,
        platform: `${process.platform}-${process.arch}`,
      };
      if (flags.json) return context.terminal.printJson(facts);
      context.terminal.print(`meshagent ${facts.version} (node ${facts.node}, ${facts.platform})\n`);
    });
}
