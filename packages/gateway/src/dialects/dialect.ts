/**
 * What a dialect is: a wire protocol that callers speak. It declares its endpoints as a table, reads the
 * usage of their replies and renders the gateway's errors. It knows no provider, no store and no socket.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { GatewayError } from "../errors.ts";
import type { BodyEdit } from "../exchange.ts";
import type { Picked, PickPath } from "../json-pick.ts";
import type { SocketProtocol } from "./socket-protocol.ts";
import type { ObjectKind } from "../provider-objects.ts";
import type { Collecting } from "./collecting.ts";
import type { ReadRequestBound } from "./request-bound.ts";
import type { UsageReaderFactory } from "./usage-reader.ts";
import type { DialectName, Provider } from "../providers/provider.ts";
import type { HeaderLines } from "../upstream/client.ts";

/** Where a request may carry a policy field. */
export type FieldPlace = "json" | "form" | "query" | "path";

export interface EndpointPolicy {
  /** Every place that can name the model; all of them are read, and two different models are refused. */
  readonly modelIn: readonly FieldPlace[];
  /** A request without a model is refused, because the provider needs one. */
  readonly isModelRequired: boolean;
  /** Top-level body members that later steps read besides `model`. A member given twice is refused. */
  readonly fields: readonly string[];
  /** Members that, when given and not null or false, make the request one that is not offered yet (501). */
  readonly notOfferedFields: readonly string[];
  /** The top-level member whose characters the provider bills: `input` of speech. */
  readonly billedText?: string;
  /** Parameters of the query that do the same. */
  readonly notOfferedQuery?: readonly string[];
}

/** One way in which a request may name a provider-side object. */
export type ReferencePlace =
  /** An id in the path: `{response}`. */
  | { readonly in: "path"; readonly kind: ObjectKind; readonly name: string }
  /** A query parameter, such as a list's `after`. */
  | { readonly in: "query"; readonly kind: ObjectKind; readonly name: string }
  /** A field of a form. */
  | { readonly in: "form"; readonly kind: ObjectKind; readonly name: string }
  /** A top-level member of the body: the id, or an object with it as `id`; or one that may have it as `idIn`. */
  | { readonly in: "member"; readonly kind: ObjectKind; readonly name: string; readonly idIn?: string }
  /** A member of this name at any depth, an id or a list of ids; or an object that may have it as `idIn`. */
  | { readonly in: "anywhere"; readonly kind: ObjectKind; readonly name: string; readonly idIn?: string }
  /** Elements of this top-level list that stand for an item kept upstream, by their `id`. */
  | { readonly in: "items"; readonly kind: "item"; readonly name: string };

/** The provider-side objects that replies of an endpoint make. */
export interface Makes {
  /**
   * Where the id of each stands in a JSON reply (in each kept entry of a list that `lists`), `*` for every
   * element. An `["id"]` is the object that the request made.
   */
  readonly objects: readonly { readonly kind: ObjectKind; readonly at: PickPath }[];
  /**
   * `always`; `unless_store_false`: the provider keeps it unless the request says `"store": false`;
   * `if_store_true`: only when it says `"store": true`.
   */
  readonly when: "always" | "unless_store_false" | "if_store_true";
  /** The id in the path that what is made hangs on, or null. */
  readonly parent: string | null;
}

/** An endpoint that is relayed. */
export interface OfferedEndpoint {
  readonly offer: "offered";
  /** Names it in logs and metrics, such as `responses` or `messages.count_tokens`. */
  readonly name: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the mount, `{name}` for one non-empty segment: `/models/{model}`. */
  readonly path: string;
  readonly policy: EndpointPolicy;
  /** Reads the usage of a reply, or null for an endpoint that bills nothing (`not_metered`). */
  readonly usageReader: UsageReaderFactory | null;
  /** The reply lists models, and is narrowed for a token that may use only some. */
  readonly isModelList: boolean;
  /**
   * It bills audio or images, of which the bytes of request and reply do not tell the tokens: where no usage is
   * known, none is estimated from them.
   */
  readonly isMedia: boolean;
  /** Reads what bounds its cost before it is sent; absent: nothing does, and a hard budget refuses it. */
  readonly bound?: ReadRequestBound;
  /**
   * It answers a question and neither bills nor changes anything, so identical ones in flight at once reach the
   * provider once.
   */
  readonly isSharedInFlight?: true;
  /** Streamed replies tell their usage only when the request asks with `stream_options.include_usage`. */
  readonly needsIncludeUsage: boolean;
  /**
   * The row is for upgrades to a WebSocket, whose messages mean this; `policy` then judges the upgrade, and what
   * bills is an exchange inside the socket. Absent: plain HTTP.
   */
  readonly socket?: SocketProtocol;
  /** Which provider-side objects its replies make. A row without a decision does not compile. */
  readonly makes: Makes | "none";
  /** In place of `makes`, for a request after which the provider keeps the conversation. Absent: there is none. */
  readonly makesInThread?: Makes;
  /** Every place where a request may name a provider-side object. */
  readonly refersTo: readonly ReferencePlace[] | "none";
  /**
   * Every place in the body that may name a model besides `model` itself: `["svg", "model"]` of images (in a form
   * the field `svg[model]`), `*` for list elements. Each needs its own grant.
   */
  readonly modelRefs: readonly PickPath[] | "none";
  /** What of a body uses a model that it does not name. Absent: nothing does. */
  readonly leftModels?: LeftModels;
  /** The reply lists objects of this kind, of all rooms, and is narrowed to those of the caller's room. */
  readonly lists: ObjectKind | "none";
  /** Links in the reply (in each entry of a list) that lead back to the provider's API. Absent: none. */
  readonly ownUrls?: readonly PickPath[];
  /** The form may bring a file of batch requests, which is read line by line on its way. Absent: it cannot. */
  readonly batchFile?: BatchFilePlaces;
  /** What the request refers to brings its own models: a batch its file's, a remix its video's. */
  readonly takesModelsOf?: ObjectKind;
}

/** Models that a request uses and does not name: whether a token covers them is not known beforehand. */
export interface LeftModels {
  /** Types of tools whose model the provider chooses where they name none in `model`. */
  readonly tools: readonly string[];
  /** Top-level members that name something kept at the provider, which may bring models of its own. */
  readonly members: readonly string[];
}

/** Where each line of a file of batch requests names models and stored objects, below its `body`. */
export interface BatchFilePlaces {
  /** The form's field with the file. */
  readonly field: string;
  /** The form's field, and its value, that make it a file of batch requests. */
  readonly purpose: readonly [field: string, value: string];
  readonly models: readonly PickPath[];
  /** As `OfferedEndpoint.leftModels`. */
  readonly leftModels: LeftModels;
  readonly references: readonly ReferencePlace[];
}

/** A path that is known and refused: `not_supported` (501), or `websocket` (426 for an upgrade, 501 otherwise). */
export interface RefusedEndpoint {
  readonly offer: "not_supported" | "websocket";
  readonly name: string;
  /** `*` for every method. */
  readonly method: string;
  /** As above; a last segment `{rest*}` takes any number of segments, also none. */
  readonly path: string;
}

export type Endpoint = OfferedEndpoint | RefusedEndpoint;

/** A reply that the gateway makes itself. */
export interface OwnReply {
  readonly status: number;
  readonly headers: HeaderLines;
  readonly body: string;
}

/** Finds where a body asks for usage in its stream; null when it asks itself or does not stream. */
export type PlanIncludeUsage = (picks: readonly Picked[]) => BodyEdit | null;

/**
 * Takes out of a stream what is in it only because the gateway asked for usage. Gives the bytes that can go
 * on now, null for none.
 */
export interface UsageFilter {
  push(chunk: Uint8Array): Uint8Array | null;
  end(): Uint8Array | null;
}

/** How a dialect's streams are made to tell their usage where the caller did not ask (contract 2). */
export interface UsageInjection {
  readonly plan: PlanIncludeUsage;
  readonly createFilter: () => UsageFilter;
}

/** What tells who asks for a model list. */
export interface CatalogueRequest {
  /** With the `?`, or "". */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
}

export interface CatalogueContext {
  readonly provider: Pick<Provider, "displayName" | "modelLimits" | "modelTraits">;
  /** Whether the token may use a model. */
  isGranted(model: string): boolean;
}

/** Gives a narrowed model list with what a client wants to know besides; the list itself is not changed. */
export type AddCatalogue = (list: unknown, context: CatalogueContext) => unknown;

export interface Dialect {
  readonly name: DialectName;
  /** Path prefixes whose rest is an endpoint path, such as `/openai/v1`. */
  readonly mounts: readonly string[];
  /** `GET` here answers 200 and a line that says what this is; `HEAD` on anything below answers 200. */
  readonly baseUrlPaths: readonly string[];
  /** First match wins; offered rows stand before refused ones of the same path. */
  readonly endpoints: readonly Endpoint[];
  /** How the usage of each kind of object that bills later is collected. */
  readonly collecting: readonly Collecting[];
  /** The header that carries a reply's request id: `x-request-id`, `request-id`. */
  readonly requestIdHeader: string;
  /** null for a dialect whose streams always tell. */
  readonly usageInjection: UsageInjection | null;
  /** A model list with only the models for which `isKept` holds; what is no model list comes back as it is. */
  narrowModelList(reply: unknown, isKept: (model: string) => boolean): unknown;
  /** For a client that reads more than the list; null for any other. Absent: there is no such client. */
  readonly findCatalogue?: (request: CatalogueRequest) => AddCatalogue | null;
  renderError(error: GatewayError, requestId: string): OwnReply;
  /**
   * The bytes that tell a caller, inside a stream that has begun, why it ends; null where the endpoint has
   * no such form.
   */
  renderStreamError(error: GatewayError, endpointName: string, requestId: string): string | null;
}
