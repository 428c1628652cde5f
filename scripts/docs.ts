/**
 * `npm run docs`: writes the reference pages from the source, and the examples into the pages that show them.
 * `npm run docs:check` writes nothing and fails where a page is not what it would write. A folder as the last
 * argument stands for the repository as the place where the pages are.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { makePages, type Page, root } from "./docs/pages.ts";

const { values, positionals } = parseArgs({
  options: { check: { type: "boolean" } },
  allowPositionals: true,
});
const place = positionals[0] ?? root;

function current(page: Page): string | null {
  try {
    return readFileSync(join(place, page.path), "utf8");
  } catch {
    return null;
  }
}

const changed = (await makePages()).filter((page) => current(page) !== page.text);
if (values.check === true) {
  for (const { path } of changed) console.error(`${path} is not what the source says.`);
  if (changed.length > 0) console.error("Run: npm run docs, and commit what it writes.");
  process.exitCode = changed.length > 0 ? 1 : 0;
} else {
  for (const { path, text } of changed) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), text);
    console.log(`wrote ${path}`);
  }
}
