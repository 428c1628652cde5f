/** The reference: nginx, one worker, unbuffered both ways, keep-alive upstream, no log. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Proxy, startProcess } from "./proxy.ts";

export async function startNginx(upstreamPort: number): Promise<Proxy> {
  const started = await startProcess("nginx", (port, directory) => {
    const file = join(directory, "nginx.conf");
    writeFileSync(file, nginxConfig({ port, upstreamPort, directory }));
    return { file: "nginx", args: ["-p", directory, "-c", file], env: {} };
  });
  return { ...started, name: "nginx", target: { url: `${started.url}/v1/responses`, headers: {} } };
}

function nginxConfig(at: { port: number; upstreamPort: number; directory: string }): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${at.directory}/${name};`)
    .join(" ");
  return `
    worker_processes 1; daemon off; pid ${at.directory}/pid; error_log stderr crit;
    events { worker_connections 8192; }
    http {
      ${temporary}
      access_log off; client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 1000000;
      upstream provider { server 127.0.0.1:${at.upstreamPort}; keepalive 512; keepalive_requests 1000000; }
      server {
        listen 127.0.0.1:${at.port} backlog=4096;
        location / {
          proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header connection "";
          proxy_buffering off; proxy_request_buffering off; proxy_set_header authorization "Bearer sk-bench";
        }
      }
    }`;
}
