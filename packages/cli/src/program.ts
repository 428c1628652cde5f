/**
 * From a command line to a command: builds the command tree, loads the one command that is asked for, and
 * turns whatever ends it into an exit code. Knows no command by name; they are in `commands/table.ts`.
 */

import { Command, CommanderError } from "commander";
import type { CliContext } from "./cli-context.ts";
import { commandTable } from "./commands/table.ts";
import { CliFailure, exitCodes, messageOf } from "./failure.ts";
import { version } from "./version.ts";

/** The context of a command, without what the runner adds. */
export interface RunOptions extends Omit<CliContext, "finish"> {
  /** Called for a command that handles signals and streams itself, before it runs. */
  readonly leaveProcess: () => void;
}

/** Runs one command line (without the interpreter and script) to its end. Never rejects. */
export async function runCommandLine(argv: readonly string[], options: RunOptions): Promise<number> {
  let exitCode: number = exitCodes.done;
  const context: CliContext = { ...options, finish: (code) => (exitCode = code) };
  try {
    const wanted = findWanted(argv);
    if (commandTable.find((row) => row.name === wanted)?.ownsProcess === true) options.leaveProcess();
    const program = await buildProgram(context, (name) => name === wanted);
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    return explain(error, context);
  }
}

/** The command tree. A command that `isWanted` does not want has a name and a summary, but no options yet. */
export async function buildProgram(
  context: CliContext,
  isWanted: (name: string) => boolean,
): Promise<Command> {
  const program = new Command("meshagent")
    .description("Run the MeshAgent LLM gateway, set a machine up for it, mint tokens, see who spent what.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "explain a command")
    .helpCommand("help [command]", "explain a command")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.print(text),
      writeErr: (text) => context.terminal.say(text.replace(/\n$/, "")),
    })
    .showHelpAfterError("(add --help for the details)");
  for (const row of commandTable) {
    const command = isWanted(row.name) ? (await row.load())(context) : new Command(row.name);
    program.addCommand(inherit(command.summary(row.summary), program));
  }
  return program;
}

/** The first word that is no option, or the second after `help`. No option of the program itself takes a value. */
function findWanted(argv: readonly string[]): string | undefined {
  const words = argv.filter((word) => !word.startsWith("-"));
  return words[0] === "help" ? words[1] : words[0];
}

function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  command.helpCommand(false);
  for (const child of command.commands) inherit(child, command);
  return command;
}

function explain(error: unknown, context: CliContext): number {
  // The parser has printed what it had to say: help, the version, or what is wrong with the command line.
  if (error instanceof CommanderError) {
    const isAnswer = error.code === "commander.helpDisplayed" || error.code === "commander.version";
    return isAnswer ? exitCodes.done : exitCodes.usage;
  }
  if (context.signal.aborted) return exitCodes.interrupted;
  if (error instanceof CliFailure) {
    context.terminal.fail(messageOf(error), error.hint);
    return error.exitCode;
  }
  context.terminal.fail(messageOf(error), hintFor(error));
  return exitCodes.failed;
}

function hintFor(error: unknown): string | null {
  const status: unknown = error instanceof Error ? Reflect.get(error, "status") : undefined;
  if (status === 401) return "Run: meshagent setup, to sign in again. meshagent doctor says more.";
  if (status === 403) return "This takes the owner's token: run meshagent setup, or set MESHAGENT_TOKEN.";
  return null;
}
