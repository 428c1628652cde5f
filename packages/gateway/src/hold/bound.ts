/**
 * What a request can take at most: tokens in and out, and the dearest price that it can reach. Under a hard budget
 * what has no bound is refused by name; where only rates or soft budgets cover it, a bound that is missing is no
 * reason to refuse.
 */

import type { IncomingHttpHeaders } from "node:http";
import { dropCacheMarks, type RequestBound } from "../dialects/request-bound.ts";
import type { Routed } from "../exchange.ts";
import type { Ceiling } from "../pricing/ceiling.ts";
import type { Provider } from "../providers/provider.ts";
import type { CoveringLimits } from "./accounts.ts";
import { boundInput, type InputRule } from "./input-bound.ts";
import type { Conversation } from "./known-prefixes.ts";
import type { HoldDeps } from "./hold.ts";
import { parsedBody } from "./parsed-body.ts";
import type { BoundKind } from "./quarantine.ts";
import { unboundable } from "./refusals.ts";

export interface Bounded {
  readonly inputTokens: number;
  /** For each answer. */
  readonly maxOutputTokens: number;
  /** Answers that are billed each; 0 where there is no output. */
  readonly outputs: number;
  readonly feesNanoUsd: number;
  /** null where no budget covers the request, or only soft ones cover one without a bound. */
  readonly ceiling: Ceiling | null;
  /** Its output limit may be lowered. */
  readonly isEditable: boolean;
  /** The member that limits the output, and what it says; null tokens: the request sets none. */
  readonly outputLimit: RequestBound["outputLimit"];
  readonly thinkingTokens: number | null;
  /** The provider tells the whole input before the output: the hold can shrink early. */
  readonly settlesInputEarly: boolean;
  /** null: nothing to remember. */
  readonly conversation: Conversation | null;
  /** What the bounds rest on, to be told where they were wrong; null where nothing was promised. */
  readonly grounds: Grounds | null;
}

export interface Grounds {
  /** A model at an address. */
  readonly subject: string;
  readonly input: BoundKind;
}

/** What counts for rates where a request has no bound that is known. */
const assumedOutputTokens = 4_096;

/** Throws `budget_unboundable`. */
export async function boundRequest(
  deps: HoldDeps,
  routed: Routed,
  covering: CoveringLimits,
): Promise<Bounded> {
  const hard = covering.budgets.find(({ account }) => account.isEnforced);
  const refuse = (what: string, remedy?: string): never => {
    throw unboundable(hard?.definition, what, remedy);
  };
  const read = routed.endpoint.bound;
  const needsBound = hard !== undefined || covering.rates.some(({ measure }) => measure !== "requests");
  const sent = needsBound && read !== undefined ? routed.body : null;
  // Nothing is waited for that is there: each wait costs a small request a part of what its bound does.
  const parsing = sent === null ? null : parsedBody(sent);
  const body = parsing instanceof Promise ? await parsing : parsing;
  if (read === undefined || body === null) {
    if (hard !== undefined) refuse(`a request to ${routed.endpoint.name}`);
    return unbounded(routed);
  }
  if (body.hasRepeats && hard !== undefined) refuse("a body that gives a member twice");
  const { hasLongLifetime } = dropCacheMarks(body.value);
  const bound = read(body.value);
  if (bound.unboundable !== null && hard !== undefined)
    refuse(`a request with ${bound.unboundable}`, bound.remedy);
  const rule = inputRule(routed);
  const subject = subjectOf(routed);
  const looking = deps.quarantine.of(subject);
  const wrong = looking instanceof Promise ? await looking : looking;
  const input = boundInput(bound, rule, {
    prefixes: deps.prefixes,
    bodyBytes: body.bytes,
    hasEscapes: body.hasEscapes,
    wrong,
  });
  if (input.tokens === null && hard !== undefined)
    refuse(
      wrong.size === 0
        ? "a request with files, recordings or references in its input"
        : `a request to the model "${routed.policy.model}", which has used more than its size allows,`,
    );
  const maxOutputTokens = maxOutputOf(bound, rule, wrong);
  if (maxOutputTokens === null && hard !== undefined)
    refuse(`a request to a model without a known output limit and no \`${bound.outputLimit.name}\``);
  const atMs = routed.call.receivedAtMs;
  const { provider, upstream, policy } = routed;
  const model = { provider: provider.name, model: policy.model, atMs };
  const ceiling = deps.prices.ceiling(model, {
    tiers: bound.tiers,
    possibleTiers: bound.possibleTiers,
    speeds: bound.speeds,
    hasLongCacheLifetime: hasLongLifetime || bound.hasLongCacheLifetime,
    hasMediaInput: input.hasMedia,
    hasAudioOutput: bound.hasAudioOutput,
    isRegional: upstream.region !== null,
  });
  const fees = feesOf(deps, routed, bound);
  if (fees === null && hard !== undefined) refuse("a hosted tool without a price");
  if (ceiling === null && hard !== undefined)
    refuse(`a request to the model "${provider.name}/${policy.model}", which has no price here,`);
  return {
    inputTokens: input.tokens ?? Math.ceil((routed.body?.byteLength ?? 0) / 4),
    maxOutputTokens: (maxOutputTokens ?? assumedOutputTokens) * bound.rounds,
    outputs: bound.outputs,
    feesNanoUsd: fees ?? 0,
    ceiling: hard === undefined && bound.unboundable !== null ? null : ceiling,
    isEditable:
      bound.rounds === 1 && bound.outputLimit.isFixed !== true && !wrong.has("output") && mayEdit(covering),
    outputLimit: bound.outputLimit,
    thinkingTokens: bound.thinkingTokens,
    settlesInputEarly: bound.rounds === 1,
    conversation: bound.rounds === 1 && bound.unboundable === null ? input.conversation : null,
    grounds: input.kind === null || bound.unboundable !== null ? null : { subject, input: input.kind },
  };
}

/** Every hard budget has to allow it. */
function mayEdit({ budgets }: CoveringLimits): boolean {
  const enforced = budgets.filter(({ account }) => account.isEnforced);
  return enforced.length > 0 && enforced.every(({ definition }) => definition.mode === "hard");
}

function unbounded(routed: Routed): Bounded {
  return {
    inputTokens: Math.ceil((routed.body?.byteLength ?? 0) / 4),
    maxOutputTokens: routed.policy.maxOutputTokens ?? assumedOutputTokens,
    outputs: 1,
    feesNanoUsd: 0,
    ceiling: null,
    isEditable: false,
    outputLimit: { name: "", tokens: null },
    thinkingTokens: null,
    settlesInputEarly: false,
    conversation: null,
    grounds: null,
  };
}

/** Behind another address another model may answer to the name. */
function subjectOf({ provider, upstream, policy }: Routed): string {
  return `${upstream.origin} ${provider.name}/${policy.model}`;
}

function inputRule({ provider, upstream, policy, endpoint, call }: Routed): InputRule {
  // Behind another address another model may answer to the name.
  const isOwn = upstream.isSimulated || ownOriginOf(provider) === upstream.origin;
  return {
    tokensPerNonAsciiByte: isOwn ? provider.tokensPerNonAsciiByte : 11,
    tokensPerImage: provider.tokensPerImage,
    limits: provider.modelLimits(policy.model),
    // Features that a header turns on change how the same text is counted.
    scope: `${upstream.origin} ${policy.model} ${endpoint.name} ${betas(call.request.headers)}`,
  };
}

function betas(headers: IncomingHttpHeaders): string {
  return `${String(headers["anthropic-beta"] ?? "")} ${String(headers["openai-beta"] ?? "")}`;
}

const ownOrigins = new WeakMap<Provider, string>();

function ownOriginOf(provider: Provider): string {
  const known = ownOrigins.get(provider);
  if (known !== undefined) return known;
  const { origin } = new URL(provider.defaultBaseUrl);
  ownOrigins.set(provider, origin);
  return origin;
}

function maxOutputOf(bound: RequestBound, rule: InputRule, wrong: ReadonlySet<BoundKind>): number | null {
  if (bound.outputs === 0) return 0;
  const most = rule.limits?.maxOutputTokens ?? null;
  return wrong.has("output") ? most : (bound.outputLimit.tokens ?? most);
}

function feesOf(deps: HoldDeps, routed: Routed, bound: RequestBound): number | null {
  if (Object.keys(bound.toolCalls).length === 0) return 0;
  const { provider, policy, upstream } = routed;
  const charge = deps.prices.charge(
    {
      kind: "primary",
      model: policy.model,
      response_id: null,
      service_tier: null,
      source: "bound",
      completeness: "derived",
      billed: true,
      raw: null,
      input_tokens: 0,
      output_tokens: 0,
      ...bound.toolCalls,
    },
    { provider: provider.name, atMs: routed.call.receivedAtMs, upstreamRegion: upstream.region },
  );
  return charge.cost_nano_usd;
}
