/** Claude Code with the guide's environment, and its command lines. */

import { spawnSync } from "node:child_process";
import { type ClientOutput, type RunningClient, startClient } from "./client-process.ts";
import { exampleFor } from "./example.ts";
import { clientBinaries } from "./installed.ts";
import type { Scene } from "./scene.ts";

export interface ClaudeOptions {
  readonly token: string;
  /** What follows `claude -p`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts `claude -p` in the scene's home. `CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC` is what keeps 2.1.330 from
 * every host but the gateway; the refusing proxy sees whether it is enough.
 */
export function startClaude(scene: Scene, options: ClaudeOptions): RunningClient {
  return startClient({
    binary: clientBinaries().claude,
    args: ["-p", ...options.args],
    env: {
      ...guideEnvironment(scene, options.token),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      HTTPS_PROXY: scene.proxy.url,
      HTTP_PROXY: scene.proxy.url,
      NO_PROXY: "127.0.0.1",
      ...options.env,
    },
    home: scene.home,
    timeoutMs: 90_000,
  });
}

/** What the guide's lines export, as a shell reads them. */
function guideEnvironment(scene: Scene, token: string): Readonly<Record<string, string>> {
  const shown = spawnSync("sh", ["-c", `${exampleFor(scene, "claude-code.sh")}\nenv`], {
    env: { MESHAGENT_ROOM_TOKEN: token },
    encoding: "utf8",
  });
  const lines = shown.stdout.split("\n").filter((line) => line.startsWith("ANTHROPIC_"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

export function runClaude(scene: Scene, options: ClaudeOptions): Promise<ClientOutput> {
  return startClaude(scene, options).output;
}
