/**
 * A project's own provider settings. Keys only go in: no reply has a member for one. A base URL is bound to
 * its key: a new origin that comes without a key drops the stored one, so that no key reaches another host
 * than the one it was given for.
 */

import type { Provider, SetProviderBody, SetProviderReply } from "@meshagent/llm-proxy-protocol/api";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { toRfc3339 } from "../clock.ts";
import type { PassingChoice } from "../passing.ts";
import type { Provider as ProviderKind } from "../providers/provider.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { ProviderSettings } from "../store/store.ts";
import type { ApiCall, ApiDeps, Handlers, ProviderStatus } from "./call.ts";
import { ApiFault } from "./fault.ts";
import { madePage } from "./pages.ts";

type ProviderHandlers = Pick<Handlers, "listProviders" | "setProvider" | "testProvider" | "removeProvider">;

export function providerHandlers(deps: ApiDeps): ProviderHandlers {
  return {
    listProviders: async ({ project, query }) => {
      const { items, next_cursor } = madePage({
        list: "providers",
        query,
        rows: await providerShapes(deps, project.id),
        placeOf: ({ name }) => [name],
      });
      return { providers: items, next_cursor };
    },
    setProvider: (call) => setProvider(deps, call),
    testProvider: async ({ project, params }) => {
      const { ok, message } = await deps.testProvider(project.id, findKind(deps, params.provider));
      return { ok, message };
    },
    removeProvider: async ({ project, params, write }) => {
      const kind = findKind(deps, params.provider);
      if (!(await write.removeProvider(project.id, kind.name))) {
        throw new ApiFault("not_found", `The project has no setting of its own for ${kind.displayName}.`);
      }
      return null;
    },
  };
}

async function setProvider(
  deps: ApiDeps,
  { project, params, body, write }: ApiCall<"setProvider">,
): Promise<SetProviderReply> {
  const kind = findKind(deps, params.provider);
  if (Object.values(body).every((value) => value === undefined)) {
    throw new ApiFault(
      "invalid_request",
      "Give one of `api_key`, `base_url`, `rate_limit_headers` and `accepted_encodings`.",
    );
  }
  const before = await deps.directory.findProvider(project.id, kind.name);
  const baseUrl =
    body.base_url === undefined ? (before?.baseUrl ?? null) : (body.base_url?.replace(/\/+$/, "") ?? null);
  const isMoved = originOf(kind, baseUrl) !== originOf(kind, before?.baseUrl ?? null);
  const kept = isMoved ? null : (before?.apiKey ?? null);
  const given = typeof body.api_key === "string" ? new Secret(body.api_key) : null;
  const settings: ProviderSettings = {
    projectId: project.id,
    name: kind.name,
    apiKey: body.api_key === undefined ? kept : given,
    baseUrl,
    passing: chosenPassing(before?.passing ?? {}, body),
    updatedAtMs: deps.clock.now(),
  };
  await write.setProvider(settings);
  const shapes = await providerShapes(deps, project.id);
  const shape = shapes.find(({ name }) => name === kind.name);
  if (shape === undefined) throw new Error(`The status of ${kind.name} is missing.`);
  const isDropped = body.api_key === undefined && isMoved && (before?.apiKey ?? null) !== null;
  return { ...shape, key_dropped: isDropped };
}

/** What is absent stays as it is; null goes back to the server's default. */
function chosenPassing(before: PassingChoice, body: SetProviderBody): PassingChoice {
  const { rate_limit_headers: headers, accepted_encodings: encodings } = body;
  const rateLimitHeaders = headers === undefined ? before.rateLimitHeaders : headers;
  const acceptedEncodings = encodings === undefined ? before.acceptedEncodings : encodings;
  return {
    ...(rateLimitHeaders == null ? {} : { rateLimitHeaders }),
    ...(acceptedEncodings == null ? {} : { acceptedEncodings: [...new Set(acceptedEncodings)] }),
  };
}

function originOf(kind: ProviderKind, baseUrl: string | null): string {
  return new URL(baseUrl ?? kind.defaultBaseUrl).origin;
}

function findKind(deps: ApiDeps, name: string): ProviderKind {
  const kind = deps.providers.find((candidate) => candidate.name === name);
  if (kind !== undefined) return kind;
  const known = deps.providers.map((each) => each.name).join(", ");
  throw new ApiFault("not_found", `There is no provider ${quoted(name)}. There are: ${known}.`);
}

async function providerShapes(deps: ApiDeps, projectId: string): Promise<readonly Provider[]> {
  const [status, settings] = await Promise.all([
    deps.upstreams.statusOf(projectId),
    deps.directory.listProviders(projectId),
  ]);
  return status.map((each) =>
    providerShape(each, settings.find(({ name }) => name === each.provider.name) ?? null),
  );
}

function providerShape(
  { provider, source, baseUrl, passing }: ProviderStatus,
  own: ProviderSettings | null,
): Provider {
  return {
    name: provider.name,
    display_name: provider.displayName,
    dialect: provider.dialect,
    source,
    base_url: source === "none" || source === "simulated" ? (own?.baseUrl ?? null) : baseUrl,
    api_key_variable: provider.apiKeyVariable,
    rate_limit_headers: passing.rateLimitHeaders,
    accepted_encodings: passing.acceptedEncodings,
    updated_at: own === null ? null : toRfc3339(own.updatedAtMs),
  };
}
