/** Claude Code with the guide's environment, and its command lines. */

import { type ClientOutput, type RunningClient, startClient } from "./client-process.ts";
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
      ANTHROPIC_BASE_URL: `${scene.tap.url}/anthropic`,
      ANTHROPIC_AUTH_TOKEN: options.token,
      ANTHROPIC_API_KEY: "",
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

export function runClaude(scene: Scene, options: ClaudeOptions): Promise<ClientOutput> {
  return startClaude(scene, options).output;
}
