/** Limits on requests, tokens and what runs at once: what operators set. The hold step holds them. */

import type { Limit, SetLimitBody } from "@meshagent/llm-proxy-protocol/api";
import { toRfc3339 } from "../clock.ts";
import { newUuid } from "../ids.ts";
import type { RateDefinition } from "../store/limit-definition.ts";
import type { ApiDeps, Handlers } from "./call.ts";
import { scopeOf, scopeShape } from "./limit-scope.ts";
import { definitionsOf, findDefinition, placeOfDefinition } from "./limit-definitions.ts";
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
        rows: await definitionsOf(deps, project.id, "rate"),
        placeOf: placeOfDefinition,
      });
      return { limits: items.map(limitShape), next_cursor };
    },
    createLimit: async ({ project, body, write }) => {
      const limit = definitionOf(body, { id: newUuid(), projectId: project.id, createdAtMs: clock.now() });
      await write.setLimit(limit);
      return limitShape(limit);
    },
    getLimit: async ({ project, params }) =>
      limitShape(await findDefinition(deps, project.id, { kind: "rate", id: params.limit })),
    replaceLimit: async ({ project, params, body, write }) => {
      const limit = definitionOf(
        body,
        await findDefinition(deps, project.id, { kind: "rate", id: params.limit }),
      );
      await write.setLimit(limit);
      return limitShape(limit);
    },
    deleteLimit: async ({ project, params, write }) => {
      const limit = await findDefinition(deps, project.id, { kind: "rate", id: params.limit });
      await write.removeLimit(project.id, limit.id);
      return null;
    },
  };
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
