/**
 * Completion scripts for bash, zsh and fish. Each is one static text: completing runs nothing of ours, so it
 * is as fast as the shell.
 */

import type { CommandNode } from "./tree.ts";

/** The shells there are scripts for. */
export const shells = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof shells)[number];

/** The script of each shell, made from the command tree. */
export const completionScripts: Readonly<Record<Shell, (nodes: readonly CommandNode[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function words(node: CommandNode): string[] {
  return [
    ...node.subcommands.map(({ word }) => word),
    ...node.values,
    ...node.options.map(({ word }) => word),
  ];
}

/** Options that take a value, of all commands: the word behind one is a file, not a command. */
function valueOptions(nodes: readonly CommandNode[]): string[] {
  const options = nodes.flatMap((node) => node.options.filter(({ takesValue }) => takesValue));
  return [...new Set(options.map(({ word }) => word))].sort();
}

function bashScript(nodes: readonly CommandNode[]): string {
  const paths = nodes.filter(({ path }) => path.length > 0).map(({ path }) => `"${path.join(" ")}"`);
  const cases = nodes.map((node) => `    "${node.path.join(" ")}") words="${words(node).join(" ")}" ;;`);
  return `# bash completion for meshagent
_meshagent() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" next word words="" index
  case "$previous" in
    ${valueOptions(nodes).join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    next="\${path:+$path }$word"
    case "$next" in
      ${paths.join("|")}) path="$next" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _meshagent meshagent
`;
}

function zshScript(nodes: readonly CommandNode[]): string {
  const paths = nodes.filter(({ path }) => path.length > 0).map(({ path }) => `(${quote(path.join(" "))})`);
  const cases = nodes.map((node) => {
    const entries = [
      ...node.subcommands,
      ...node.values.map((word) => ({ word, about: "" })),
      ...node.options,
    ].map(({ word, about }) => quote(about === "" ? word : `${word.replaceAll(":", "\\:")}:${about}`));
    return `    (${quote(node.path.join(" "))}) entries=(${entries.join(" ")}) ;;`;
  });
  return `#compdef meshagent
_meshagent() {
  local path_so_far="" next word
  local -a entries
  case "\${words[CURRENT-1]}" in
    (${valueOptions(nodes).join("|")}) _files; return ;;
  esac
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next="\${path_so_far:+$path_so_far }$word"
    case "$next" in
${paths.map((path) => `      ${path} path_so_far="$next" ;;`).join("\n")}
    esac
  done
  case "$path_so_far" in
${cases.join("\n")}
  esac
  _describe meshagent entries || _files
}
if [ "$funcstack[1]" = "_meshagent" ]; then _meshagent "$@"; else compdef _meshagent meshagent; fi
`;
}

function fishScript(nodes: readonly CommandNode[]): string {
  const lines = nodes.flatMap((node) => {
    const seen = node.path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const unseen = node.subcommands.map(({ word }) => word).join(" ");
    const condition =
      [...seen, ...(unseen === "" ? [] : [`not __fish_seen_subcommand_from ${unseen}`])].join("; and ") ||
      "true";
    const start = `complete -c meshagent -n ${quote(condition)}`;
    return [
      ...node.subcommands.map(({ word, about }) => `${start} -f -a ${word} -d ${quote(about)}`),
      ...node.values.map((word) => `${start} -f -a ${word}`),
      ...node.options.map(
        ({ word, about, takesValue }) =>
          `${start} -l ${word.slice(2)}${takesValue ? " -r" : ""} -d ${quote(about)}`,
      ),
    ];
  });
  return `# fish completion for meshagent\n${lines.join("\n")}\n`;
}

/** A word in single quotes, in all three shells. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
