/** Prints rows as aligned columns. Knows widths and alignment; neither colours nor where the text goes. */

export interface Column {
  readonly title: string;
  /** `decimal` lines the points up. Default `left`. */
  readonly align?: "left" | "right" | "decimal";
}

const GAP = "  ";

/**
 * One line per row under a line of titles, without trailing blanks, ending in a newline. Line breaks and
 * control characters in a cell become blanks, so that no stored name can move the terminal's cursor.
 */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => columns.map((_, index) => cleanCell(row[index] ?? "")));
  const aligned = columns.map((column, index) =>
    alignColumn(
      column,
      cells.map((row) => row[index] ?? ""),
    ),
  );
  const lines = [columns.map((_, index) => aligned[index]?.title ?? "")].concat(
    cells.map((_, row) => aligned.map((column) => column.cells[row] ?? "")),
  );
  return lines.map((line) => `${line.join(GAP).trimEnd()}\n`).join("");
}

interface AlignedColumn {
  readonly title: string;
  readonly cells: readonly string[];
}

function alignColumn(column: Column, cells: readonly string[]): AlignedColumn {
  const texts = column.align === "decimal" ? alignPoints(cells) : cells;
  const width = Math.max(textWidth(column.title), ...texts.map(textWidth));
  const pad = (text: string): string => {
    const blanks = " ".repeat(width - textWidth(text));
    return (column.align ?? "left") === "left" ? text + blanks : blanks + text;
  };
  return { title: pad(column.title), cells: texts.map(pad) };
}

function alignPoints(cells: readonly string[]): string[] {
  const tails = cells.map((cell) => (cell.includes(".") ? cell.length - cell.indexOf(".") : 0));
  const longest = Math.max(0, ...tails);
  return cells.map((cell, index) => {
    const tail = tails[index] ?? 0;
    return tail === 0 ? cell : cell + " ".repeat(longest - tail);
  });
}

// Control and format characters (also the ones that turn the direction of text) are what an attacker would print.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** The text without anything that a terminal would obey instead of showing. */
export function cleanCell(text: string): string {
  return text.replace(UNPRINTABLE, " ");
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** How many terminal cells the text takes: combining marks take none, East Asian wide characters two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const char of text.normalize("NFC")) {
    if (/\p{M}/u.test(char)) continue;
    width += WIDE.test(char) ? 2 : 1;
  }
  return width;
}
