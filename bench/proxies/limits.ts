/**
 * The limits of `ours-limits`: a budget for the project, one for the room and one in the token; all rates on the project
 * and the room, and all that a token can carry. None is ever reached: what is measured is what they cost.
 */

import type { Client } from "@meshagent/llm-proxy-protocol/client";
import type { LlmCaps } from "@meshagent/llm-proxy-protocol/llm-caps";

const dearUsd = 1_000_000;
const perMinute = 1_000_000_000;
const atOnce = 1_000_000;

/** Caps of the participant's token. */
export const tokenCaps: LlmCaps = {
  maxBudgetNanoUsd: dearUsd * 1_000_000_000,
  maxBudgetPerDayNanoUsd: null,
  requestsPerMinute: perMinute,
  tokensPerMinute: perMinute,
  maxConcurrency: atOnce,
};

/** Sets those of the project and the room. */
export async function setLimits(owner: Client, project: string, room: string): Promise<void> {
  for (const scope of [{}, { room }]) {
    await owner.createBudget({ project, scope, amount_usd: String(dearUsd) });
    await owner.createLimit({
      project,
      scope,
      requests_per_minute: perMinute,
      input_tokens_per_minute: perMinute,
      output_tokens_per_minute: perMinute,
      tokens_per_minute: perMinute,
      max_concurrency: atOnce,
    });
  }
}
