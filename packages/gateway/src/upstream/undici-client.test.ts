import { upstreamClientConformance } from "./conformance.ts";
import { createUndiciClient } from "./undici-client.ts";

upstreamClientConformance("undici", () =>
  createUndiciClient({
    connectTimeoutMs: 2000,
    keepAliveTimeoutMs: 5000,
    proxy: { httpsProxy: null, noProxy: null },
  }),
);
