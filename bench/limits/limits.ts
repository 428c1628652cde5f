/** `npm run bench -- limits`: how much of a hard budget can be spent before it is in the way. See README.md. */

import { figuresOf, missed, type Target, targets } from "./scenarios.ts";
import { type Outcome, simulate } from "./simulation.ts";

export interface LimitsOptions {
  readonly seeds: number;
  readonly firstSeed: number;
  readonly mixes?: readonly Target[];
}

/** What is missed; empty when every mix reaches its target. Throws where a promise is broken. */
export async function limits(
  { seeds, firstSeed, mixes = targets }: LimitsOptions,
  print: (line: string) => void,
): Promise<readonly string[]> {
  const problems: string[] = [];
  print(row("", ["first %", "(worst)", "final %", "(worst)", "cut %", "over $", "requests", "minutes", "s"]));
  for (const target of mixes) {
    const { name } = target.scenario;
    const startedAt = performance.now();
    const outcomes: Outcome[] = [];
    for (let run = 0; run < seeds; run++) outcomes.push(await simulate(target.scenario, firstSeed + run));
    const figures = figuresOf(outcomes);
    print(
      row(name, [
        beside(figures.firstPercent.toFixed(1), target.firstPercent),
        figures.leastFirstPercent.toFixed(0),
        beside(figures.finalPercent.toFixed(1), target.finalPercent),
        figures.leastFinalPercent.toFixed(0),
        beside(figures.cutPercent.toFixed(2), target.cutPercent),
        figures.mostOverUsd.toFixed(9).replace(/\.?0+$/, ""),
        (figures.admitted / seeds).toFixed(0),
        figures.virtualMinutes.toFixed(0),
        ((performance.now() - startedAt) / 1000).toFixed(0),
      ]),
    );
    problems.push(...missed(figures, target).map((problem) => `${name}: ${problem}`));
  }
  return problems;
}

function beside(value: string, target: number | null): string {
  return target === null ? value : `${value} / ${target}`;
}

function row(name: string, cells: readonly string[]): string {
  return [name.padEnd(20), ...cells.map((cell) => cell.padStart(11))].join("").trimEnd();
}
