import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OptionsError, parseOptions } from "./options.ts";

describe("parseOptions", () => {
  it("has defaults", () => {
    assert.deepEqual(parseOptions([], {}), {
      mode: "compare",
      rounds: 5,
      seconds: 3,
      streamSeconds: 10,
      warmUpSeconds: 20,
      workloads: ["W1", "W2", "W3"],
      proxies: ["nginx", "portkey", "ours"],
      jsonFile: null,
      soakStreams: 2000,
      soakCycles: 3,
      seeds: 20,
      firstSeed: 1,
    });
  });

  it("lets a flag win over the environment", () => {
    const env = { BENCH_ROUNDS: "9", BENCH_SECONDS: "1" };
    const options = parseOptions(["--rounds", "2", "--json=out.json"], env);
    assert.deepEqual([options?.rounds, options?.seconds, options?.jsonFile], [2, 1, "out.json"]);
  });

  it("takes lists in any case and keeps its own order", () => {
    const options = parseOptions(["--workloads", "w3,W1", "--proxies", "ours, nginx"], {});
    assert.deepEqual(options?.workloads, ["W1", "W3"]);
    assert.deepEqual(options?.proxies, ["nginx", "ours"]);
  });

  it("measures ours under limits when asked to", () => {
    const options = parseOptions(["--proxies", "ours-limits,ours"], {});
    assert.deepEqual(options?.proxies, ["ours", "ours-limits"]);
  });

  it("knows the soak", () => {
    const options = parseOptions(["soak", "--streams", "50"], { BENCH_CYCLES: "2" });
    assert.deepEqual([options?.mode, options?.soakStreams, options?.soakCycles], ["soak", 50, 2]);
  });

  it("knows the limits, how many runs of each, and where to begin", () => {
    const options = parseOptions(["limits", "--seeds", "3"], { BENCH_FIRST_SEED: "50" });
    assert.deepEqual([options?.mode, options?.seeds, options?.firstSeed], ["limits", 3, 50]);
  });

  it("warms nothing up when told so, but measures at least once", () => {
    assert.equal(parseOptions(["--warm-up=0"], {})?.warmUpSeconds, 0);
    assert.throws(
      () => parseOptions(["--rounds=0"], {}),
      /--rounds must be a whole number of at least 1, not 0/,
    );
  });

  it("gives help", () => assert.equal(parseOptions(["--help"], {}), null));

  it("refuses what it does not know, and says what it knows", () => {
    for (const args of [["--rouns=3"], ["bake"], ["soak", "more"]]) {
      assert.throws(
        () => parseOptions(args, {}),
        (error: unknown) => error instanceof OptionsError && error.message.includes("--rounds N"),
      );
    }
    assert.throws(() => parseOptions(["--workloads", "W1,W4"], {}), /takes some of W1,W2,W3, not W1,W4/);
    assert.throws(() => parseOptions(["--seconds", "1.5"], {}), OptionsError);
  });
});
