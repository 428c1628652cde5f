/** Projects with their settings, and what the gateway says about itself. */

import type { GatewayInfo, Project, ProjectSettings } from "@meshagent/llm-proxy-protocol/api";
import { toRfc3339 } from "../clock.ts";
import type { Project as ProjectRow } from "../store/store.ts";
import type { ApiDeps, Caller, Handlers } from "./call.ts";
import { storedPage } from "./pages.ts";

type ProjectHandlers = Pick<
  Handlers,
  "getGatewayInfo" | "listProjects" | "createProject" | "getProject" | "updateProjectSettings"
>;

export function projectHandlers(deps: ApiDeps): ProjectHandlers {
  const { directory } = deps;
  return {
    getGatewayInfo: ({ caller }) => gatewayInfo(deps, caller),
    listProjects: async ({ query }) => {
      const { items, next_cursor } = await storedPage({
        list: "projects",
        query,
        read: (page) => directory.listProjects(page),
        keyOf: ({ id }) => id,
      });
      return { projects: items.map(projectShape), next_cursor };
    },
    createProject: async ({ body, write }) =>
      projectShape(await write.createProject(body.name, withoutDefaults(body.settings ?? {}))),
    getProject: async ({ project }) => projectShape(project),
    updateProjectSettings: async ({ project, body, write }) =>
      projectShape((await write.changeProjectSettings(project.id, { ...body })) ?? project),
  };
}

/** null is no setting: the server's default holds. */
function withoutDefaults(settings: ProjectSettings): ProjectRow["settings"] {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => (value ?? null) !== null));
}

async function gatewayInfo(deps: ApiDeps, caller: Caller): Promise<GatewayInfo> {
  const { version, publicUrl, prices } = deps.info();
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
    prices,
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
