/** What a person sees when the gateway has started on a terminal: where it is, who answers, and what to do next. */

import type { Provider } from "./providers/provider.ts";
import type { ProviderStatus } from "./route/upstreams.ts";

export interface BannerOptions {
  readonly version: string;
  readonly url: string;
  readonly dataDir: string;
  readonly providers: readonly ProviderStatus[];
  /** Shown on the first start alone, on a terminal alone; null otherwise. */
  readonly ownerToken: string | null;
  readonly warnings: readonly string[];
  readonly interrupted: number;
  /** How this installation's command is called, with what it needs to find this gateway: `npx meshagent`. */
  readonly command: string;
}

export function renderBanner(options: BannerOptions): string {
  const isSimulated = options.providers.some((status) => status.source === "simulated");
  const lines = [
    "",
    `  MeshAgent LLM Proxy ${options.version}`,
    "",
    `  OpenAI-compatible clients      ${options.url}/openai/v1`,
    `  Anthropic-compatible clients   ${options.url}/anthropic`,
    "",
    ...options.providers.map(
      (status) => `  ${status.provider.displayName.padEnd(12)} ${providerLine(status)}`,
    ),
    "",
  ];
  if (isSimulated) {
    lines.push(
      "  SIMULATED: no provider is asked; replies are made up here and cost nothing. For real ones:",
      ...options.providers.map(({ provider }) => `  ${setKeyCommand(provider)}`),
      "",
    );
  }
  if (options.interrupted > 0) {
    lines.push(
      `  ${options.interrupted} exchange(s) of an earlier run were cut off and are on the ledger as interrupted.`,
      "",
    );
  }
  for (const warning of options.warnings) lines.push(`  Warning: ${warning}`, "");
  if (options.ownerToken !== null) {
    lines.push(
      `  Owner's token (shown once, kept in ${options.dataDir}/owner-token):`,
      `  ${options.ownerToken}`,
      "",
    );
  }
  lines.push(`  Next, in another terminal:  ${options.command} setup`, "  Stop with Ctrl-C.", "");
  return `${lines.join("\n")}\n`;
}

function providerLine(status: ProviderStatus): string {
  switch (status.source) {
    case "environment":
      return `key from ${status.provider.apiKeyVariable}, ${status.baseUrl}`;
    case "project":
      return `key from the project's settings, ${status.baseUrl}`;
    case "simulated":
      return "simulated";
    case "none":
      return `not configured: ${setKeyCommand(status.provider)}`;
  }
}

function setKeyCommand(provider: Provider): string {
  return `meshagent provider set ${provider.name} --api-key-from-env ${provider.apiKeyVariable}`;
}
