/** `docs/reference/cli.md`: every command with its arguments and options, from the tree that the CLI parses with. */

import type { Argument, Command, Option } from "commander";
import { code, opening, table } from "./markdown.ts";

/** What the CLI reads from its environment. A test compares it with what the sources name. */
export const cliVariables: readonly (readonly [variable: string, about: string])[] = [
  [
    "MESHAGENT_API_URL",
    "The gateway. Default: the one that `setup` was run for, else `http://127.0.0.1:8700`.",
  ],
  ["MESHAGENT_TOKEN", "The owner's token. Default: the one that `setup` stored for this gateway."],
  ["MESHAGENT_API_KEY", "The API key that signs tokens and names the project. Default: the active one."],
  ["MESHAGENT_PROJECT_ID", "The project. Default: that of `MESHAGENT_API_KEY`, else the active one."],
  ["MESHAGENT_HOME", "Where the profile is. Default: `~/.meshagent`."],
  [
    "MESHAGENT_DATA_DIR",
    "The data directory of a gateway on this machine, where `setup` finds its owner's token.",
  ],
  [
    "MESHAGENT_ROOM_TOKEN",
    "The participant token, under the name that the guide gives it; `doctor` looks at it.",
  ],
  ["NO_COLOR", "Not empty: no colours."],
];

export function cliPage(program: Command): string {
  return [
    opening("Command line", ["packages/cli/src/commands"]),
    `${program.description()}\n`,
    "Data goes to stdout, talk to stderr. Every list and report takes `--json`: one JSON document. Nothing is asked " +
      "where stdin is no terminal. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. Every command takes " +
      "`--help`. An argument that is a secret can be `-`: it is then read from stdin.\n",
    "## Environment\n",
    table(
      ["variable", "what it is"],
      cliVariables.map(([variable, about]) => [code(variable), about]),
    ),
    "What `serve` reads besides is in [configuration.md](configuration.md).\n",
    ...program.commands.flatMap((command) => sections(command, ["meshagent"])),
  ].join("\n");
}

function sections(command: Command, parents: readonly string[]): string[] {
  const path = [...parents, command.name()];
  const isLeaf = command.commands.length === 0;
  const title = `${"#".repeat(path.length)} ${path.join(" ")}\n`;
  const usage = isLeaf ? [`    ${[...parents, command.name(), command.usage()].join(" ")}\n`] : [];
  const about = (command.description() || command.summary()).trim();
  return [
    title,
    ...(about === "" ? [] : [`${sentence(about)}\n`]),
    ...usage,
    ...tableOf("argument", command.registeredArguments.map(argumentRow)),
    ...tableOf("option", command.options.filter((option) => !option.hidden).map(optionRow)),
    ...command.commands.flatMap((child) => sections(child, path)),
  ];
}

function tableOf(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : [table([title, "what it is", "default"], rows)];
}

function argumentRow(argument: Argument): readonly string[] {
  const choices = argument.argChoices?.map(code).join(", ") ?? "";
  const about = [argument.description, choices === "" ? "" : `One of ${choices}.`].filter(
    (each) => each !== "",
  );
  return [code(argument.name()), about.join(" "), defaultText(argument.defaultValue)];
}

function optionRow(option: Option): readonly string[] {
  const isMandatory = option.mandatory && option.defaultValue === undefined;
  return [
    code(option.flags),
    isMandatory ? `${option.description} (required)` : option.description,
    defaultText(option.defaultValue),
  ];
}

/** Null, and a list without members, are how an option says that it has none. */
function defaultText(value: unknown): string {
  const isEmpty = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
  if (isEmpty) return "";
  return code(typeof value === "string" ? value : JSON.stringify(value));
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.:!?]$/.test(first) ? first : `${first}.`;
}
