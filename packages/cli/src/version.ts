/** The version of this command, from its own package.json. */

import { readFileSync } from "node:fs";

/** Such as `0.1.0`. */
export function version(): string {
  // src/ in a clone and dist/ in the published package lie at the same depth.
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const found: unknown =
    typeof manifest === "object" && manifest !== null ? Reflect.get(manifest, "version") : undefined;
  return typeof found === "string" ? found : "unknown";
}
