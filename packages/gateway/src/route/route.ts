/**
 * Which upstream answers: model and provider to a reachable endpoint with a key. It decides, and sends nothing.
 */

import { GatewayError } from "../errors.ts";
import type { Admitted, Routed, Upstream } from "../exchange.ts";
import type { Provider } from "../providers/provider.ts";

export interface RouteDeps {
  /** The upstream that a project uses for a provider, or null when there is no key for it. */
  readonly upstreamFor: (projectId: string, provider: Provider) => Promise<Upstream | null>;
}

/** Throws `provider_not_configured` when nobody has given the gateway a key. */
export async function route(deps: RouteDeps, admitted: Admitted): Promise<Routed> {
  const { provider } = admitted;
  const upstream = await deps.upstreamFor(admitted.principal.projectId, provider);
  if (upstream === null) {
    throw new GatewayError(
      "provider_not_configured",
      `This gateway has no key for ${provider.displayName}. Its operator can set one with \`meshagent provider set ${provider.name} --api-key-from-env ${provider.apiKeyVariable}\`, or start it with ${provider.apiKeyVariable} set.`,
    );
  }
  return { ...admitted, upstream };
}
