/** What the grants of a principal let it ask for. Looks at nothing but the grants: no budget, no limit, no store. */

import { allowsModel, type LlmGrant } from "@meshagent/llm-proxy-protocol/grants";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { GatewayError } from "../errors.ts";
import type { Principal } from "../exchange.ts";

/**
 * Refuses what the principal's grants do not cover. `model` is "" for a request that names none, such as a
 * list of models; then the `api.llm` grant alone is asked for. Throws `missing_grant` or `model_not_granted`.
 */
export function checkGrant(principal: Principal, providerName: string, model: string): void {
  const { llm } = principal.grants;
  const who = `${quoted(principal.participant)} in room ${quoted(principal.room)}`;
  if (llm === null) {
    throw new GatewayError(
      "missing_grant",
      `The token of ${who} has no \`api.llm\` grant, which using the proxy takes. Put \`api: { llm: {} }\` in the ` +
        "token spec and mint a new token: `meshagent token --input token-spec.yaml`.",
    );
  }
  if (model === "" || allowsModel(llm, providerName, model)) return;
  throw new GatewayError(
    "model_not_granted",
    `The token of ${who} does not cover the model ${quoted(`${providerName}/${model}`)}. ${describeModels(llm)} ` +
      "Choose one of these, or widen `api.llm.models` in the token spec and mint a new token: `meshagent token --input token-spec.yaml`.",
    { param: "model" },
  );
}

/**
 * Refuses a billed request that leaves the model to the provider, unless the principal may use all of them.
 * Throws `model_not_granted`.
 */
export function checkAnyModel(principal: Principal): void {
  const { llm } = principal.grants;
  if (llm === null || llm.models === null) return;
  throw new GatewayError(
    "model_not_granted",
    `The request names no model, or has a tool or a stored prompt that uses one it does not name, and this token does not cover every model the provider may choose. ${describeModels(llm)} ` +
      "Name one of these in `model`, and one for each tool that takes a model; send a stored prompt's text instead of its id.",
    { param: "model" },
  );
}

/** The ids of a provider's models that the grant covers, in their order. */
export function visibleModels(
  grant: LlmGrant,
  providerName: string,
  models: readonly string[],
): readonly string[] {
  return models.filter((model) => allowsModel(grant, providerName, model));
}

const MAX_MODELS_TOLD = 10;

function describeModels({ models }: LlmGrant): string {
  if (models === null || models.length === 0)
    return "Its `llm.models` is an empty list, so it may use no model.";
  const told = models.slice(0, MAX_MODELS_TOLD).map(quoted).join(", ");
  const rest = models.length - MAX_MODELS_TOLD;
  return `It may use ${told}${rest > 0 ? ` and ${rest} more` : ""}.`;
}
