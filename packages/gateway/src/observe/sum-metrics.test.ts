import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sampleResult } from "../store/conformance/sample-exchanges.ts";
import { createMetrics, type Gauges, type Metrics } from "./metrics.ts";
import { countersOf, sumMetrics } from "./sum-metrics.ts";

function metrics(runningExchanges: number): Metrics {
  const zero = (): number => 0;
  const gauges: Gauges = {
    runningExchanges: () => runningExchanges,
    keptBytes: zero,
    drains: zero,
    sockets: zero,
    waiting: zero,
    droppedLogLines: zero,
  };
  return createMetrics(gauges);
}

describe("the metrics of several processes", () => {
  it("are added up sample by sample, counters and gauges", () => {
    const one = metrics(2);
    const two = metrics(3);
    const exchange = { dialect: "openai", isSimulated: false };
    // A nano-dollar more than a double can tell from its neighbour.
    one.finished(exchange, sampleResult({ id: "ex_1", usage: [], costNanoUsd: 2 ** 53 - 1 }));
    two.finished(exchange, sampleResult({ id: "ex_2", usage: [], costNanoUsd: 2 }));
    two.refused("rate_limit_exceeded", "anthropic");
    const sum = sumMetrics([one.render(), two.render()]);
    assert.match(sum, /^meshagent_running_exchanges 5$/m);
    assert.match(sum, /^meshagent_cost_nano_usd_total 9007199254740993$/m);
    assert.match(
      sum,
      /^meshagent_exchanges_total\{dialect="openai",simulated="false",outcome="ok",usage_source="exact"\} 2$/m,
    );
    assert.match(sum, /^meshagent_refused_total\{dialect="anthropic",code="rate_limit_exceeded"\} 1$/m);
  });

  it("keep the form of one: each family once, its help in front of it", () => {
    const [one, two] = [metrics(1), metrics(1)];
    two.refused("rate_limit_exceeded", "openai");
    const about = (text: string): readonly string[] =>
      text.split("\n").filter((line) => line.startsWith("#"));
    const sum = sumMetrics([one.render(), two.render()]);
    assert.deepEqual(about(sum), about(one.render()));
    const withoutMemory = (text: string): string => text.replace(/^process_resident.*$/gm, "");
    assert.equal(withoutMemory(sumMetrics([one.render()])), withoutMemory(one.render()));
    assert.ok(sum.endsWith("\n"));
  });

  it("of one that has ended keep their counters and lose their gauges", () => {
    const ended = metrics(7);
    ended.refused("rate_limit_exceeded", "openai");
    const left = countersOf(ended.render());
    assert.match(left, /^meshagent_refused_total\{dialect="openai",code="rate_limit_exceeded"\} 1$/m);
    assert.match(left, /^meshagent_cost_nano_usd_total 0$/m);
    assert.doesNotMatch(left, /running_exchanges|resident_memory|kept_bytes/);
  });

  it("take fractions as they come", () => {
    assert.equal(sumMetrics(["a 0.5\n", "a 2\n", "a 0.25\n"]), "a 2.75\n");
  });

  it("take a label with spaces and braces in it for a label", () => {
    const text = '# HELP a b c\n# TYPE a counter\na{x="1 } 2"} 3\n';
    assert.equal(sumMetrics([text, text]), '# HELP a b c\n# TYPE a counter\na{x="1 } 2"} 6\n');
  });
});
