/**
 * Ours, as users run it: the `meshagent serve` command with token, ledger, prices and log, everything on. Without
 * limits, and with those of `limits.ts`.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import type { Exchange } from "@meshagent/llm-proxy-protocol/api-reports";
import { type Client, createClient } from "@meshagent/llm-proxy-protocol/client";
import { signParticipantToken } from "@meshagent/llm-proxy-protocol/token";
import { setLimits, tokenCaps } from "./limits.ts";
import { type Proxy, type ProxyCommand, startProcess } from "./proxy.ts";

const room = "bench";
const meshagentBin = fileURLToPath(new URL("../../packages/cli/bin/meshagent.js", import.meta.url));

export interface Ours extends Proxy {
  /** Its data directory, gone when it has stopped. */
  readonly directory: string;
  /** The rows of all exchanges that were received since then (milliseconds since the epoch). */
  exchangesSince(timeMs: number): Promise<readonly Exchange[]>;
}

/** `node` is for the soak, which looks inside: arguments of Node and more variables for the data directory. */
export async function startOurs(
  upstreamPort: number,
  node: (directory: string) => Pick<ProxyCommand, "args" | "env"> = () => ({ args: [], env: {} }),
  name: "ours" | "ours-limits" = "ours",
): Promise<Ours> {
  const isLimited = name === "ours-limits";
  const started = await startProcess(name, (port, directory) => ({
    file: process.execPath,
    args: [...node(directory).args, meshagentBin, "serve", "--port", String(port), "--data-dir", directory],
    env: {
      ...node(directory).env,
      OPENAI_API_KEY: "sk-bench",
      MESHAGENT_OPENAI_BASE_URL: `http://127.0.0.1:${upstreamPort}/v1`,
    },
  }));
  const token = readFileSync(join(started.directory, "owner-token"), "utf8").trim();
  const owner = createClient({ baseUrl: started.url, token });
  const project = (await owner.listProjects()).projects[0]?.id;
  if (project === undefined) throw new Error("The gateway has no project.");
  if (isLimited) await setLimits(owner, project, room);
  return {
    ...started,
    name,
    target: {
      url: `${started.url}/openai/v1/responses`,
      headers: { authorization: `Bearer ${await participantToken(owner, project, isLimited)}` },
    },
    exchangesSince: (since) => readExchanges(owner, project, since),
  };
}

async function participantToken(owner: Client, project: string, isLimited: boolean): Promise<string> {
  const caps = isLimited ? { caps: tokenCaps } : {};
  const created = await owner.createApiKey({ project, name: "bench", description: "" });
  return signParticipantToken(
    { room, identity: "bench", role: "agent", llm: { models: null, ...caps } },
    { apiKey: parseApiKey(created.value), iat: Math.floor(Date.now() / 1000), jti: "bench" },
  );
}

async function readExchanges(owner: Client, project: string, since: number): Promise<readonly Exchange[]> {
  const exchanges: Exchange[] = [];
  let cursor: string | undefined;
  do {
    const page = await owner.listExchanges({ project, since, limit: 1000, cursor });
    exchanges.push(...page.exchanges);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return exchanges;
}
