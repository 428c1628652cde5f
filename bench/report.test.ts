import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { figuresJson, type ProxyFigures, summaryOf, type WorkloadFigures } from "./figures.ts";
import type { ProxyName } from "./proxies/proxy.ts";
import { isWhole, reportLines } from "./report.ts";
import { type WorkloadName, workloads } from "./workloads.ts";

function proxy(name: ProxyName, cpuUs: readonly number[], more: Partial<ProxyFigures> = {}): ProxyFigures {
  return {
    name,
    cpuUs,
    addedUs: [],
    delays: [],
    peakRssBytes: 100 * 1024 * 1024,
    unfinished: 0,
    ...more,
  };
}

function figures(name: WorkloadName, proxies: readonly ProxyFigures[]): WorkloadFigures {
  const workload = workloads.find((each) => each.name === name);
  assert.ok(workload !== undefined);
  return { workload, proxies, directDelay: null, loaderCores: null, upstreamCores: null };
}

const turn = figures("W2", [
  proxy("nginx", [500, 600, 550], { addedUs: [300, 280, 310] }),
  proxy("portkey", [23_000, 24_000, 23_500], { addedUs: [42_000, 43_000, 41_000] }),
  proxy("ours", [1_500, 2_100, 1_540], { addedUs: [900, 800, 1_000] }),
]);

describe("reportLines", () => {
  it("shows medians, ratios round by round, and targets that are met", () => {
    const text = reportLines(turn).join("\n");
    assert.match(text, /^W2: 400 KB up, 300 events down, 8 at once; median of 3 rounds$/m);
    assert.match(text, /nginx +550 us +1\.00 \(1\.00-1\.00\) +\+300 us +100 MB$/m);
    // 1500/500 = 3, 2100/600 = 3.5, 1540/550 = 2.8
    assert.match(text, /ours +1540 us +3\.00 \(2\.80-3\.50\) +\+900 us +100 MB$/m);
    assert.match(text, /ours is 3\.00x nginx; the target is at most 4x: met$/m);
    // 900/300 = 3
    assert.match(text, /beside nginx: 3\.00x its latency, 1\.00x its peak memory$/m);
    // 23000/1500 = 15.3, 24000/2100 = 11.4, 23500/1540 = 15.26
    assert.match(text, /ours takes 15\.3x less CPU than portkey; the target is at least 10x: met$/m);
  });

  it("says when a target is missed", () => {
    const text = reportLines(figures("W1", [proxy("nginx", [40]), proxy("ours", [260])])).join("\n");
    assert.match(text, /ours is 6\.50x nginx; the target is at most 6x: missed$/m);
    assert.doesNotMatch(text, /portkey/);
    assert.match(text, /beside nginx: 1\.00x its peak memory$/m);
  });

  it("compares ours under limits with ours without, round by round", () => {
    const both = [proxy("ours", [100, 200]), proxy("ours-limits", [110, 250])];
    // 110/100 = 1.1, 250/200 = 1.25; their mean is 1.175.
    const text = reportLines(figures("W1", both)).join("\n");
    assert.match(
      text,
      /under limits ours takes 1\.1[78] \(1\.10-1\.25\)x the CPU; the target is at most 1\.15x: missed$/m,
    );
    assert.match(reportLines(figures("W2", both)).join("\n"), /1\.25\)x the CPU$/m);
  });

  it("shows no ratio without the reference", () => {
    const lines = reportLines(figures("W1", [proxy("ours", [260])]));
    assert.match(lines.join("\n"), /ours +260 us +- /);
    assert.equal(lines.length, 3);
  });

  it("shows delays of streams, and who was too busy or lost some", () => {
    const streams: WorkloadFigures = {
      ...figures("W3", [proxy("ours", [54], { delays: [{ p50Us: 326, p99Us: 10_447 }], unfinished: 3 })]),
      directDelay: { p50Us: 79, p99Us: 2_508 },
      loaderCores: 0.93,
      upstreamCores: 0.2,
    };
    const text = reportLines(streams).join("\n");
    assert.match(text, /direct +- +- +79\.0 \/ 2508 us/);
    assert.match(text, /ours +54\.0 us +- +326 \/ 10447 us/);
    assert.match(text, /ours: 3 STREAMS DID NOT FINISH\.$/m);
    assert.match(text, /93 % of a core was busy in the loader at most, 20 % in the upstream: THE DELAYS/);
    const idle = reportLines({ ...streams, loaderCores: 0.31 }).join("\n");
    assert.match(idle, /31 % of a core was busy in the loader at most, 20 % in the upstream$/m);
    assert.equal(isWhole([streams], "ours"), false);
    assert.equal(isWhole([streams], "nginx"), true);
  });
});

describe("summaryOf", () => {
  it("takes medians of what was measured", () => {
    const delays = [
      { p50Us: 1, p99Us: 30 },
      { p50Us: 3, p99Us: 10 },
      { p50Us: 2, p99Us: 20 },
    ];
    assert.deepEqual(summaryOf(proxy("ours", [5, 1, 3], { delays })), {
      cpuUs: 3,
      addedUs: null,
      delay: { p50Us: 2, p99Us: 20 },
    });
  });
});

describe("figuresJson", () => {
  it("keeps the rounds beside the medians and the ratio", () => {
    const json = figuresJson({ commit: "abc" }, [turn]);
    const ours = json.workloads[0]?.proxies.find(({ name }) => name === "ours");
    assert.equal(json.about["commit"], "abc");
    assert.equal(ours?.cpuUs, 1_540);
    assert.equal(ours?.addedUs, 900);
    assert.deepEqual(ours?.timesNginx, { median: 3, min: 2.8, max: 3.5 });
    assert.deepEqual(ours?.rounds.cpuUs, [1_500, 2_100, 1_540]);
    assert.deepEqual(JSON.parse(JSON.stringify(json)), json);
  });
});
