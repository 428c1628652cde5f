/**
 * Budgets: what operators set, and what is used of each. It defines and shows them; holding them is the hold step's.
 * An account that nobody has asked for in this period yet shows nothing spent.
 */

import type {
  Budget,
  BudgetAccount,
  BudgetDetails,
  BudgetNotice,
  LedgerFilter,
  SetBudgetBody,
} from "@meshagent/llm-proxy-protocol/api";
import { matchesModel } from "@meshagent/llm-proxy-protocol/model-pattern";
import { formatUsd, parseNanoUsd } from "@meshagent/llm-proxy-protocol/usd";
import { toRfc3339 } from "../clock.ts";
import { Calendar } from "../hold/period.ts";
import { newUuid } from "../ids.ts";
import type { BudgetDefinition } from "../store/limit-definition.ts";
import type { BudgetAccountRow } from "../store/limits.ts";
import type { BudgetNotice as BudgetNoticeRow } from "../store/notices.ts";
import type { ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";
import { isSameScope, scopeOf, scopeShape, subjectOf, subjectOfKey } from "./limit-scope.ts";
import { definitionsOf, findDefinition, placeOfDefinition } from "./limit-definitions.ts";
import { madePage } from "./pages.ts";

type BudgetHandlers = Pick<
  Handlers,
  "listBudgets" | "createBudget" | "getBudget" | "replaceBudget" | "deleteBudget" | "testWebhook"
>;

const DEFAULT_TIME_ZONE = "UTC";
const MAX_NOTICES = 100;

export function budgetHandlers(deps: ApiDeps): BudgetHandlers {
  const { clock } = deps;
  const reader = new BudgetReader(deps);
  return {
    listBudgets: async ({ project, query }) => {
      const { items, next_cursor } = madePage({
        list: "budgets",
        query,
        rows: await definitionsOf(deps, project.id, "budget"),
        placeOf: placeOfDefinition,
      });
      return { budgets: await Promise.all(items.map((each) => reader.read(each))), next_cursor };
    },
    createBudget: async ({ project, body, write }) => {
      const budget = definitionOf(body, { id: newUuid(), projectId: project.id, createdAtMs: clock.now() });
      await write.setLimit(budget);
      return reader.read(budget);
    },
    getBudget: async ({ project, params }) => {
      const budget = await findDefinition(deps, project.id, { kind: "budget", id: params.budget });
      const notices = await deps.notices.listOf(budget.id, MAX_NOTICES);
      return { ...(await reader.readAccounts(budget)), notices: notices.map(noticeShape) };
    },
    replaceBudget: async ({ project, params, body, write }) => {
      const before = await findDefinition(deps, project.id, { kind: "budget", id: params.budget });
      const after = definitionOf(body, before);
      // Its accounts are counted for what the scope names: under another scope they would be somebody else's.
      if (!isSameScope(before.scope, after.scope)) {
        throw new ApiFault(
          "conflict",
          "The scope of a budget stays as it was made. Remove this one and create another.",
        );
      }
      await write.setLimit(after);
      return reader.read(after);
    },
    deleteBudget: async ({ project, params, write }) => {
      const budget = await findDefinition(deps, project.id, { kind: "budget", id: params.budget });
      await write.removeLimit(project.id, budget.id);
      return null;
    },
    testWebhook: () => deps.testWebhook(),
  };
}

/** The budgets that could have a part in what the filter finds, each with its fullest subject there. */
export async function budgetsFor(
  deps: ApiDeps,
  projectId: string,
  filter: LedgerFilter,
): Promise<readonly Budget[]> {
  const reader = new BudgetReader(deps);
  const budgets = await definitionsOf(deps, projectId, "budget");
  return Promise.all(budgets.filter((each) => covers(each, filter)).map((each) => reader.read(each, filter)));
}

/** Reads accounts, and tells them for people. */
class BudgetReader {
  readonly #deps: ApiDeps;
  readonly #calendar = new Calendar();

  constructor(deps: ApiDeps) {
    this.#deps = deps;
  }

  async read(budget: BudgetDefinition, filter: LedgerFilter = {}): Promise<Budget> {
    const { accounts: _, ...rest } = await this.readAccounts(budget, filter);
    return rest;
  }

  async readAccounts(
    budget: BudgetDefinition,
    filter: LedgerFilter = {},
  ): Promise<Omit<BudgetDetails, "notices">> {
    const period = this.#calendar.periodAt(budget.period, budget.timeZone, this.#deps.clock.now());
    const prefix = `${budget.id}|${period.key}|`;
    const rows = await this.#deps.limits.budgetAccounts(budget.id);
    const accounts = rows
      .filter(({ key }) => key.startsWith(prefix))
      .toSorted((a, b) => b.spentNanoUsd - a.spentNanoUsd)
      .map((row) => accountShape(budget, row, row.key.slice(prefix.length)))
      .filter(({ subject }) => isAsked(subject, filter));
    return {
      ...budgetShape(budget),
      resets_at: period.endMs === null ? null : toRfc3339(period.endMs),
      subjects: accounts.length,
      fullest: accounts[0] ?? unused(budget),
      accounts,
    };
  }
}

function definitionOf(
  body: SetBudgetBody,
  own: Pick<BudgetDefinition, "id" | "projectId" | "createdAtMs">,
): BudgetDefinition {
  return {
    kind: "budget",
    id: own.id,
    projectId: own.projectId,
    createdAtMs: own.createdAtMs,
    ...((body.name ?? null) === null ? {} : { name: String(body.name) }),
    scope: scopeOf(body.scope),
    amountNanoUsd: amountOf(body.amount_usd),
    toleranceNanoUsd: amountOf(body.tolerance_usd ?? "0"),
    period: body.period ?? "month",
    timeZone: body.time_zone ?? DEFAULT_TIME_ZONE,
    mode: body.mode ?? "hard",
    notifyAtPercent: [...new Set(body.notify_at_percent)].toSorted((a, b) => a - b),
  };
}

/** The schema has let it through, so it is one. */
function amountOf(usd: string): number {
  const nanoUsd = parseNanoUsd(usd);
  if (nanoUsd === null) throw new ApiFault("invalid_request", "An amount is no amount in USD.");
  return nanoUsd;
}

function budgetShape(budget: BudgetDefinition): Omit<Budget, "resets_at" | "subjects" | "fullest"> {
  return {
    id: budget.id,
    project_id: budget.projectId,
    name: budget.name ?? null,
    amount_usd: formatUsd(budget.amountNanoUsd),
    tolerance_usd: formatUsd(budget.toleranceNanoUsd),
    period: budget.period,
    time_zone: budget.timeZone,
    mode: budget.mode,
    scope: scopeShape(budget.scope),
    notify_at_percent: budget.notifyAtPercent,
    created_at: toRfc3339(budget.createdAtMs),
  };
}

function accountShape(budget: BudgetDefinition, row: BudgetAccountRow, values: string): BudgetAccount {
  return {
    subject: subjectOf(budget.scope, values),
    spent_usd: formatUsd(row.spentNanoUsd),
    held_usd: formatUsd(row.heldNanoUsd + row.leasedNanoUsd),
    free_usd: formatUsd(row.freeNanoUsd),
    spent_percent: percentOf(row.spentNanoUsd, budget.amountNanoUsd),
  };
}

function noticeShape(notice: BudgetNoticeRow): BudgetNotice {
  return {
    id: notice.id,
    subject: subjectOfKey(notice.budget.scope, notice.accountKey),
    percent: notice.percent,
    amount_usd: formatUsd(notice.amountNanoUsd),
    spent_usd: formatUsd(notice.spentNanoUsd),
    made_at: toRfc3339(notice.madeAtMs),
    delivery: notice.state === "new" ? "waiting" : notice.state,
    attempts: notice.attempts,
  };
}

function unused(budget: BudgetDefinition): BudgetAccount {
  return {
    subject: {},
    spent_usd: "0",
    held_usd: "0",
    free_usd: formatUsd(budget.amountNanoUsd + budget.toleranceNanoUsd),
    spent_percent: percentOf(0, budget.amountNanoUsd),
  };
}

/** A budget of nothing is spent from the start. */
function percentOf(spentNanoUsd: number, amountNanoUsd: number): number {
  if (amountNanoUsd === 0) return 100;
  return Number((BigInt(spentNanoUsd) * 100n) / BigInt(amountNanoUsd));
}

/** False where the scope names another one than the filter. */
function covers({ scope }: BudgetDefinition, filter: LedgerFilter): boolean {
  const agrees = (wanted: string | null, asked: string | undefined): boolean =>
    wanted === null || wanted === "*" || asked === undefined || wanted === asked;
  return (
    agrees(scope.room, filter.room) &&
    agrees(scope.participant, filter.participant) &&
    agrees(scope.apiKeyId, filter.api_key_id) &&
    agrees(scope.sessionId, filter.session_id) &&
    coversModel(scope.model, filter)
  );
}

function coversModel(pattern: string | null, { provider, model }: LedgerFilter): boolean {
  if (pattern === null || pattern === "*") return true;
  const [patternProvider = "", ...rest] = pattern.split("/");
  const patternModel = rest.join("/");
  if (provider !== undefined && patternProvider !== provider) return false;
  if (model === undefined) return true;
  return matchesModel(patternModel, model);
}

function isAsked(subject: BudgetAccount["subject"], filter: LedgerFilter): boolean {
  const agrees = (value: string | null | undefined, asked: string | undefined): boolean =>
    value === undefined || asked === undefined || value === asked;
  return (
    agrees(subject.room, filter.room) &&
    agrees(subject.participant, filter.participant) &&
    agrees(subject.api_key_id, filter.api_key_id) &&
    agrees(subject.session_id, filter.session_id)
  );
}
