/** Codex, set up as the guide says, and its command lines. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ClientOutput, type RunningClient, startClient } from "./client-process.ts";
import { exampleFor } from "./example.ts";
import { clientBinaries } from "./installed.ts";
import type { Scene } from "./scene.ts";

/**
 * What keeps Codex 0.169.0 from github.com, api.github.com, chatgpt.com and ab.chatgpt.com. On the command line,
 * so that the files are the guide's to the letter. The refusing proxy sees whether it is enough.
 */
const offline = [
  "-c check_for_update_on_startup=false",
  "-c analytics.enabled=false",
  "-c features.plugins=false",
  "-c features.apps=false",
].flatMap((option) => option.split(" "));

/**
 * Codex's own sandbox needs user namespaces, which many build machines forbid, and warns where bubblewrap is not
 * installed. The tests' only command is an `echo`.
 */
const withoutSandbox = ["--skip-git-repo-check", "--sandbox", "danger-full-access"];

export interface CodexOptions {
  /** null: its variable is not set. */
  readonly token: string | null;
  /** What follows `codex exec`'s options: a prompt, or `resume --last` and one. */
  readonly args: readonly string[];
  readonly isJson?: boolean;
  /** How often Codex repeats a request, and how often a stream; its own defaults are 4 and 5. */
  readonly maxRetries?: number;
  /** Its provider is said to take WebSockets, which Codex then uses. */
  readonly isSocket?: boolean;
  /** As a hard budget takes it: without the search that the provider would run. */
  readonly isSearchOff?: boolean;
  /** Another model than the guide's. */
  readonly model?: string;
  /** Its token comes from a command, as setup writes it: it then asks for the models before its first turn. */
  readonly isAsking?: boolean;
}

/** Starts `codex exec --profile meshagent` in the scene's home. */
export function startCodex(scene: Scene, options: CodexOptions): RunningClient {
  writeGuideConfig(scene, options.isAsking === true ? "config-asking.toml" : "config.toml", options);
  return startClient({
    binary: clientBinaries().codex,
    args: [
      "exec",
      "--profile",
      "meshagent",
      ...withoutSandbox,
      ...offline,
      ...retries(options.maxRetries),
      ...(options.isSocket === true ? ["-c", "model_providers.meshagent.supports_websockets=true"] : []),
      ...(options.model === undefined ? [] : ["--model", options.model]),
      ...(options.isJson === true ? ["--json"] : []),
      ...options.args,
    ],
    env: {
      ...(options.token === null ? {} : { MESHAGENT_ROOM_TOKEN: options.token }),
      HTTPS_PROXY: scene.proxy.url,
    },
    home: scene.home,
    timeoutMs: 90_000,
  });
}

/** The slugs and visibilities of `codex debug models`: what it brings along, or that and what the gateway tells it. */
export async function codexModels(
  scene: Scene,
  { token, isBundled = false }: { readonly token: string; readonly isBundled?: boolean },
): Promise<ReadonlyMap<string, string>> {
  writeGuideConfig(scene, "config-asking.toml");
  const { output } = startClient({
    binary: clientBinaries().codex,
    args: [
      "debug",
      "models",
      ...(isBundled ? ["--bundled"] : ["-c", "model_provider=meshagent"]),
      ...offline,
    ],
    env: { MESHAGENT_ROOM_TOKEN: token, HTTPS_PROXY: scene.proxy.url },
    home: scene.home,
    timeoutMs: 90_000,
  });
  const { stdout } = await output;
  const { models } = JSON.parse(stdout) as { models: readonly { slug: string; visibility: string }[] };
  return new Map(models.map(({ slug, visibility }) => [slug, visibility]));
}

function retries(max: number | undefined): readonly string[] {
  if (max === undefined) return [];
  return ["request_max_retries", "stream_max_retries"].flatMap((name) => [
    "-c",
    `model_providers.meshagent.${name}=${max}`,
  ]);
}

export function runCodex(scene: Scene, options: CodexOptions): Promise<ClientOutput> {
  return startCodex(scene, options).output;
}

/** The two files of the guide. */
function writeGuideConfig(
  scene: Scene,
  config: string,
  { isSearchOff = false }: { readonly isSearchOff?: boolean } = {},
): void {
  const directory = join(scene.home.home, ".codex");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.toml"), exampleFor(scene, `codex/${config}`));
  const profile = "meshagent.config.toml";
  // As docs/budgets.md says for a hard budget.
  const top = isSearchOff ? 'web_search = "disabled"\n' : "";
  writeFileSync(join(directory, profile), top + exampleFor(scene, `codex/${profile}`));
}

/** The session that `codex exec` names in its preamble. */
export function codexSessionId(output: ClientOutput): string {
  const match = /^session id: ([0-9a-f-]{36})$/m.exec(output.stderr);
  if (match?.[1] === undefined) throw new Error(`Codex named no session:\n${output.screen}`);
  return match[1];
}

/** The "tokens used" that `codex exec` prints at its end: input that was not cached, and output. */
export function codexTokensUsed(output: ClientOutput): number {
  const match = /^tokens used\n([\d,]+)$/m.exec(output.stderr);
  if (match?.[1] === undefined) throw new Error(`Codex printed no tokens:\n${output.screen}`);
  return Number(match[1].replaceAll(",", ""));
}
