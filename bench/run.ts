/**
 * `npm run bench`: ours against nginx on one machine, in one run, interleaved. Prints CPU per request, added latency
 * at concurrency 1 and peak memory, and their ratios to nginx. Needs `nginx` and `wrk` (Debian packages); asserts
 * nothing, because machines are noisy and the ratio is what counts.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processCost } from "./process-cost.ts";
import { type Proxy, startNginx, startOurs, startUpstream } from "./proxies.ts";
import { type Workload, workloads } from "./workloads.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5);
const seconds = Number(process.env["BENCH_SECONDS"] ?? 3);
const directory = mkdtempSync(join(tmpdir(), "bench-"));

interface Load {
  readonly requests: number;
  readonly p50Us: number;
}

function load(
  workload: Workload,
  target: { readonly url: string; readonly headers: Readonly<Record<string, string>> },
  concurrency: number,
): Load {
  const script = join(directory, "load.lua");
  const body = join(directory, "body");
  writeFileSync(body, workload.body);
  const headers = Object.entries(target.headers).map(
    ([name, value]) => `wrk.headers["${name}"] = "${value}"`,
  );
  writeFileSync(
    script,
    `local file = io.open("${body}", "rb"); wrk.body = file:read("*a"); file:close()
     wrk.method = "POST"; wrk.headers["content-type"] = "application/json"; ${headers.join("; ")}
     done = function(summary, latency) io.write(string.format("RESULT %d %d %d\\n", summary.requests, latency:percentile(50), summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout)) end`,
  );
  const run = spawnSync(
    "wrk",
    ["-t1", `-c${concurrency}`, `-d${seconds}s`, "--timeout", "20s", "-s", script, target.url],
    { encoding: "utf8" },
  );
  const match = /RESULT (\d+) (\d+) (\d+)/.exec(run.stdout);
  if (match === null || Number(match[3]) > 0) throw new Error(`The load failed: ${run.stdout}${run.stderr}`);
  return { requests: Number(match[1]), p50Us: Number(match[2]) };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function measure(workload: Workload, proxy: Proxy): number {
  const target = {
    url: `${proxy.url}/${proxy.name === "ours" ? "openai/v1" : "v1"}/responses`,
    headers: proxy.headers,
  };
  const before = processCost(proxy.pid).cpuUs;
  const { requests } = load(workload, target, workload.concurrency);
  return (processCost(proxy.pid).cpuUs - before) / requests;
}

const upstream = await startUpstream();
const proxies = [await startNginx(upstream.port), await startOurs(upstream.port)];
for (const workload of workloads) {
  for (const proxy of proxies) measure(workload, proxy);
  const costs = new Map<string, number[]>(proxies.map((proxy) => [proxy.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const proxy of round % 2 === 0 ? proxies : proxies.toReversed())
      costs.get(proxy.name)?.push(measure(workload, proxy));
  }
  const direct = load(
    workload,
    { url: `http://127.0.0.1:${upstream.port}/v1/responses`, headers: {} },
    1,
  ).p50Us;
  process.stdout.write(
    `${workload.name}: ${workload.about}, concurrency ${workload.concurrency}, median of ${rounds} rounds\n`,
  );
  const reference = costs.get("nginx") ?? [];
  for (const proxy of proxies) {
    const own = costs.get(proxy.name) ?? [];
    const ratios = own.map((cost, round) => cost / (reference[round] ?? Number.NaN));
    const target = {
      url: `${proxy.url}/${proxy.name === "ours" ? "openai/v1" : "v1"}/responses`,
      headers: proxy.headers,
    };
    const added = load(workload, target, 1).p50Us - direct;
    const rssMb = processCost(proxy.pid).peakRssBytes / 1024 / 1024;
    process.stdout.write(
      `  ${proxy.name.padEnd(8)} ${median(own).toFixed(0).padStart(6)} us CPU/request  ${median(ratios).toFixed(2)}x nginx  +${added} us p50 at concurrency 1  ${rssMb.toFixed(0)} MB peak\n`,
    );
  }
}
await Promise.all(proxies.map((proxy) => proxy.stop()));
upstream.stop();
rmSync(directory, { recursive: true, force: true });
