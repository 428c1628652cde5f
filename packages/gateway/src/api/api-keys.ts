/**
 * API keys. The text of a key is in the reply that creates it and is never to be had again: what is stored
 * is its secret, encrypted, and no other reply has a member for it.
 */

import type {
  ApiKey,
  ApiKeyList,
  CreateApiKeyBody,
  CreatedApiKey,
  PageQuery,
} from "@meshagent/llm-proxy-protocol/api";
import { encodeApiKey, generateApiKeySecret } from "@meshagent/llm-proxy-protocol/api-key";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { toRfc3339 } from "../clock.ts";
import { newUuid } from "../ids.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { DirectoryWrites } from "../store/directory-writes.ts";
import type { ApiKeyRow, ServiceAccount } from "../store/store.ts";
import type { ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";
import { storedPage } from "./pages.ts";
import { DEFAULT_SERVICE_ACCOUNT, findServiceAccount } from "./service-accounts.ts";

type ApiKeyHandlers = Pick<
  Handlers,
  | "listApiKeys"
  | "createApiKey"
  | "deleteApiKey"
  | "listServiceAccountApiKeys"
  | "createServiceAccountApiKey"
  | "deleteServiceAccountApiKey"
>;

export function apiKeyHandlers(deps: ApiDeps): ApiKeyHandlers {
  const { directory } = deps;
  const accountOf = (projectId: string, idOrName: string): Promise<ServiceAccount> =>
    findServiceAccount(directory, projectId, idOrName);
  return {
    listApiKeys: ({ project, query }) => listApiKeys(deps, { projectId: project.id, query }),
    createApiKey: async ({ project, body, write }) =>
      createApiKey(deps, write, await accountOf(project.id, DEFAULT_SERVICE_ACCOUNT), body),
    deleteApiKey: async ({ project, params, write }) => {
      if (!(await write.deleteApiKey(project.id, params.api_key))) throw noSuchKey(params.api_key);
      return null;
    },
    listServiceAccountApiKeys: async ({ project, params, query }) => {
      const account = await accountOf(project.id, params.service_account);
      return listApiKeys(deps, { projectId: project.id, query, serviceAccountId: account.id });
    },
    createServiceAccountApiKey: async ({ project, params, body, write }) =>
      createApiKey(deps, write, await accountOf(project.id, params.service_account), body),
    deleteServiceAccountApiKey: async ({ project, params, write }) => {
      const account = await accountOf(project.id, params.service_account);
      const key = await directory.findApiKey(params.api_key);
      if (key?.serviceAccountId !== account.id || !(await write.deleteApiKey(project.id, key.id))) {
        throw noSuchKey(params.api_key);
      }
      return null;
    },
  };
}

interface KeyListQuery {
  readonly projectId: string;
  readonly query: PageQuery;
  /** Those of one service account alone. */
  readonly serviceAccountId?: string;
}

async function listApiKeys(
  { directory }: ApiDeps,
  { projectId, query, serviceAccountId }: KeyListQuery,
): Promise<ApiKeyList> {
  const { items, next_cursor } = await storedPage({
    list: "api_keys",
    query,
    read: (page) => directory.listApiKeys(projectId, page, serviceAccountId),
    keyOf: ({ id }) => id,
  });
  return { keys: items.map(apiKeyShape), next_cursor };
}

async function createApiKey(
  deps: ApiDeps,
  write: DirectoryWrites,
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
  await write.createApiKey({ ...key, secret: new Secret(secret) });
  return { ...apiKeyShape(key), value: encodeApiKey({ id: key.id, projectId: key.projectId, secret }) };
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
