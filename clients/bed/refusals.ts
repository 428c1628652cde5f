/** What the gateway refuses in the clients' tests, and what a person must then read, word for word. */

import assert from "node:assert/strict";
import type { LlmGrant } from "@meshagent/llm-proxy-protocol/grants";
import { atSecond, type Scene } from "./scene.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

export interface Refusal {
  /** The name of the error in the gateway's catalogue. */
  readonly code: string;
  /** A token that is refused. */
  readonly token: string;
  /** A regular expression for the whole of the message: one holds a time that the test cannot know. */
  readonly message: string;
}

/** A token that ended a minute ago. */
export async function expiredToken({ gateway }: Scene): Promise<Refusal> {
  const exp = Math.floor(Date.now() / 1000) - 60;
  return {
    code: "token_expired",
    token: await gateway.token({ exp }),
    message: literal(`The token expired at ${atSecond(exp)}; mint a new one with \`meshagent token\`.`),
  };
}

/** A token whose API key was deleted after it was minted. */
export async function revokedKey({ gateway }: Scene): Promise<Refusal> {
  const token = await gateway.token();
  const { id } = gateway.apiKey;
  assert.ok(await gateway.gateway.store.directory.as(systemAuthor).deleteApiKey(gateway.projectId, id));
  const before = literal(`The API key ${id} was deleted at `);
  const after = literal(
    ", and every token signed with it ended then. Mint a new one with another key: `meshagent token`.",
  );
  return { code: "token_revoked", token, message: `${before}\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z${after}` };
}

/** A token without `api.llm`. */
export async function missingGrant({ gateway }: Scene): Promise<Refusal> {
  return {
    code: "missing_grant",
    token: await gateway.token({ llm: null }),
    message: literal(
      'The token of "cli-agent" in room "my-room" has no `api.llm` grant, which using the proxy takes. ' +
        "Put `api: { llm: {} }` in the token spec and mint a new token: " +
        "`meshagent token --input token-spec.yaml`.",
    ),
  };
}

/** A token that covers two models, none of them the one that the client asks for. */
export async function modelNotGranted({ gateway }: Scene, model: string): Promise<Refusal> {
  const llm: LlmGrant = { models: ["openai/gpt-5.4", "anthropic/claude-sonnet-*"] };
  return {
    code: "model_not_granted",
    token: await gateway.token({ llm }),
    message: literal(
      `The token of "cli-agent" in room "my-room" does not cover the model "${model}". ` +
        'It may use "openai/gpt-5.4", "anthropic/claude-sonnet-*". ' +
        "Choose one of these, or widen `api.llm.models` in the token spec and mint a new token: " +
        "`meshagent token --input token-spec.yaml`.",
    ),
  };
}

/** A gateway that is up before a provider that is not. */
export async function providerDown({ gateway, provider }: Scene, name: string): Promise<Refusal> {
  await provider.close();
  return {
    code: "upstream_unreachable",
    token: await gateway.token(),
    message: literal(
      `The gateway cannot reach ${name}. Try again in a moment; if it stays so, its operator finds the ` +
        `reason with \`meshagent provider test ${name.toLowerCase()}\`.`,
    ),
  };
}

/** A regular expression's source that matches this text alone. */
export function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
