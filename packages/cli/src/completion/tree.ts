/** The command tree as completion needs it: paths, and what may come behind each. */

import type { Command } from "commander";

export interface Completion {
  readonly word: string;
  readonly about: string;
}

export interface CommandNode {
  /** Words behind `meshagent`, such as `["api-key", "create"]`; empty for the root. */
  readonly path: readonly string[];
  readonly subcommands: readonly Completion[];
  readonly options: readonly (Completion & { readonly takesValue: boolean })[];
  /** Fixed values of the first argument. */
  readonly values: readonly string[];
}

/** All commands, parents before children. */
export function describeCommands(program: Command): readonly CommandNode[] {
  return describe(program, []);
}

function describe(command: Command, path: readonly string[]): CommandNode[] {
  const node: CommandNode = {
    path,
    subcommands: command.commands.map((child) => ({
      word: child.name(),
      about: child.summary() || firstSentence(child.description()),
    })),
    options: [
      ...command.options.map((option) => ({
        word: option.long ?? option.short ?? "",
        about: option.description,
        takesValue: option.required || option.optional,
      })),
      { word: "--help", about: "explain a command", takesValue: false },
    ],
    values: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [node, ...command.commands.flatMap((child) => describe(child, [...path, child.name()]))];
}

function firstSentence(text: string): string {
  return text.split(/\.\s/)[0]?.replace(/\.$/, "") ?? "";
}
