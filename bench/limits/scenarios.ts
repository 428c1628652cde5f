/** The mixes and what has to be reached in each. `README.md` says where the figures come from. */

import type { Outcome, Scenario } from "./simulation.ts";
import type { TrafficOptions } from "./traffic.ts";

export interface Target {
  readonly scenario: Scenario;
  /** Means over the seeds, in percent of the amount; null: not asked for. */
  readonly firstPercent: number | null;
  readonly finalPercent: number | null;
  /** Of all answers. */
  readonly cutPercent: number | null;
  /** Of every single run. */
  readonly overUsd: number;
}

const normal: TrafficOptions = { reasonsHeavily: false, isAdversarial: false, nonStreamingShare: 0.1 };

function scenario(changes: Partial<Scenario> & Pick<Scenario, "name" | "amountUsd">): Scenario {
  return { agents: 0, chats: 0, toleranceUsd: 0, traffic: normal, lostShare: 0, ...changes };
}

export const targets: readonly Target[] = [
  target({ name: "agents $10", amountUsd: 10, agents: 8 }, 65, 92, 0.5),
  target({ name: "agents $50", amountUsd: 50, agents: 16 }, 88, 98, 0.5),
  target({ name: "mixed $10", amountUsd: 10, agents: 4, chats: 4 }, 75, 98, 0.5),
  target({ name: "mixed $50", amountUsd: 50, agents: 8, chats: 8 }, 90, 99, 0.5),
  target({ name: "chat $1", amountUsd: 1, chats: 8 }, 90, 95, 0.5),
  target({ name: "chat $10", amountUsd: 10, chats: 16 }, null, 99, 0.5),
  {
    ...target({ name: "agents $10 + $0.75", amountUsd: 10, toleranceUsd: 0.75, agents: 8 }, 80, 99, 0.5),
    overUsd: 0.75,
  },
  target(
    {
      name: "heavy reasoning $50",
      amountUsd: 50,
      agents: 16,
      traffic: { ...normal, reasonsHeavily: true },
    },
    null,
    null,
    8,
  ),
  target(
    {
      name: "adversary $50",
      amountUsd: 50,
      agents: 40,
      chats: 24,
      traffic: { ...normal, isAdversarial: true, nonStreamingShare: 0.5 },
      lostShare: 0.2,
    },
    null,
    null,
    null,
  ),
];

function target(
  changes: Partial<Scenario> & Pick<Scenario, "name" | "amountUsd">,
  ...[firstPercent, finalPercent, cutPercent]: readonly [number | null, number | null, number | null]
): Target {
  return { scenario: scenario(changes), firstPercent, finalPercent, cutPercent, overUsd: 0 };
}

/** Several runs of one mix. */
export interface Figures {
  readonly firstPercent: number;
  readonly finalPercent: number;
  readonly leastFirstPercent: number;
  readonly leastFinalPercent: number;
  readonly cutPercent: number;
  readonly mostOverUsd: number;
  readonly admitted: number;
  readonly virtualMinutes: number;
}

export function figuresOf(outcomes: readonly Outcome[]): Figures {
  const first = outcomes.map(({ firstPercent }) => firstPercent);
  const final = outcomes.map(({ finalPercent }) => finalPercent);
  const admitted = sum(outcomes.map((outcome) => outcome.admitted));
  return {
    firstPercent: sum(first) / outcomes.length,
    finalPercent: sum(final) / outcomes.length,
    leastFirstPercent: Math.min(...first),
    leastFinalPercent: Math.min(...final),
    cutPercent: (100 * sum(outcomes.map(({ cut }) => cut))) / admitted,
    mostOverUsd: Math.max(...outcomes.map(({ overNanoUsd }) => overNanoUsd)) / 1e9,
    admitted,
    virtualMinutes: sum(outcomes.map(({ virtualMinutes }) => virtualMinutes)) / outcomes.length,
  };
}

/** What a mix misses, in words; empty when it reaches its target. */
export function missed(
  figures: Figures,
  { firstPercent, finalPercent, cutPercent, overUsd }: Target,
): string[] {
  const problems: string[] = [];
  if (figures.firstPercent < (firstPercent ?? 0))
    problems.push(`the first refusal came at ${figures.firstPercent.toFixed(1)} %, not at ${firstPercent} %`);
  if (figures.finalPercent < (finalPercent ?? 0))
    problems.push(`${figures.finalPercent.toFixed(1)} % could be spent, not ${finalPercent} %`);
  if (cutPercent !== null && figures.cutPercent > cutPercent)
    problems.push(
      `${figures.cutPercent.toFixed(2)} % of the answers were cut short, more than ${cutPercent} %`,
    );
  if (figures.mostOverUsd > overUsd)
    problems.push(`$${figures.mostOverUsd} more was billed than the amount, with $${overUsd} allowed`);
  return problems;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
