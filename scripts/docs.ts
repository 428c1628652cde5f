/**
 * `npm run docs`: writes the reference pages from the source, and the examples into the pages that show them.
 * `npm run docs:check` writes nothing and fails where a page is not what it would write.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makePages, type Page, root } from "./docs/pages.ts";

function current(page: Page): string | null {
  try {
    return readFileSync(join(root, page.path), "utf8");
  } catch {
    return null;
  }
}

const changed = (await makePages()).filter((page) => current(page) !== page.text);
if (process.argv.includes("--check")) {
  for (const { path } of changed) console.error(`${path} is not what the source says.`);
  if (changed.length > 0) console.error("Run: npm run docs, and commit what it writes.");
  process.exitCode = changed.length > 0 ? 1 : 0;
} else {
  for (const { path, text } of changed) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}
