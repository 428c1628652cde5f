/** opencode with the guide's configuration, and its command line. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ClientOutput, type RunningClient, startClient } from "./client-process.ts";
import { exampleFor } from "./example.ts";
import { clientBinaries } from "./installed.ts";
import type { Scene } from "./scene.ts";

export interface OpencodeOptions {
  readonly token: string;
  /** `provider/model` as `examples/opencode.json` names them. */
  readonly model: string;
  /** What follows `opencode run`'s options. */
  readonly args: readonly string[];
}

/** It is pinned for one platform alone. */
export const hasOpencode: boolean = clientBinaries().opencode !== null;

/** Starts `opencode run` in the scene's home. */
export function startOpencode(scene: Scene, { token, model, args }: OpencodeOptions): RunningClient {
  const { opencode } = clientBinaries();
  if (opencode === null) throw new Error("opencode is not installed on this platform.");
  const directory = join(scene.home.home, ".config", "opencode");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "opencode.json"), exampleFor(scene, "opencode.json"));
  // It asks models.opencode.ai and the npm registry for news, and takes it that neither answers.
  return startClient({
    binary: opencode,
    args: ["run", "--model", model, ...args],
    env: {
      MESHAGENT_ROOM_TOKEN: token,
      HTTPS_PROXY: scene.proxy.url,
      HTTP_PROXY: scene.proxy.url,
      NO_PROXY: "127.0.0.1",
    },
    home: scene.home,
    timeoutMs: 90_000,
  });
}

export function runOpencode(scene: Scene, options: OpencodeOptions): Promise<ClientOutput> {
  return startOpencode(scene, options).output;
}
