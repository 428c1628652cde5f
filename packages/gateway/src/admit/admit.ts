/**
 * The decision to let an exchange in: who will answer, and whether the principal may ask for that. It looks at
 * what is known, and changes nothing.
 */

import { GatewayError } from "../errors.ts";
import type { Admitted, Received } from "../exchange.ts";
import type { DialectName, Provider } from "../providers/provider.ts";
import { checkAnyModel, checkGrant } from "./grants.ts";

export interface AdmitDeps {
  /** Who answers a dialect natively. */
  readonly providerFor: (dialect: DialectName) => Provider;
}

/** Throws `missing_grant` or `model_not_granted`. */
export function admit(deps: AdmitDeps, received: Received): Admitted {
  const provider = deps.providerFor(received.dialect.name);
  const { model, otherModels, hasUnknownModel } = received.policy;
  for (const name of [model, ...otherModels]) checkGrant(received.principal, provider.name, name);
  if (hasUnknownModel) checkAnyModel(received.principal);
  return { ...received, provider };
}

/** For what names models besides the one that it asks for. Throws `model_not_granted`, or `invalid_body` for no name. */
export function checkModels(admitted: Admitted, models: readonly string[]): void {
  for (const model of models) {
    if (model === "")
      throw new GatewayError("invalid_body", "A model's name must be a text.", { param: "model" });
    checkGrant(admitted.principal, admitted.provider.name, model);
  }
}
