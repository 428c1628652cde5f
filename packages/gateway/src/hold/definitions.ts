/**
 * What is limited for whom, as this process knows it: the project's definitions, kept until the directory tells of a
 * change, and the caps that a token brings with it. A budget that counts for the first time begins with what its
 * period has cost already.
 */

import { matchesModel } from "@meshagent/llm-proxy-protocol/model-pattern";
import type { Principal } from "../exchange.ts";
import type { LimitDefinition, LimitScope } from "../store/limit-definition.ts";
import type { Limits } from "../store/limits.ts";
import type { Directory, ExchangeFilter, Reports } from "../store/store.ts";
import type { CoveringBudget, CoveringLimits } from "./accounts.ts";
import { isTokenCap, tokenCaps } from "./token-caps.ts";

export interface LimitDefinitions {
  /** Those of the principal's project and token, oldest first. */
  of(principal: Principal): Promise<readonly LimitDefinition[]>;
  /** With what new accounts begin with. */
  seeded(projectId: string, covering: CoveringLimits): Promise<CoveringLimits>;
  /** How often definitions were changed so far. */
  readonly changes: number;
  close(): void;
}

export interface LimitDefinitionsOptions {
  readonly directory: Pick<Directory, "listLimits" | "onChange">;
  readonly limits: Pick<Limits, "peekBudgets">;
  readonly reports: Pick<Reports, "usage">;
}

const maxKnownKeys = 50_000;

export function createLimitDefinitions({
  directory,
  limits,
  reports,
}: LimitDefinitionsOptions): LimitDefinitions {
  const known = new Map<string, Promise<readonly LimitDefinition[]>>();
  /** What accounts begin with: nothing has to be looked up for them again. */
  const begun = new Map<string, number>();
  let changes = 0;
  const unfollow = directory.onChange((change) => {
    if (change.kind !== "limit" && change.kind !== "project") return;
    known.delete(change.projectId);
    changes += 1;
  });

  async function listOf(projectId: string): Promise<readonly LimitDefinition[]> {
    const list = known.get(projectId) ?? directory.listLimits(projectId);
    known.set(projectId, list);
    try {
      return await list;
    } catch (error) {
      known.delete(projectId);
      throw error;
    }
  }

  async function seed(projectId: string, budget: CoveringBudget): Promise<CoveringBudget> {
    const { account } = budget;
    let spentBeforeNanoUsd = begun.get(account.key);
    if (spentBeforeNanoUsd === undefined) {
      const isThere = limits.peekBudgets([account.key])[0] != null;
      spentBeforeNanoUsd =
        isThere || isTokenCap(budget.definition) ? 0 : await spentBefore(reports, projectId, budget);
      if (begun.size >= maxKnownKeys) begun.clear();
      begun.set(account.key, spentBeforeNanoUsd);
    }
    return { ...budget, account: { ...account, spentBeforeNanoUsd } };
  }

  return {
    of: async (principal) => [...(await listOf(principal.projectId)), ...tokenCaps(principal)],
    seeded: async (projectId, covering) => {
      const budgets = await Promise.all(covering.budgets.map((budget) => seed(projectId, budget)));
      return { ...covering, budgets };
    },
    get changes() {
      return changes;
    },
    close: unfollow,
  };
}

/** What the ledger knows of the period so far. Exchanges that run right now count in the accounts they began with. */
async function spentBefore(
  reports: Pick<Reports, "usage">,
  projectId: string,
  { definition, account, startsAtMs }: CoveringBudget,
): Promise<number> {
  const filter = filterOf(projectId, definition.scope, account.key);
  const rows = await reports.usage({ ...filter, sinceMs: startsAtMs }, ["provider", "model"]);
  const pattern = definition.scope.model;
  let spent = 0n;
  for (const { key, isSimulated, costNanoUsd } of rows) {
    const name = `${key[0] ?? ""}/${key[1] ?? ""}`;
    const isCovered = pattern === null || matchesModel(pattern, name);
    if (!isSimulated && isCovered) spent += costNanoUsd;
  }
  return Number(spent);
}

/** The subject's values stand in the account's key, in the order of the scope's `*` members. */
function filterOf(projectId: string, scope: LimitScope, key: string): ExchangeFilter {
  const values = key.split("|").slice(2).map(decodeURIComponent);
  const value = (wanted: string | null): string | undefined =>
    wanted === "*" ? values.shift() : (wanted ?? undefined);
  const room = value(scope.room);
  const participant = value(scope.participant);
  const apiKeyId = value(scope.apiKeyId);
  const sessionId = value(scope.sessionId);
  return {
    projectId,
    ...(room === undefined ? {} : { room }),
    ...(participant === undefined ? {} : { participant }),
    ...(apiKeyId === undefined ? {} : { apiKeyId }),
    ...(sessionId === undefined ? {} : { sessionId }),
  };
}
