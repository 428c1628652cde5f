/**
 * Service accounts: names under which API keys belong together. Every project has `default`, which stays.
 * A path names one by its id or by its name.
 */

import type { ServiceAccount } from "@meshagent/llm-proxy-protocol/api";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { toRfc3339 } from "../clock.ts";
import type { Directory, ServiceAccount as ServiceAccountRow } from "../store/store.ts";
import type { ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";
import { storedPage } from "./pages.ts";

type ServiceAccountHandlers = Pick<
  Handlers,
  "listServiceAccounts" | "createServiceAccount" | "getServiceAccount" | "deleteServiceAccount"
>;

/** Made with every project; keys that name no service account belong to it. */
export const DEFAULT_SERVICE_ACCOUNT = "default";

export function serviceAccountHandlers({ directory }: ApiDeps): ServiceAccountHandlers {
  return {
    listServiceAccounts: async ({ project, query }) => {
      const { items, next_cursor } = await storedPage({
        list: "service_accounts",
        query,
        read: (page) => directory.listServiceAccounts(project.id, page),
        keyOf: ({ id }) => id,
      });
      return { service_accounts: items.map(serviceAccountShape), next_cursor };
    },
    createServiceAccount: async ({ project, body, write }) => {
      const account = await write.createServiceAccount(project.id, body.name);
      if (account !== null) return serviceAccountShape(account);
      throw new ApiFault("conflict", `The project has a service account ${quoted(body.name)} already.`);
    },
    getServiceAccount: async ({ project, params }) =>
      serviceAccountShape(await findServiceAccount(directory, project.id, params.service_account)),
    deleteServiceAccount: async ({ project, params, write }) => {
      const account = await findServiceAccount(directory, project.id, params.service_account);
      if (account.name === DEFAULT_SERVICE_ACCOUNT) {
        throw new ApiFault("conflict", "Every project has the service account `default`: it stays.");
      }
      if (await write.deleteServiceAccount(project.id, account.id)) return null;
      throw new ApiFault(
        "conflict",
        `The service account ${quoted(account.name)} has API keys. Delete them first: tokens that they ` +
          "signed stop working with them.",
      );
    },
  };
}

/** By id, or by its name. Throws `not_found`. */
export async function findServiceAccount(
  directory: Pick<Directory, "findServiceAccount">,
  projectId: string,
  idOrName: string,
): Promise<ServiceAccountRow> {
  const account = await directory.findServiceAccount(projectId, idOrName);
  if (account !== null) return account;
  throw new ApiFault("not_found", `The project has no service account ${quoted(idOrName)}.`);
}

function serviceAccountShape(row: ServiceAccountRow): ServiceAccount {
  return { id: row.id, project_id: row.projectId, name: row.name, created_at: toRfc3339(row.createdAtMs) };
}
