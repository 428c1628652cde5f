/** Whole requests as a load, by `wrk`: one thread, keep-alive, as many requests as fit into the time. */

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Target } from "./streams.ts";

export interface RequestJob {
  readonly target: Target;
  readonly body: string;
  readonly concurrency: number;
  readonly seconds: number;
}

export interface RequestResult {
  /** Requests that were answered. */
  readonly requests: number;
  readonly p50Us: number;
}

/** Throws when `wrk` fails, and when a single request did. */
export async function loadRequests(job: RequestJob): Promise<RequestResult> {
  const directory = mkdtempSync(join(tmpdir(), "bench-wrk-"));
  try {
    const body = join(directory, "body");
    const script = join(directory, "load.lua");
    writeFileSync(body, job.body);
    writeFileSync(script, wrkScript(job.target.headers, body), { mode: 0o600 });
    const { stdout } = await promisify(execFile)("wrk", [
      "--threads=1",
      `--connections=${job.concurrency}`,
      `--duration=${job.seconds}s`,
      "--timeout=20s",
      `--script=${script}`,
      job.target.url,
    ]);
    return parseWrkResult(stdout);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What `wrk` runs: the request, and a last line that `parseWrkResult` reads. Exported for its test. */
export function wrkScript(headers: Target["headers"], bodyFile: string): string {
  const lines = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
  );
  return `local file = io.open(${JSON.stringify(bodyFile)}, "rb")
wrk.body = file:read("*a")
file:close()
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
${lines.join("\n")}
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, latency:percentile(50), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
`;
}

/** Throws when there is no result, when requests failed, and when none was answered. */
export function parseWrkResult(stdout: string): RequestResult {
  const match = /^RESULT (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout);
  if (match === null) throw new Error(`wrk printed no result: ${stdout}`);
  const [requests = 0, p50Us = 0, refused = 0, broken = 0] = match.slice(1).map(Number);
  if (refused > 0 || broken > 0) {
    throw new Error(`${refused} requests were refused and ${broken} broke, of ${requests}.`);
  }
  if (requests === 0) throw new Error("No request was answered within the time; give it more seconds.");
  return { requests, p50Us };
}
