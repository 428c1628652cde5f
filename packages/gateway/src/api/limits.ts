/** Limits on requests, tokens and what runs at once: what operators set. The hold step holds them. */

import type { Limit, SetLimitBody } from "@meshagent/llm-proxy-protocol/api";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { toRfc3339 } from "../clock.ts";
import { newUuid } from "../ids.ts";
import type { RateDefinition } from "../store/limit-definition.ts";
import type { ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";
import { scopeOf, scopeShape } from "./limit-scope.ts";
import { madePage } from "./pages.ts";

type LimitHandlers = Pick<
  Handlers,
  "listLimits" | "createLimit" | "getLimit" | "replaceLimit" | "deleteLimit"
>;

export function limitHandlers(deps: ApiDeps): LimitHandlers {
  const { clock } = deps;
  return {
    listLimits: async ({ project, query }) => {
      const { items, next_cursor } = madePage({
        list: "limits",
        query,
        rows: await limitsOf(deps, project.id),
        placeOf: ({ createdAtMs, id }) => [String(createdAtMs).padStart(16, "0"), id],
      });
      return { limits: items.map(limitShape), next_cursor };
    },
    createLimit: async ({ project, body, write }) => {
      const limit = definitionOf(body, { id: newUuid(), projectId: project.id, createdAtMs: clock.now() });
      await write.setLimit(limit);
      return limitShape(limit);
    },
    getLimit: async ({ project, params }) => limitShape(await findLimit(deps, project.id, params.limit)),
    replaceLimit: async ({ project, params, body, write }) => {
      const limit = definitionOf(body, await findLimit(deps, project.id, params.limit));
      await write.setLimit(limit);
      return limitShape(limit);
    },
    deleteLimit: async ({ project, params, write }) => {
      const limit = await findLimit(deps, project.id, params.limit);
      await write.removeLimit(project.id, limit.id);
      return null;
    },
  };
}

async function limitsOf({ directory }: ApiDeps, projectId: string): Promise<readonly RateDefinition[]> {
  return (await directory.listLimits(projectId)).filter((each) => each.kind === "rate");
}

async function findLimit(deps: ApiDeps, projectId: string, id: string): Promise<RateDefinition> {
  const limit = (await limitsOf(deps, projectId)).find((each) => each.id === id);
  if (limit !== undefined) return limit;
  throw new ApiFault(
    "not_found",
    `The project has no limit ${quoted(id)}. \`meshagent limit list\` shows the ids.`,
  );
}

function definitionOf(
  body: SetLimitBody,
  own: Pick<RateDefinition, "id" | "projectId" | "createdAtMs">,
): RateDefinition {
  return {
    kind: "rate",
    id: own.id,
    projectId: own.projectId,
    createdAtMs: own.createdAtMs,
    ...((body.name ?? null) === null ? {} : { name: String(body.name) }),
    scope: scopeOf(body.scope),
    requestsPerMinute: body.requests_per_minute ?? null,
    inputTokensPerMinute: body.input_tokens_per_minute ?? null,
    outputTokensPerMinute: body.output_tokens_per_minute ?? null,
    tokensPerMinute: body.tokens_per_minute ?? null,
    maxConcurrency: body.max_concurrency ?? null,
  };
}

function limitShape(limit: RateDefinition): Limit {
  return {
    id: limit.id,
    project_id: limit.projectId,
    name: limit.name ?? null,
    scope: scopeShape(limit.scope),
    requests_per_minute: limit.requestsPerMinute,
    input_tokens_per_minute: limit.inputTokensPerMinute,
    output_tokens_per_minute: limit.outputTokensPerMinute,
    tokens_per_minute: limit.tokensPerMinute,
    max_concurrency: limit.maxConcurrency,
    created_at: toRfc3339(limit.createdAtMs),
  };
}
