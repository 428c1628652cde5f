/** `meshagent completion`: the completion script of a shell, made from the command tree. */

import { Argument, Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { completionScripts, shells } from "../completion/scripts.ts";
import type { Shell } from "../completion/scripts.ts";
import { describeCommands } from "../completion/tree.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  return new Command("completion")
    .description(
      'Print a completion script. bash: eval "$(meshagent completion bash)" in ~/.bashrc. zsh: the same with zsh in\n' +
        "~/.zshrc, after compinit. fish: meshagent completion fish > ~/.config/fish/completions/meshagent.fish",
    )
    .addArgument(new Argument("<shell>").choices(shells))
    .action(async (shell: Shell) => {
      // Not at the top: the program imports the table, and the table this file.
      const { buildProgram } = await import("../program.ts");
      const program = await buildProgram(context, () => true);
      context.terminal.print(completionScripts[shell](describeCommands(program)));
    });
}
