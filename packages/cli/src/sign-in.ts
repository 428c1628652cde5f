/** How setup becomes the owner: finds the gateway and the owner's token, and tries the token before it is kept. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { ApiError } from "@meshagent/llm-proxy-protocol/client";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { findVariable, gatewayDataDir, loadProfile } from "./cli-context.ts";
import type { CliContext, Environment } from "./cli-context.ts";
import { connectAs, DEFAULT_API_URL, isLoopbackUrl, isSameOrigin } from "./connection.ts";
import { CliFailure } from "./failure.ts";

export interface SignInFlags {
  readonly apiUrl?: string;
  /** The owner's token; `-`: on stdin. */
  readonly token?: string;
}

export interface SignedIn {
  readonly client: Client;
  readonly apiUrl: string;
  readonly token: Secret;
  /** Of the gateway. */
  readonly version: string;
}

/** Throws a CliFailure or an ApiError that says why it did not work. */
export async function signIn(context: CliContext, flags: SignInFlags): Promise<SignedIn> {
  const apiUrl = (flags.apiUrl ?? findGateway(context)).replace(/\/+$/, "");
  try {
    return await signInAt(context, apiUrl, flags);
  } catch (error) {
    if (!isUntrusted(error)) throw error;
    throw new CliFailure(`The certificate of ${apiUrl} is of no authority that this machine trusts.`, {
      cause: error,
      hint:
        "If it is your own, name its authority's file, for this command and for every client that runs on Node:\n" +
        "  export NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
    });
  }
}

/** Reasons that OpenSSL gives for a certificate of one's own. */
const untrustedCodes: ReadonlySet<unknown> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function isUntrusted(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return untrustedCodes.has(Reflect.get(error, "code")) || isUntrusted(error.cause);
}

async function signInAt(context: CliContext, apiUrl: string, flags: SignInFlags): Promise<SignedIn> {
  const given =
    flags.token === undefined ? null : await context.terminal.readArgument(flags.token, "--token");
  const named = given?.trim() ?? findVariable(context.env, "MESHAGENT_TOKEN");
  if (named !== null) return tryToken(context, apiUrl, new Secret(named));
  for (const token of foundTokens(context, apiUrl)) {
    try {
      return await tryToken(context, apiUrl, token);
    } catch (error) {
      // A token that was found may be an old one; the next may fit.
      if (!(error instanceof ApiError && error.status === 401)) throw error;
    }
  }
  if (context.terminal.isInteractive) {
    const typed = await context.terminal.askSecret(
      `The owner's token of ${apiUrl} (in the file owner-token of its data directory): `,
    );
    if (typed !== "") return tryToken(context, apiUrl, new Secret(typed));
  }
  // Says that nothing answers, where that is the real trouble.
  await probe(apiUrl);
  throw new CliFailure(`The owner's token of the gateway at ${apiUrl} is not known here.`, {
    hint:
      "It is in the file owner-token of the gateway's data directory. Give it with --token - on stdin or in\n" +
      "MESHAGENT_TOKEN; where the gateway runs with --data-dir, set MESHAGENT_DATA_DIR to the same.",
  });
}

async function tryToken(context: CliContext, apiUrl: string, token: Secret): Promise<SignedIn> {
  const client = connectAs(context, apiUrl, token);
  const info = await client.getGatewayInfo();
  if (info.caller.kind !== "owner") {
    throw new CliFailure("That is an API key. Setup takes the owner's token.", {
      hint: "To use an API key without it: meshagent api-key activate KEY",
    });
  }
  return { client, apiUrl, token, version: info.version };
}

async function probe(apiUrl: string): Promise<void> {
  try {
    await fetch(`${apiUrl}/healthz`, { signal: AbortSignal.timeout(5000), redirect: "manual" });
  } catch (cause) {
    throw new CliFailure(`No gateway answers at ${apiUrl}`, {
      cause,
      hint: "Start one with: meshagent serve, or name another with --api-url.",
    });
  }
}

/** Without a flag: MESHAGENT_API_URL, the one set up before, the one that runs here, the default. */
function findGateway(context: CliContext): string {
  const named = findVariable(context.env, "MESHAGENT_API_URL");
  if (named !== null) return named;
  const stored = loadProfile(context).apiUrl;
  const local = findLocalGateway(context.env);
  // A gateway on this machine may come back on another port; the file it writes is newer than our memory.
  if (stored !== null && (local === null || !isLoopbackUrl(stored))) return stored;
  return local ?? DEFAULT_API_URL;
}

/** Where the gateway with this data directory says that it listens; null while none runs. */
function findLocalGateway(env: Environment): string | null {
  const text = readOrNull(join(gatewayDataDir(env), "gateway.json"));
  try {
    const stored: unknown = JSON.parse(text ?? "null");
    const url: unknown =
      typeof stored === "object" && stored !== null ? Reflect.get(stored, "url") : undefined;
    return typeof url === "string" && URL.canParse(url) ? url : null;
  } catch {
    return null;
  }
}

/** Tokens worth trying. The one in the data directory goes to a gateway on this machine and to no other. */
function* foundTokens(context: CliContext, apiUrl: string): Generator<Secret> {
  const profile = loadProfile(context);
  if (profile.adminToken !== null && profile.apiUrl !== null && isSameOrigin(profile.apiUrl, apiUrl))
    yield profile.adminToken;
  const local = findLocalGateway(context.env);
  if (!isLoopbackUrl(apiUrl) && (local === null || !isSameOrigin(local, apiUrl))) return;
  const text = readOrNull(join(gatewayDataDir(context.env), "owner-token"))?.trim() ?? "";
  if (text !== "") yield new Secret(text);
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
