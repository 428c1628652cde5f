/**
 * The examples inside the hand-written pages. A page names a file between two marks, and this puts the file's
 * text there, so that what a reader copies is what the tests run:
 *
 *     <!-- examples/openai-sdk.mjs -->
 *     (the file, in a code block)
 *     <!-- end -->
 */

import { extname } from "node:path";

const LANGUAGES: Readonly<Record<string, string>> = {
  ".mjs": "js",
  ".json": "json",
  ".toml": "toml",
  ".yaml": "yaml",
  ".sh": "sh",
};

const MARKED = /^<!-- (examples\/[\w./-]+) -->\n[\s\S]*?^<!-- end -->$/gm;

/** The examples that a page shows, as paths from the root. */
export function examplesIn(page: string): readonly string[] {
  return [...page.matchAll(MARKED)].map((match) => match[1] ?? "");
}

/** The page with each example as it is now. `read` gives a file's text by its path from the root. */
export function withExamples(page: string, read: (path: string) => string): string {
  return page.replaceAll(MARKED, (_, path: string) => {
    const language = LANGUAGES[extname(path)] ?? "";
    return `<!-- ${path} -->\n\`\`\`${language}\n${read(path).trimEnd()}\n\`\`\`\n<!-- end -->`;
  });
}
