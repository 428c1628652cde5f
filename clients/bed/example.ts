/** The files of `examples/`, which the guide shows, as the tests use them. */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { clientsDir } from "./installed.ts";
import type { Scene } from "./scene.ts";

/** The address in the examples: that of a gateway as `meshagent serve` starts it. */
const guideUrl = "http://127.0.0.1:8700";

/** An example to the letter. */
export function readExample(name: string): string {
  return readFileSync(join(dirname(clientsDir), "examples", name), "utf8");
}

/** An example with the tap's address in place of the guide's. Throws where the guide's is not in it. */
export function exampleFor(scene: Scene, name: string): string {
  const text = readExample(name);
  if (name !== "codex/meshagent.config.toml" && !text.includes(guideUrl))
    throw new Error(`examples/${name} does not name ${guideUrl}.`);
  return text.replaceAll(guideUrl, scene.tap.url);
}
