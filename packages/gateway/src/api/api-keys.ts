/**
 * API keys. The text of a key is in the reply that creates it and is never to be had again: what is stored
 * is its secret, encrypted, and no other reply has a member for it.
 */

import type { ApiKey, CreateApiKeyBody, CreatedApiKey } from "@meshagent/llm-proxy-protocol/api";
import { encodeApiKey, generateApiKeySecret } from "@meshagent/llm-proxy-protocol/api-key";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { toRfc3339 } from "../clock.ts";
import { newUuid } from "../ids.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { ApiKeyRow, ServiceAccount } from "../store/store.ts";
import type { ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";

type ApiKeyHandlers = Pick<
  Handlers,
  | "listApiKeys"
  | "createApiKey"
  | "deleteApiKey"
  | "listServiceAccountApiKeys"
  | "createServiceAccountApiKey"
  | "deleteServiceAccountApiKey"
>;

/** Made with every project; keys that name no service account belong to it. */
const DEFAULT_SERVICE_ACCOUNT = "default";

export function apiKeyHandlers(deps: ApiDeps): ApiKeyHandlers {
  const { directory } = deps;
  return {
    listApiKeys: async ({ project }) => ({
      keys: (await directory.listApiKeys(project.id)).map(apiKeyShape),
    }),
    createApiKey: async ({ project, body }) =>
      createApiKey(deps, await findServiceAccount(deps, project.id, DEFAULT_SERVICE_ACCOUNT), body),
    deleteApiKey: async ({ project, params }) => {
      if (!(await directory.deleteApiKey(project.id, params.api_key))) throw noSuchKey(params.api_key);
      return null;
    },
    listServiceAccountApiKeys: async ({ project, params }) => {
      const account = await findServiceAccount(deps, project.id, params.service_account);
      const keys = await directory.listApiKeys(project.id);
      return { keys: keys.filter((key) => key.serviceAccountId === account.id).map(apiKeyShape) };
    },
    createServiceAccountApiKey: async ({ project, params, body }) =>
      createApiKey(deps, await findServiceAccount(deps, project.id, params.service_account), body),
    deleteServiceAccountApiKey: async ({ project, params }) => {
      const account = await findServiceAccount(deps, project.id, params.service_account);
      const key = (await directory.listApiKeys(project.id)).find(({ id }) => id === params.api_key);
      if (key?.serviceAccountId !== account.id) throw noSuchKey(params.api_key);
      await directory.deleteApiKey(project.id, key.id);
      return null;
    },
  };
}

async function createApiKey(
  deps: ApiDeps,
  account: ServiceAccount,
  body: CreateApiKeyBody,
): Promise<CreatedApiKey> {
  const secret = generateApiKeySecret();
  const key: ApiKeyRow = {
    id: newUuid(),
    projectId: account.projectId,
    serviceAccountId: account.id,
    name: body.name,
    description: body.description ?? "",
    createdAtMs: deps.clock.now(),
    deletedAtMs: null,
  };
  await deps.directory.createApiKey({ ...key, secret: new Secret(secret) });
  return { ...apiKeyShape(key), value: encodeApiKey({ id: key.id, projectId: key.projectId, secret }) };
}

/** By id, or by its name. */
async function findServiceAccount(
  deps: ApiDeps,
  projectId: string,
  idOrName: string,
): Promise<ServiceAccount> {
  const accounts = await deps.directory.listServiceAccounts(projectId);
  const account =
    accounts.find(({ id }) => id === idOrName) ?? accounts.find(({ name }) => name === idOrName);
  if (account === undefined) {
    throw new ApiFault("not_found", `The project has no service account ${quoted(idOrName)}.`);
  }
  return account;
}

function noSuchKey(id: string): ApiFault {
  return new ApiFault(
    "not_found",
    `There is no API key ${quoted(id)} here. \`meshagent api-key list\` shows the ids.`,
  );
}

function apiKeyShape(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    project_id: row.projectId,
    service_account_id: row.serviceAccountId,
    name: row.name,
    description: row.description,
    created_at: toRfc3339(row.createdAtMs),
  };
}
