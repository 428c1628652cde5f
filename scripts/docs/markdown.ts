/** Markdown as the reference pages need it. Knows nothing of what the pages are about. */

/** What opens each generated page, so that nobody edits it by hand. */
export function opening(title: string, sources: readonly string[]): string {
  const made = sources.map((source) => `\`${source}\``).join(", ");
  return `<!-- Made by \`npm run docs\` from ${made}. Do not edit. -->\n\n# ${title}\n`;
}

/** A table; a column that is empty in every row is left out. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const kept = titles.map((_, column) => rows.some((row) => (row[column] ?? "") !== ""));
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .filter((_, column) => kept[column])
      .map(cell)
      .join(" | ")} |`;
  const rule = `|${titles
    .filter((_, column) => kept[column])
    .map(() => "---")
    .join("|")}|`;
  return `${[line(titles), rule, ...rows.map(line)].join("\n")}\n`;
}

/** Code in a line; "" stays "". */
export function code(text: string): string {
  if (text === "") return "";
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");
}
