/** Every proxy by its name. */

import { startNginx } from "./nginx.ts";
import { startOurs } from "./ours.ts";
import { startPortkey } from "./portkey.ts";
import type { Proxy, ProxyName } from "./proxy.ts";

export const startProxy: Readonly<Record<ProxyName, (upstreamPort: number) => Promise<Proxy>>> = {
  nginx: startNginx,
  portkey: startPortkey,
  ours: (upstreamPort) => startOurs(upstreamPort),
  "ours-limits": (upstreamPort) => startOurs(upstreamPort, undefined, "ours-limits"),
};
