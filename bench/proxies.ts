/** The proxies that are compared, each a process tree of its own in front of the same upstream. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Proxy {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** A process whose first line on stdout is its port. */
export async function startUpstream(): Promise<{ readonly port: number; stop(): void }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("upstream.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { port: Number(line), stop: () => child.kill("SIGKILL") };
}

/** The reference: nginx, one worker, unbuffered both ways, keep-alive upstream, no log. */
export async function startNginx(upstreamPort: number): Promise<Proxy> {
  const directory = mkdtempSync(join(tmpdir(), "bench-nginx-"));
  const port = await freePort();
  const config = `
    worker_processes 1; daemon off; pid ${directory}/pid; error_log stderr crit;
    events { worker_connections 8192; }
    http {
      access_log off; client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 1000000;
      upstream provider { server 127.0.0.1:${upstreamPort}; keepalive 512; keepalive_requests 1000000; }
      server {
        listen 127.0.0.1:${port} backlog=4096;
        location / {
          proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header connection "";
          proxy_buffering off; proxy_request_buffering off; proxy_set_header authorization "Bearer sk-bench";
        }
      }
    }`;
  const file = join(directory, "nginx.conf");
  writeFileSync(file, config);
  const child = spawn("nginx", ["-p", directory, "-c", file], { stdio: "ignore" });
  return running("nginx", child, { port, directory, headers: {} });
}

/** Ours, as users run it: token, ledger, prices, everything on. */
export async function startOurs(upstreamPort: number): Promise<Proxy> {
  const directory = mkdtempSync(join(tmpdir(), "bench-ours-"));
  const port = await freePort();
  const bin = fileURLToPath(new URL("../packages/cli/bin/meshagent.js", import.meta.url));
  const child = spawn(process.execPath, [bin, "serve", "--port", String(port), "--data-dir", directory], {
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: directory,
      OPENAI_API_KEY: "sk-bench",
      MESHAGENT_OPENAI_BASE_URL: `http://127.0.0.1:${upstreamPort}/v1`,
    },
  });
  const proxy = await running("ours", child, { port, directory, headers: {} });
  return { ...proxy, headers: { authorization: `Bearer ${await mintToken(proxy.url, directory)}` } };
}

async function mintToken(url: string, dataDir: string): Promise<string> {
  const owner = {
    authorization: `Bearer ${readFileSync(join(dataDir, "owner-token"), "utf8").trim()}`,
    "content-type": "application/json",
  };
  const { projects } = (await (await fetch(`${url}/accounts/projects`, { headers: owner })).json()) as {
    projects: { id: string }[];
  };
  const project = projects[0]?.id ?? "";
  const created = await fetch(`${url}/accounts/projects/${project}/api-keys`, {
    method: "POST",
    headers: owner,
    body: '{"name":"bench","description":""}',
  });
  const key = /ma-[^"]+/.exec(await created.text())?.[0] ?? "";
  const { parseApiKey } = await import("@meshagent/llm-proxy-protocol/api-key");
  const { signParticipantToken } = await import("@meshagent/llm-proxy-protocol/token");
  return signParticipantToken(
    { room: "bench", identity: "bench", role: "agent", llm: { models: null } },
    { apiKey: parseApiKey(key), iat: Math.floor(Date.now() / 1000), jti: "bench" },
  );
}

interface Started {
  readonly port: number;
  readonly directory: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function running(name: string, child: ChildProcess, started: Started): Promise<Proxy> {
  const url = `http://127.0.0.1:${started.port}`;
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await (await fetch(`${url}/healthz`)).arrayBuffer();
      break;
    } catch (error) {
      if (Date.now() > deadline || child.exitCode !== null)
        throw new Error(`${name} did not start`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    name,
    pid: child.pid ?? 0,
    url,
    headers: started.headers,
    stop: async () => {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
      rmSync(started.directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
