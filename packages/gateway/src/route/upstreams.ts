/**
 * Where upstreams come from: what a project set itself, else the gateway's own environment, else the simulated
 * provider where that is allowed. A base URL is bound to its key: a key never goes to another origin than the
 * one it was given for.
 */

import type { Upstream } from "../exchange.ts";
import { choosePassing, type Passing } from "../passing.ts";
import type { UpstreamTimeouts } from "../upstream/client.ts";
import type { Provider, ProviderDefaults } from "../providers/provider.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { Directory, ProviderSettings } from "../store/store.ts";

/** `always`: simulated replies only. `until_configured`: as long as no provider was ever given a key. `never`. */
export type SimulatedMode = "always" | "until_configured" | "never";

export interface UpstreamsOptions {
  readonly directory: Pick<Directory, "findProvider" | "onChange" | "wasProviderEverConfigured">;
  readonly providers: readonly Provider[];
  /** By provider name. */
  readonly defaults: Readonly<Record<string, ProviderDefaults>>;
  readonly simulatedMode: SimulatedMode;
  readonly timeouts: UpstreamTimeouts;
}

/** From where a provider's key comes; for the banner, `provider list` and `doctor`. */
export type UpstreamOrigin = "environment" | "project" | "simulated" | "none";

export interface ProviderStatus {
  readonly provider: Provider;
  readonly source: UpstreamOrigin;
  readonly baseUrl: string;
  readonly passing: Passing;
}

export interface Upstreams {
  upstreamFor(projectId: string, provider: Provider): Promise<Upstream | null>;
  /** What each provider would be answered by. `projectId` null: before any project's own settings. */
  statusOf(projectId: string | null): Promise<readonly ProviderStatus[]>;
}

interface Resolved {
  readonly source: UpstreamOrigin;
  readonly upstream: Upstream | null;
  readonly passing: Passing;
}

export function createUpstreams(options: UpstreamsOptions): Upstreams {
  const cache = new Map<string, Promise<Resolved>>();
  options.directory.onChange((change) => {
    if (change.kind === "provider" || change.kind === "project") cache.clear();
  });

  const resolve = async (projectId: string | null, provider: Provider): Promise<Resolved> => {
    const defaults = options.defaults[provider.name] ?? { apiKey: null, baseUrl: null };
    const own = projectId === null ? null : await options.directory.findProvider(projectId, provider.name);
    const passing = choosePassing([own?.passing ?? {}, defaults.passing ?? {}], {
      rateLimitHeaders: "pass",
      acceptedEncodings: provider.acceptedEncodings,
    });
    const kind: UpstreamKind = { provider, passing, timeouts: options.timeouts };
    if (options.simulatedMode === "always")
      return { source: "simulated", upstream: simulated(kind), passing };
    // Choices alone leave the provider where the environment has it.
    const isMoved = own !== null && (own.apiKey !== null || own.baseUrl !== null);
    const configured = isMoved ? projectUpstream(kind, { own, defaults }) : null;
    if (configured !== null) return { source: "project", upstream: configured, passing };
    if (!isMoved && defaults.apiKey !== null) {
      const baseUrl = defaults.baseUrl ?? provider.defaultBaseUrl;
      const upstream = makeUpstream(kind, { baseUrl, apiKey: defaults.apiKey });
      return { source: "environment", upstream, passing };
    }
    if (options.simulatedMode === "until_configured" && !(await isAnyConfigured(options))) {
      return { source: "simulated", upstream: simulated(kind), passing };
    }
    return { source: "none", upstream: null, passing };
  };

  const cached = (projectId: string | null, provider: Provider): Promise<Resolved> => {
    const key = `${projectId ?? ""} ${provider.name}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const pending = resolve(projectId, provider);
    cache.set(key, pending);
    // A failed look-up must not stay.
    pending.catch(() => cache.delete(key));
    return pending;
  };

  return {
    upstreamFor: async (projectId, provider) => (await cached(projectId, provider)).upstream,
    statusOf: (projectId) =>
      Promise.all(
        options.providers.map(async (provider) => {
          const { source, upstream, passing } = await cached(projectId, provider);
          const baseUrl = upstream === null ? provider.defaultBaseUrl : upstream.origin + upstream.basePath;
          return { provider, source, baseUrl, passing };
        }),
      ),
  };
}

async function isAnyConfigured(options: UpstreamsOptions): Promise<boolean> {
  const inEnvironment = Object.values(options.defaults).some((defaults) => defaults.apiKey !== null);
  return inEnvironment || (await options.directory.wasProviderEverConfigured());
}

/** What is the same wherever a provider is. */
type UpstreamKind = Pick<Upstream, "provider" | "passing" | "timeouts">;

/** A project's own settings. Without a key of its own it may use the default key, but only at that key's origin. */
function projectUpstream(
  kind: UpstreamKind,
  from: { readonly own: ProviderSettings; readonly defaults: ProviderDefaults },
): Upstream | null {
  const defaultBaseUrl = from.defaults.baseUrl ?? kind.provider.defaultBaseUrl;
  if (from.own.apiKey !== null) {
    const baseUrl = from.own.baseUrl ?? defaultBaseUrl;
    return makeUpstream(kind, { baseUrl, apiKey: from.own.apiKey });
  }
  const baseUrl = from.own.baseUrl ?? defaultBaseUrl;
  const isSameOrigin = new URL(baseUrl).origin === new URL(defaultBaseUrl).origin;
  if (from.defaults.apiKey === null || !isSameOrigin) return null;
  return makeUpstream(kind, { baseUrl, apiKey: from.defaults.apiKey });
}

function makeUpstream(
  kind: UpstreamKind,
  access: { readonly baseUrl: string; readonly apiKey: Secret },
): Upstream {
  const url = new URL(access.baseUrl);
  return {
    ...kind,
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, "") + kind.provider.pathPrefix,
    apiKey: access.apiKey,
    isSimulated: false,
    region: regionOf(url.hostname),
  };
}

/** Regional hosts of the providers begin with `us.` or `eu.` (contract: `regional_multiplier`). */
function regionOf(hostname: string): string | null {
  return /^(us|eu)\./.exec(hostname)?.[1] ?? null;
}

function simulated(kind: UpstreamKind): Upstream {
  return {
    ...kind,
    origin: `http://simulated.${kind.provider.dialect}`,
    basePath: "/v1",
    apiKey: null,
    isSimulated: true,
    region: null,
  };
}

/** True when any provider can be asked: by the gateway's own key, or by one that any project has set for itself. */
export async function canAnswer(
  directory: Pick<Directory, "listProjects">,
  upstreams: Upstreams,
): Promise<boolean> {
  const projects = await directory.listProjects();
  const all = await Promise.all(
    [null, ...projects.map((each) => each.id)].map((id) => upstreams.statusOf(id)),
  );
  return all.flat().some((status) => status.source !== "none");
}
