/** One request on its way through an endpoint of the simulated provider, and the shape of such endpoints. */

import type { DialectName } from "../provider.ts";
import type { Directives } from "./directives.ts";
import type { Ids } from "./ids.ts";
import type { JsonObject } from "./json.ts";
import type { Kept } from "./kept.ts";
import type { PromptCache } from "./prompt-cache.ts";
import type { Prompt } from "./prompt.ts";
import type { EndpointReply } from "./reply.ts";

export interface Ask {
  readonly dialect: DialectName;
  /** Without the leading `/v1` and without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: JsonObject;
  readonly prompt: Prompt;
  readonly directives: Directives;
  readonly ids: Ids;
  /** The reply's request id, as its header says it. */
  readonly requestId: string;
  readonly nowMs: number;
  readonly cache: PromptCache;
  /** The request is a message of a WebSocket. */
  readonly isSocket: boolean;
  /** What was kept for later by this and earlier requests. */
  readonly kept: Kept;
  /** Answers one request of a batch as if it had come alone. */
  readonly askAgain: (path: string, body: unknown) => { readonly status: number; readonly json: unknown };
}

export interface SimulatedEndpoint {
  readonly dialect: DialectName;
  readonly method: "GET" | "POST" | "DELETE";
  /** Matches the path without the leading `/v1`. */
  readonly path: RegExp;
  /** null where the body is no prompt. */
  readonly readPrompt: ((body: JsonObject) => Prompt) | null;
  /** Members that the body must have, in the order in which the provider complains. */
  readonly required: readonly string[];
  answer(ask: Ask): EndpointReply;
}

/** One server-sent event without a name. */
export function dataEvent(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** Seconds since the epoch, as OpenAI writes times. */
export function toEpochSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1000);
}
