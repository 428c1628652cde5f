/** Projects, their service accounts, and what the gateway says about itself. */

import type { GatewayInfo, Project, ServiceAccount } from "@meshagent/llm-proxy-protocol/api";
import { toRfc3339 } from "../clock.ts";
import type { Project as ProjectRow, ServiceAccount as ServiceAccountRow } from "../store/store.ts";
import type { ApiDeps, Caller, Handlers } from "./call.ts";

type ProjectHandlers = Pick<
  Handlers,
  "getGatewayInfo" | "listProjects" | "createProject" | "getProject" | "listServiceAccounts"
>;

export function projectHandlers(deps: ApiDeps): ProjectHandlers {
  const { directory } = deps;
  return {
    getGatewayInfo: ({ caller }) => gatewayInfo(deps, caller),
    listProjects: async () => ({ projects: (await directory.listProjects()).map(projectShape) }),
    createProject: async ({ body }) => projectShape(await directory.createProject(body.name)),
    getProject: async ({ project }) => projectShape(project),
    listServiceAccounts: async ({ project }) => ({
      service_accounts: (await directory.listServiceAccounts(project.id)).map(serviceAccountShape),
    }),
  };
}

async function gatewayInfo(deps: ApiDeps, caller: Caller): Promise<GatewayInfo> {
  const { version, publicUrl } = deps.info();
  const projectId = caller.kind === "api_key" ? caller.projectId : null;
  const status = await deps.upstreams.statusOf(projectId);
  const base = publicUrl.replace(/\/+$/, "");
  return {
    version,
    public_url: base,
    openai_base_url: `${base}/openai/v1`,
    anthropic_base_url: `${base}/anthropic`,
    simulated: status.some(({ source }) => source === "simulated"),
    providers: deps.providers.map(({ name }) => name),
    caller: {
      kind: caller.kind,
      project_id: projectId,
      api_key_id: caller.kind === "api_key" ? caller.apiKeyId : null,
    },
  };
}

function projectShape(row: ProjectRow): Project {
  return { id: row.id, name: row.name, settings: row.settings, created_at: toRfc3339(row.createdAtMs) };
}

function serviceAccountShape(row: ServiceAccountRow): ServiceAccount {
  return { id: row.id, project_id: row.projectId, name: row.name, created_at: toRfc3339(row.createdAtMs) };
}
