/**
 * Who may call what. The table decides for every route, and a route that it does not name does not compile.
 * An API key only ever reaches its own project, whatever the table says.
 */

import type { RouteName } from "@meshagent/llm-proxy-protocol/api";
import type { Caller } from "./call.ts";
import { ApiFault } from "./fault.ts";

/** `owner`: the owner alone. `project`: also an API key of the project in the path. `any_key`: any API key. */
export type Access = "owner" | "project" | "any_key";

/**
 * The decision for every route. The rule (contract 4): an API key may read and use its own project's rooms,
 * participant tokens, usage and exchanges, never keys, providers, budgets or settings.
 */
export const access: Readonly<Record<RouteName, Access>> = {
  getGatewayInfo: "any_key",

  listProjects: "owner",
  createProject: "owner",
  // Shows the project's settings.
  getProject: "owner",
  updateProjectSettings: "owner",

  listServiceAccounts: "owner",
  createServiceAccount: "owner",
  getServiceAccount: "owner",
  deleteServiceAccount: "owner",

  listApiKeys: "owner",
  createApiKey: "owner",
  deleteApiKey: "owner",
  listServiceAccountApiKeys: "owner",
  createServiceAccountApiKey: "owner",
  deleteServiceAccountApiKey: "owner",

  listRooms: "project",
  // What a token does by naming a new room; the handler refuses what a token could not do.
  createRoom: "project",
  getRoom: "project",
  // Either takes a name from tokens that have it.
  updateRoom: "owner",
  deleteRoom: "owner",

  // A key signs its own tokens offline as well.
  createParticipantToken: "project",

  listRevocations: "owner",
  createRevocation: "owner",

  listProviders: "owner",
  setProvider: "owner",
  testProvider: "owner",
  removeProvider: "owner",

  listBudgets: "owner",
  createBudget: "owner",
  getBudget: "owner",
  replaceBudget: "owner",
  deleteBudget: "owner",
  // Speaks to a server of the operator's choosing.
  testWebhook: "owner",
  listLimits: "owner",
  createLimit: "owner",
  getLimit: "owner",
  replaceLimit: "owner",
  deleteLimit: "owner",

  // Shows settings, and the addresses of whoever called.
  listAudit: "owner",
  verifyAudit: "owner",
  listProjectAudit: "owner",

  getProjectUsage: "project",
  getUsage: "project",
  listExchanges: "project",
  getExchange: "project",
};

/** Throws `forbidden` unless the caller may call the route. `projectId`: the one in the path, or null. */
export function checkAccess(caller: Caller, route: RouteName, projectId: string | null): void {
  if (caller.kind === "owner") return;
  const needed = access[route];
  if (needed === "any_key") return;
  if (needed === "owner") {
    throw new ApiFault(
      "forbidden",
      "Only the owner may do this: use the owner's token instead of an API key.",
    );
  }
  if (caller.projectId === projectId) return;
  // The same for a project that does not exist, so that a key cannot find out which do.
  throw new ApiFault("forbidden", "This API key belongs to another project.");
}
