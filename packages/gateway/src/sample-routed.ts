/** For tests only: one exchange that has come to the door of `forward`, to be varied. Real dialects, no sockets. */

import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { anthropicDialect } from "./dialects/anthropic/dialect.ts";
import type { Dialect, OfferedEndpoint } from "./dialects/dialect.ts";
import { openAiDialect } from "./dialects/openai/dialect.ts";
import type { Call, Held, KeptBody, PolicyFields, Principal, Upstream } from "./exchange.ts";
import { anthropic } from "./providers/anthropic/provider.ts";
import { openai } from "./providers/openai/provider.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";

/** 2026-11-23T10:00:00Z. */
export const sampleNowMs: number = Date.UTC(2026, 10, 23, 10);

/** A call whose request and response hang on no connection. */
export function sampleCall(overrides: Partial<Call> = {}): Call {
  const request = new IncomingMessage(new Socket());
  request.method = "POST";
  return {
    exchangeId: "ex_sample",
    receivedAtMs: sampleNowMs,
    request,
    response: new ServerResponse(request),
    path: "/openai/v1/responses",
    query: "",
    expectsContinue: false,
    upgrade: null,
    connectionId: null,
    answerHeaders: [["x-meshagent-exchange-id", "ex_sample"]],
    ...overrides,
  };
}

export function samplePrincipal(models: readonly string[] | null = null): Principal {
  return {
    projectId: "project-1",
    apiKeyId: "key-1",
    room: "my-room",
    participant: "cli-agent",
    role: "agent",
    grants: { room: "my-room", role: "agent", llm: { models } },
    tokenId: "jti-1",
    expiresAtMs: null,
    onDisconnect: null,
  };
}

export const samplePolicy: PolicyFields = {
  model: "gpt-5.5",
  isStream: true,
  requestedTier: null,
  maxOutputTokens: null,
  inputCharacters: null,
  includeUsage: null,
  otherModels: [],
  hasUnknownModel: false,
  isStored: null,
  isBackground: false,
  isThread: false,
};

/** A body of these bytes; `released` counts the calls of `release`. */
export function sampleBody(
  text: string,
  contentEncoding = "",
): KeptBody & { readonly released: () => number } {
  const bytes = Buffer.from(text);
  let released = 0;
  return {
    byteLength: bytes.byteLength,
    contentEncoding,
    chunks: () => [bytes],
    grow: () => {},
    release: () => {
      released += 1;
    },
    giveBack: () => {},
    released: () => released,
  };
}

/** What may differ from a streamed `POST /openai/v1/responses`. */
export interface SampleOptions {
  readonly dialect?: "openai" | "anthropic";
  /** Name of the endpoint's row; the first of the dialect's table unless told. */
  readonly endpoint?: string;
  readonly call?: Partial<Call>;
  readonly policy?: Partial<PolicyFields>;
  readonly models?: readonly string[] | null;
  readonly principal?: Partial<Principal>;
  readonly body?: KeptBody | null;
  readonly upstream?: Partial<Upstream>;
}

export function sampleRouted(options: SampleOptions = {}): Held {
  const isOpenAi = options.dialect !== "anthropic";
  const dialect = isOpenAi ? openAiDialect : anthropicDialect;
  const provider = isOpenAi ? openai : anthropic;
  const endpoint = offeredRow(dialect, options.endpoint ?? (isOpenAi ? "responses" : "messages"));
  return {
    call: sampleCall(options.call),
    dialect,
    endpoint,
    endpointPath: endpoint.path,
    ids: {},
    principal: { ...samplePrincipal(options.models), ...options.principal },
    sessionId: "thread-1",
    agentId: null,
    client: "codex_cli_rs/0.169.0",
    body: options.body === undefined ? sampleBody("{}") : options.body,
    policy: { ...samplePolicy, ...options.policy },
    references: [],
    batchFile: null,
    provider,
    hold: null,
    upstream: {
      provider,
      origin: "https://provider.example",
      basePath: "/v1",
      apiKey: new Secret("sk-of-the-provider"),
      isSimulated: false,
      region: null,
      passing: { rateLimitHeaders: "pass", acceptedEncodings: provider.acceptedEncodings },
      timeouts: { connectTimeoutMs: 1000, firstByteTimeoutMs: 2000, idleTimeoutMs: 3000 },
      ...options.upstream,
    },
  };
}

function offeredRow(dialect: Dialect, name: string): OfferedEndpoint {
  const row = dialect.endpoints.find((endpoint) => endpoint.name === name && endpoint.offer === "offered");
  if (row?.offer !== "offered") throw new Error(`There is no offered endpoint ${name}.`);
  return row;
}
