/** Names one account at one provider: what two rooms have to share for an id of the one to mean something to the other. */

import { createHash } from "node:crypto";
import type { Upstream } from "./exchange.ts";

const known = new WeakMap<Upstream, string>();

/** Provider, base URL and a fingerprint of the key, from which the key cannot be found. */
export function upstreamIdentity(upstream: Upstream): string {
  let identity = known.get(upstream);
  if (identity === undefined) {
    const key = upstream.apiKey?.reveal() ?? "";
    const fingerprint = createHash("sha256").update(`meshagent upstream identity\0${key}`).digest("hex");
    identity = `${upstream.provider.name} ${upstream.origin}${upstream.basePath} ${fingerprint.slice(0, 16)}`;
    known.set(upstream, identity);
  }
  return identity;
}
