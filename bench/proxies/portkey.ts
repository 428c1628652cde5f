/** Portkey's gateway from npm, headless and in production mode, as its documentation starts it. */

import { join } from "node:path";
import { peersDir } from "../peers/install.ts";
import { type Proxy, startProcess } from "./proxy.ts";

export async function startPortkey(upstreamPort: number): Promise<Proxy> {
  const started = await startProcess("portkey", (port) => ({
    file: process.execPath,
    args: [
      "--import",
      join(peersDir, "mutable-headers.ts"),
      join(peersDir, "node_modules/@portkey-ai/gateway/build/start-server.js"),
      `--port=${port}`,
      "--headless",
    ],
    env: { NODE_ENV: "production" },
  }));
  return {
    ...started,
    name: "portkey",
    target: {
      url: `${started.url}/v1/responses`,
      headers: {
        authorization: "Bearer sk-bench",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": `http://127.0.0.1:${upstreamPort}/v1`,
      },
    },
  };
}
