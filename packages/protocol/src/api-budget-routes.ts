/** The routes of budgets and limits: the rows that `api.ts` has for them. */

import * as budgets from "./api-budgets.ts";
import type {
  Budget,
  BudgetDetails,
  BudgetList,
  Limit,
  LimitList,
  SetBudgetBody,
  SetLimitBody,
  WebhookTest,
} from "./api-budgets.ts";
import { pageQuerySchema } from "./api-pages.ts";
import type { PageQuery } from "./api-pages.ts";
import { get, post, PROJECT, put, remove } from "./api-route.ts";
import type { Route } from "./api-route.ts";

type None = null;

/** See `Routes`. */
export interface BudgetRoutes {
  readonly listBudgets: Route<"project", PageQuery, None, BudgetList>;
  readonly createBudget: Route<"project", None, SetBudgetBody, Budget>;
  readonly getBudget: Route<"project" | "budget", None, None, BudgetDetails>;
  readonly replaceBudget: Route<"project" | "budget", None, SetBudgetBody, Budget>;
  readonly deleteBudget: Route<"project" | "budget", None, None, None>;

  readonly testWebhook: Route<"project", None, None, WebhookTest>;

  readonly listLimits: Route<"project", PageQuery, None, LimitList>;
  readonly createLimit: Route<"project", None, SetLimitBody, Limit>;
  readonly getLimit: Route<"project" | "limit", None, None, Limit>;
  readonly replaceLimit: Route<"project" | "limit", None, SetLimitBody, Limit>;
  readonly deleteLimit: Route<"project" | "limit", None, None, None>;
}

const BUDGETS = `${PROJECT}/llm-proxy/budgets`;
const LIMITS = `${PROJECT}/llm-proxy/limits`;

/** See `routes`. */
export const budgetRoutes: BudgetRoutes = {
  listBudgets: {
    ...get,
    path: BUDGETS,
    about: "The budgets of a project, oldest first, each with the subject that has spent most.",
    params: ["project"],
    query: pageQuerySchema,
    reply: budgets.budgetListSchema,
  },
  createBudget: {
    ...post,
    path: BUDGETS,
    about: "Creates a budget.",
    params: ["project"],
    body: budgets.setBudgetBodySchema,
    reply: budgets.budgetSchema,
  },
  getBudget: {
    ...get,
    path: `${BUDGETS}/{budget}`,
    about: "One budget, with every subject of its current period and the notices that it gave.",
    params: ["project", "budget"],
    reply: budgets.budgetDetailsSchema,
  },
  replaceBudget: {
    ...put,
    path: `${BUDGETS}/{budget}`,
    about:
      "Replaces a budget, at once and for all its subjects. What was spent stays spent, its scope as it is.",
    params: ["project", "budget"],
    body: budgets.setBudgetBodySchema,
    reply: budgets.budgetSchema,
    conflicts: true,
  },
  deleteBudget: {
    ...remove,
    path: `${BUDGETS}/{budget}`,
    about: "Removes a budget.",
    params: ["project", "budget"],
  },
  testWebhook: {
    ...post,
    path: `${PROJECT}/llm-proxy/webhook/test`,
    about: "Posts a test to the webhook that notices of budgets go to, once, and tells what came of it.",
    params: ["project"],
    body: null,
    reply: budgets.webhookTestSchema,
    status: 200,
  },

  listLimits: {
    ...get,
    path: LIMITS,
    about: "The limits of a project on requests, tokens and what runs at once, oldest first.",
    params: ["project"],
    query: pageQuerySchema,
    reply: budgets.limitListSchema,
  },
  createLimit: {
    ...post,
    path: LIMITS,
    about: "Creates a limit on requests, tokens or what runs at once.",
    params: ["project"],
    body: budgets.setLimitBodySchema,
    reply: budgets.limitSchema,
  },
  getLimit: {
    ...get,
    path: `${LIMITS}/{limit}`,
    about: "One limit.",
    params: ["project", "limit"],
    reply: budgets.limitSchema,
  },
  replaceLimit: {
    ...put,
    path: `${LIMITS}/{limit}`,
    about: "Replaces a limit.",
    params: ["project", "limit"],
    body: budgets.setLimitBodySchema,
    reply: budgets.limitSchema,
  },
  deleteLimit: {
    ...remove,
    path: `${LIMITS}/{limit}`,
    about: "Removes a limit.",
    params: ["project", "limit"],
  },
};
