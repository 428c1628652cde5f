/** Proves a provider's key with the cheapest request it has, for `meshagent provider test` and `doctor`. Bills nothing. */

import type { Upstream } from "../exchange.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { errorText } from "../observe/log.ts";

export interface ProbeResult {
  readonly ok: boolean;
  /** For a person; holds no key and no reply text. */
  readonly message: string;
}

export function probeUpstream(client: UpstreamClient, upstream: Upstream): Promise<ProbeResult> {
  const { provider } = upstream;
  return new Promise((resolve) => {
    const call = client.send(
      {
        method: "GET",
        origin: upstream.origin,
        path: upstream.basePath + provider.probePath,
        headers: upstream.apiKey === null ? [] : provider.authorization(upstream.apiKey),
        body: null,
        timeouts: { ...upstream.timeouts, firstByteTimeoutMs: 15_000 },
      },
      {
        onReply: (reply) => {
          resolve(verdict(reply.status, upstream));
          queueMicrotask(() => call.abort());
        },
        onChunk: () => true,
        onEnd: () => {},
        onFailure: (failure) =>
          resolve({
            ok: false,
            message: `${provider.displayName} cannot be reached at ${upstream.origin}: ${errorText(failure.cause)}`,
          }),
      },
    );
  });
}

function verdict(status: number, upstream: Upstream): ProbeResult {
  const who = upstream.provider.displayName;
  if (upstream.isSimulated) return { ok: true, message: `The simulated provider stands in for ${who}.` };
  if (status < 300) return { ok: true, message: `${who} takes the key (${upstream.origin}).` };
  if (status === 401 || status === 403) {
    return {
      ok: false,
      message: `${who} refuses the key (${status}). Set a valid one with \`meshagent provider set ${upstream.provider.name} --api-key-from-env ${upstream.provider.apiKeyVariable}\`.`,
    };
  }
  return {
    ok: false,
    message: `${who} answered ${status} at ${upstream.origin}${upstream.basePath}. Check its base URL.`,
  };
}
