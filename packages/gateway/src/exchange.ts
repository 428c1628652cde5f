/**
 * One request's state, a type per stage. A step takes the stage before it and returns the next, so that a
 * step out of order does not compile. Stages only grow: nothing a step has established is changed later.
 */

import type { Settlement } from "./store/limits.ts";
import type { ExchangeResult } from "./store/store.ts";
import type { Grants } from "@meshagent/llm-proxy-protocol/grants";
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { DisconnectPolicy } from "./config/settings.ts";
import type { Passing } from "./passing.ts";
import type { Duplex } from "node:stream";
import type { Dialect, OfferedEndpoint } from "./dialects/dialect.ts";
import type { HeaderLines, UpstreamBody, UpstreamTimeouts } from "./upstream/client.ts";
import type { Provider } from "./providers/provider.ts";
import type { ObjectReference } from "./provider-objects.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";

/**
 * What the steps use of a request; `IncomingMessage` has all of it. `data` gives a second argument where the chunk's
 * memory is only lent: true, and it must be copied to be kept.
 */
export interface CallerRequest
  extends
    EventEmitter,
    Pick<
      IncomingMessage,
      | "method"
      | "url"
      | "rawHeaders"
      | "headers"
      | "headersDistinct"
      | "socket"
      | "complete"
      | "destroyed"
      | "readableEnded"
    > {
  pause(): unknown;
  resume(): unknown;
}

/** What the steps use of a reply; `ServerResponse` has all of it, but for `gather`. */
export interface CallerResponse extends EventEmitter {
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  readonly closed: boolean;
  readonly writableFinished: boolean;
  readonly writableNeedDrain: boolean;
  /** null once the reply is written, and while another one is before it. */
  readonly socket: Socket | null;
  /** Whether `write` frames what it is given as a chunk. */
  chunkedEncoding: boolean;
  /** `lines` are names and values in turn. */
  writeHead(status: number, lines: string[]): unknown;
  writeHead(status: number, statusText: string, lines: string[]): unknown;
  /** False: the caller is slow, and `drain` says when it has caught up. */
  write(chunk: string | Uint8Array): boolean;
  end(body?: string | Uint8Array): unknown;
  destroy(): unknown;
  /** Says `100 Continue`. Not there where nobody waits for it. */
  writeContinue?(): unknown;
  /** Holds what is written together for a moment, or until the function that it returns is called. */
  gather?(): () => void;
}

/** A request as the server took it, its body unread. */
export interface Call {
  readonly exchangeId: string;
  readonly receivedAtMs: number;
  readonly request: CallerRequest;
  /** Of an upgrade it only carries a refusal. */
  readonly response: CallerResponse;
  /** Path and query as they came, never normalised. */
  readonly path: string;
  /** With the `?`, or "". */
  readonly query: string;
  /** The caller sent `Expect: 100-continue` and waits for a go-ahead before its body. */
  readonly expectsContinue: boolean;
  /** The naked connection of a request that asks for a WebSocket; null for plain HTTP. */
  readonly upgrade: Upgrade | null;
  /** The WebSocket in which the exchange runs, null outside of one. */
  readonly connectionId: string | null;
  /** Lines that every answer to this call carries: the exchange's id, and CORS where it is allowed. */
  readonly answerHeaders: HeaderLines;
}

/** A connection that is to become a WebSocket. */
export interface Upgrade {
  readonly socket: Duplex;
  /** What the caller sent behind its request. */
  readonly head: Buffer;
}

export interface Matched {
  readonly call: Call;
  readonly dialect: Dialect;
  readonly endpoint: OfferedEndpoint;
  /** The endpoint's path below the mount with its ids in place, such as `/models/gpt-5.5`. */
  readonly endpointPath: string;
  /** The ids in the path, percent-decoded. */
  readonly ids: Readonly<Record<string, string>>;
}

/** Who a request turned out to be. */
export interface Principal {
  readonly projectId: string;
  readonly apiKeyId: string;
  readonly room: string;
  readonly participant: string;
  /** `agent`, `user`, `tool`, or "" when the token has no role grant. */
  readonly role: string;
  readonly grants: Grants;
  /** `jti`, else SHA-256 of the token's signed part in hex; null for an API key. */
  readonly tokenId: string | null;
  /** When the credential stops being valid, or null. Milliseconds since the epoch. */
  readonly expiresAtMs: number | null;
  /** What the project wants done when a caller leaves mid-reply; null: what the gateway does by default. */
  readonly onDisconnect: DisconnectPolicy | null;
}

export interface Authenticated extends Matched {
  readonly principal: Principal;
  /** From `Meshagent-Session` or the client's own headers. */
  readonly sessionId: string | null;
  readonly agentId: string | null;
  /** The client's name and version, from `user-agent`. */
  readonly client: string | null;
}

/** The request's body, kept once; a body of no bytes is null. */
export interface KeptBody extends UpstreamBody {
  /** `content-encoding` as it came, "" for none. */
  readonly contentEncoding: string;
  /** Counts more bytes against the memory bound, for a decoded copy; throws `overloaded` when there is no room. */
  grow(bytes: number): void;
  /** Gives its memory back to the bound. Idempotent; the chunks are gone afterwards. */
  release(): void;
  /** Lets its memory be used for another body: nothing reads it any more. After that as after `release`. */
  giveBack(): void;
}

/** What policy needs to know of a request. */
export interface PolicyFields {
  /** "" when the request names none and needs none. */
  readonly model: string;
  readonly isStream: boolean;
  readonly requestedTier: string | null;
  /** The smallest output limit that the request sets, in tokens. */
  readonly maxOutputTokens: number | null;
  /** Characters (Unicode code points) of the text that is billed by them; null where there is none. */
  readonly inputCharacters: number | null;
  /** How to make the body ask for usage; null when the caller asked itself or the endpoint has no need. */
  readonly includeUsage: BodyEdit | null;
  /** Further models that the request names: an SVG image's author, its tools', its fallbacks, those of a batch. */
  readonly otherModels: readonly string[];
  /** It asks for a model that the provider chooses, as `fallbacks: "default"` does. */
  readonly hasUnknownModel: boolean;
  /** `store` as the request gives it; null when it does not. */
  readonly isStored: boolean | null;
  /** The reply is made in the background, and tells its usage to who asks later. */
  readonly isBackground: boolean;
  /** The provider is to keep the conversation under the reply's id. */
  readonly isThread: boolean;
}

/** Replaces bytes `[start, end)` of the decoded body with `text`. The contract has a closed list of reasons for one. */
export interface BodyEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Received extends Authenticated {
  readonly body: KeptBody | null;
  readonly policy: PolicyFields;
  /** Every provider-side object that the request names, in path, query and body. */
  readonly references: readonly ObjectReference[];
  /** What an uploaded file of batch requests names; null for anything else, and for one that cannot be read. */
  readonly batchFile: BatchFile | null;
}

/** The lines of a batch file, as far as policy needs to know them. Their references are the request's own. */
export interface BatchFile {
  readonly models: readonly string[];
}

export interface Admitted extends Received {
  /** Who will answer: the provider whose grant and price apply. */
  readonly provider: Provider;
}

/** One reachable provider endpoint with one key. */
export interface Upstream {
  readonly provider: Provider;
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path prefix of the base URL and of the provider, without a trailing slash. */
  readonly basePath: string;
  /** null for the simulated provider, which asks for none. */
  readonly apiKey: Secret | null;
  readonly isSimulated: boolean;
  readonly region: string | null;
  readonly passing: Passing;
  readonly timeouts: UpstreamTimeouts;
}

export interface Routed extends Admitted {
  readonly upstream: Upstream;
}

/** An output limit that goes up in place of the request's own, and where. */
export interface LoweredOutput {
  /** The member of the body. */
  readonly name: string;
  /** Others that say the same, and are lowered with it. */
  readonly alsoIn: readonly string[];
  readonly tokens: number;
  /** The part of it that may go into thinking, where that has to be lowered, too. */
  readonly thinkingTokens: number | null;
}

/** What limits hold of an exchange until its result is known. */
export interface Hold {
  readonly loweredOutput: LoweredOutput | null;
  /** The provider has told what the input costs, in nano-dollars: the rest of its share is given back. */
  inputTold(inputNanoUsd: number): void;
  /** What the result makes of it, to be written with the result. */
  settlement(result: ExchangeResult): Settlement;
  /** The result is written. */
  settled(result: ExchangeResult): void;
}

export interface Held extends Routed {
  /** null: no limit covers it. */
  readonly hold: Hold | null;
}
