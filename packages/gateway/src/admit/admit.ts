/**
 * The decision to let an exchange in: who will answer, and whether the principal may ask for that. It looks at
 * what is known, and changes nothing.
 */

import type { Admitted, Received } from "../exchange.ts";
import type { DialectName, Provider } from "../providers/provider.ts";
import { checkGrant } from "./grants.ts";

export interface AdmitDeps {
  /** Who answers a dialect natively. */
  readonly providerFor: (dialect: DialectName) => Provider;
}

/** Throws `missing_grant` or `model_not_granted`. */
export function admit(deps: AdmitDeps, received: Received): Admitted {
  const provider = deps.providerFor(received.dialect.name);
  checkGrant(received.principal, provider.name, received.policy.model);
  return { ...received, provider };
}
