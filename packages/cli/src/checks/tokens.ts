/**
 * Doctor's look at the participant tokens of this shell: what they say, and whether the gateway takes them. A
 * token is sent to the gateway alone, and only where the client that uses it would send it there, too.
 */

import { API_KEY_PREFIX } from "@meshagent/llm-proxy-protocol/api-key";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { inspectToken } from "@meshagent/llm-proxy-protocol/token-inspect";
import type { TokenInspection } from "@meshagent/llm-proxy-protocol/token-inspect";
import type { CliContext } from "../cli-context.ts";
import { ask } from "./ask.ts";
import { fail, ok, warn } from "./check.ts";
import type { Check } from "./check.ts";

/** A token as a client finds it. */
export interface HeldToken {
  /** The variable that holds it. */
  readonly variable: string;
  readonly token: Secret;
  /** Its client is set up for this gateway, or no client is set up for another. */
  readonly isForThisGateway: boolean;
}

/** `apiUrl` null: no gateway answers, so the tokens are only read. A text that two variables hold is looked at once. */
export async function checkTokens(
  context: CliContext,
  held: readonly HeldToken[],
  apiUrl: string | null,
): Promise<Check[]> {
  const byText = new Map(held.toReversed().map((each) => [each.token.reveal(), each]));
  return Promise.all([...byText.values()].toReversed().map((each) => checkToken(context, each, apiUrl)));
}

async function checkToken(context: CliContext, held: HeldToken, apiUrl: string | null): Promise<Check> {
  const { variable } = held;
  const text = held.token.reveal();
  const mint = `Run: export ${variable}="$(meshagent token --input token-spec.yaml)"`;
  if (text.startsWith(API_KEY_PREFIX))
    return warn(
      "token",
      `${variable} holds an API key, which can sign tokens for anybody`,
      `Use a token. ${mint}`,
    );
  const inspection = await inspectToken(text, context.nowMs());
  const timeOrForm = inspection.problems.join(" ");
  if (timeOrForm !== "") return fail("token", `${variable}: ${timeOrForm}`, mint);
  const grant = grantProblem(inspection);
  if (grant !== "")
    return fail("token", `${variable}: ${grant}`, `Put \`api: { llm: {} }\` in the token spec. ${mint}`);
  if (apiUrl !== null && held.isForThisGateway) {
    const refusal = await findRefusal(context, apiUrl, held.token);
    if (refusal !== null) return fail("token", `${variable}: the gateway refuses it: ${refusal}`, mint);
  }
  const { claims, expiresAt } = inspection;
  const until = expiresAt === null ? "" : `, until ${expiresAt}`;
  return ok(
    "token",
    `${variable}: ${claims?.participant ?? ""} in room ${claims?.grants.room ?? ""}${until}`,
  );
}

/** "" when it may use the proxy. */
function grantProblem({ claims }: TokenInspection): string {
  if (claims === null) return "";
  if (claims.grants.llm === null)
    return "the token has no `api.llm` grant, so the gateway answers 403 to all it is used for.";
  if (claims.grants.llm.models?.length === 0)
    return "the token's `llm.models` is an empty list, so it may use no model.";
  return "";
}

/**
 * Asks with a body that is refused right after the token was accepted: nothing reaches a provider, and nothing
 * is recorded. A room that the token is the first to name is registered, as on any first use. Null when the token is accepted, or when the answer says nothing about it.
 */
async function findRefusal(context: CliContext, apiUrl: string, token: Secret): Promise<string | null> {
  const answer = await ask(`${apiUrl}/openai/v1/responses`, context, {
    method: "POST",
    headers: { authorization: `Bearer ${token.reveal()}`, "content-type": "application/json" },
    body: "{}",
  });
  if ("problem" in answer || answer.status !== 401) return null;
  return messageIn(answer.body) ?? "it answers 401 and does not say why.";
}

function messageIn(body: string): string | null {
  try {
    const { error } = JSON.parse(body) as { readonly error?: { readonly message?: unknown } };
    return typeof error?.message === "string" ? error.message : null;
  } catch {
    return null;
  }
}
