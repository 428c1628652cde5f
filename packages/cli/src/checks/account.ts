/** Doctor's look at what the gateway knows: whose credential this is, project, providers, prices, API key. */

import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import type { GatewayInfo } from "@meshagent/llm-proxy-protocol/api-gateway";
import type { Provider } from "@meshagent/llm-proxy-protocol/api-resources";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { findCredential } from "../connection.ts";
import { findApiKey, findProjectId } from "../cli-context.ts";
import type { CliContext } from "../cli-context.ts";
import { messageOf } from "../failure.ts";
import { fail, ok, warn } from "./check.ts";
import type { Check } from "./check.ts";

/** The gateway gives a provider 15 s to answer the question that proves its key. */
const TIMEOUT_MS = 20_000;
/** Providers change their lists a few times a year, and add models more often. */
const MAX_PRICE_AGE_DAYS = 31;
const DAY_MS = 24 * 60 * 60_000;

export interface AccountFindings {
  readonly checks: readonly Check[];
  /** What callers reach the gateway at, where that is known. */
  readonly publicUrl: string | null;
}

/** Needs a gateway that answers. */
export async function checkAccount(
  context: CliContext,
  apiUrl: string,
  projectFlag: string | undefined,
): Promise<AccountFindings> {
  const checks: Check[] = [];
  let publicUrl: string | null = null;
  try {
    const credential = findCredential(context, apiUrl);
    if (credential === null)
      return {
        checks: [warn("sign-in", "you are not signed in here", `Run: meshagent setup --api-url ${apiUrl}`)],
        publicUrl,
      };
    const client = createClient({ baseUrl: apiUrl, token: credential.reveal(), timeoutMs: TIMEOUT_MS });
    const info = await client.getGatewayInfo();
    publicUrl = info.public_url;
    const isOwner = info.caller.kind === "owner";
    checks.push(
      ok("sign-in", isOwner ? "as the owner" : "with an API key: some commands need the owner's token"),
      ...checkPrices(info, context.nowMs()),
    );
    const project = findProjectId(context, projectFlag);
    if (project === null) checks.push(warn("project", "none is active", "Run: meshagent setup"));
    else checks.push(...(await checkProject(context, client, { project, isOwner })));
  } catch (error) {
    checks.push(fail("sign-in", messageOf(error), "Run: meshagent setup"));
  }
  return { checks, publicUrl };
}

/** The operator's own card is the operator's to keep; the shipped prices matter where it does not replace them. */
function checkPrices({ prices }: GatewayInfo, nowMs: number): Check[] {
  const { shipped_as_of: shipped, card_as_of: card } = prices;
  const ageDays = (day: string): number => Math.floor((nowMs - Date.parse(day)) / DAY_MS);
  if (card !== null && ageDays(card) > MAX_PRICE_AGE_DAYS)
    return [
      warn(
        "prices",
        `the price card that MESHAGENT_PRICES names is of ${card}, ${ageDays(card)} days old, so costs may be wrong`,
        "Compare it with the providers' price lists, set its as_of, and restart the gateway.",
      ),
    ];
  if (card === null && ageDays(shipped) > MAX_PRICE_AGE_DAYS)
    return [
      warn(
        "prices",
        `the gateway's prices are of ${shipped}, ${ageDays(shipped)} days old, so costs may be wrong`,
        "Update the gateway, or name a price card of your own with MESHAGENT_PRICES.",
      ),
    ];
  return [ok("prices", `of ${card ?? shipped}`)];
}

interface ProjectQuestion {
  readonly project: string;
  readonly isOwner: boolean;
}

async function checkProject(
  context: CliContext,
  client: Client,
  { project, isOwner }: ProjectQuestion,
): Promise<Check[]> {
  if (!isOwner) return [checkKey(context, project, null)];
  try {
    const { name } = await client.getProject({ project });
    const { providers } = await listAll("providers", (page) => client.listProviders({ project, ...page }));
    const { keys } = await listAll("keys", (page) => client.listApiKeys({ project, ...page }));
    const known = new Set(keys.map(({ id }) => id));
    return [
      ok("project", `${name} (${project})`),
      ...(await Promise.all(providers.map((provider) => checkProvider(client, project, provider)))),
      checkKey(context, project, known),
    ];
  } catch (error) {
    return [
      fail(
        "project",
        `${project}: ${messageOf(error)}`,
        "Run: meshagent project list, then: meshagent project activate ID",
      ),
    ];
  }
}

/** A key that is there is tried: the gateway asks the provider the cheapest question that proves it. */
async function checkProvider(
  client: Client,
  project: string,
  { name, source, base_url: baseUrl, api_key_variable: variable }: Provider,
): Promise<Check> {
  const todo = `Run: meshagent provider set ${name} --api-key-from-env ${variable}`;
  if (source === "none") return warn(name, "not configured: requests for it are refused", todo);
  if (source === "simulated") return warn(name, "simulated: its replies are made up", todo);
  const tried = await client.testProvider({ project, provider: name });
  if (!tried.ok) {
    const place = source === "project" ? "" : `The key is ${variable} in the gateway's environment. `;
    return fail(name, tried.message, `${place}${todo}`);
  }
  const origin = source === "project" ? "of this project" : "from the gateway's environment";
  return ok(name, `key ${origin}, at ${baseUrl ?? "its own address"}: the provider takes it`);
}

function checkKey(context: CliContext, project: string, known: ReadonlySet<string> | null): Check {
  const todo = "Run: meshagent api-key create NAME --activate";
  const text = findApiKey(context, project);
  if (text === null) return warn("api key", "none is active, so no tokens can be signed here", todo);
  let key: { readonly id: string; readonly projectId: string };
  try {
    key = parseApiKey(text.reveal());
  } catch (error) {
    return fail("api key", messageOf(error), todo);
  }
  if (key.projectId !== project) {
    return warn(
      "api key",
      `the active key ${key.id} is of another project (${key.projectId})`,
      `Run: meshagent project activate ${key.projectId}`,
    );
  }
  if (known !== null && !known.has(key.id))
    return fail("api key", `${key.id} was deleted on the gateway`, todo);
  return ok("api key", `${key.id}${known === null ? "" : ", known to the gateway"}`);
}
