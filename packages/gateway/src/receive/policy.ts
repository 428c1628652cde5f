/**
 * What policy needs to know of a request, out of every place that can say it: body, form, query and path. A
 * field that is said twice is refused, because the provider's parser may believe the other one.
 */

import { GatewayError } from "../errors.ts";
import type { Authenticated, PolicyFields } from "../exchange.ts";
import type { Picked, PickPath } from "../json-pick.ts";
import { formNameOf, type PeekedBody } from "./body-peek.ts";
import type { GivenField } from "./form-field.ts";

/** Longer than any model's name, and short enough for a row. */
const MAX_MODEL_LENGTH = 256;

const outputLimitNames = [
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "max_tokens_to_sample",
] as const;

/** Throws `invalid_body` or `not_supported`, naming the field. */
export function parsePolicy(authenticated: Authenticated, body: PeekedBody): PolicyFields {
  const { endpoint, dialect } = authenticated;
  refuseRepeats(body);
  for (const name of endpoint.policy.notOfferedFields) refuseGiven(single(body, name));
  for (const name of endpoint.policy.notOfferedQuery ?? []) refuseInQuery(authenticated.call.query, name);
  const plan = endpoint.needsIncludeUsage ? dialect.usageInjection?.plan : undefined;
  const model = modelOf(authenticated, body);
  const models = otherModelsOf(authenticated, body);
  // Where the request may name one and does not, the provider chooses.
  const isChosen = model === "" && endpoint.usageReader !== null && endpoint.policy.modelIn.length > 0;
  return {
    model,
    // Speech has a format of its stream where others have a switch.
    isStream: streamOf(single(body, "stream")) || single(body, "stream_format")?.value === "sse",
    requestedTier: tierOf(single(body, "service_tier")),
    maxOutputTokens: smallestLimit(body),
    inputCharacters: charactersOf(endpoint.policy.billedText, body),
    includeUsage: plan === undefined ? null : plan(body.picks),
    otherModels: models.otherModels,
    hasUnknownModel: models.hasUnknownModel || isChosen,
    isStored: truthOf(single(body, "store")),
    isBackground: truthOf(single(body, "background")) === true,
    isThread: (single(body, "thread")?.value ?? null) !== null,
  };
}

function single(body: PeekedBody, name: string): GivenField | undefined {
  return body.given.find((field) => field.name === name);
}

/** Only fields that policy reads were looked for, so each of them counts. */
function refuseRepeats(body: PeekedBody): void {
  const nested = body.picks.filter(({ path }) => path.length > 1).map(nestedName);
  const seen = new Set<string>();
  for (const name of [...body.given.map((field) => field.name), ...nested]) {
    if (seen.has(name)) throw invalid(name, `The request gives \`${name}\` twice. Give it once.`);
    seen.add(name);
  }
}

/** As a person would write it: `svg.model`, `tools[2].model`. */
function nestedName({ path, indexes }: Picked): string {
  const [first = "", ...rest] = path;
  let depth = 0;
  return first + rest.map((step) => (step === "*" ? `[${indexes[depth++]}]` : `.${step}`)).join("");
}

function refuseGiven(field: GivenField | undefined): void {
  if (field === undefined || field.value === null || field.value === false) return;
  if (field.place === "form" && (field.value === "" || field.value === "false")) return;
  throw new GatewayError(
    "not_supported",
    `This gateway does not offer \`${field.name}\` yet, because what the provider keeps would be shared by all rooms. Send the request without it.`,
    { param: field.name },
  );
}

function refuseInQuery(query: string, name: string): void {
  if (!new URLSearchParams(query).has(name)) return;
  throw new GatewayError(
    "not_supported",
    `This gateway does not offer \`${name}\` in the query yet, because what the provider keeps would be shared by all rooms.`,
    { param: name },
  );
}

function streamOf(field: GivenField | undefined): boolean {
  if (field === undefined || field.value === null) return false;
  if (field.place === "form")
    return field.value === "1" || (typeof field.value === "string" && /^true$/i.test(field.value));
  if (typeof field.value === "boolean") return field.value;
  throw invalid("stream", "`stream` must be true or false.");
}

function tierOf(field: GivenField | undefined): string | null {
  if (field === undefined || field.value === null) return null;
  if (typeof field.value === "string" && field.value.length <= 64) return field.value;
  throw invalid("service_tier", "`service_tier` must be the name of a tier.");
}

function smallestLimit(body: PeekedBody): number | null {
  const limits = outputLimitNames
    .map((name) => single(body, name)?.value)
    .filter((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
  return limits.length === 0 ? null : Math.min(...limits);
}

function modelOf(authenticated: Authenticated, body: PeekedBody): string {
  const { endpoint, call, ids } = authenticated;
  const { modelIn, isModelRequired } = endpoint.policy;
  const named: string[] = [];
  if (modelIn.includes("path") && ids["model"] !== undefined) named.push(ids["model"]);
  if (modelIn.includes("query")) named.push(...queryModels(call.query));
  const field = single(body, "model");
  if (field !== undefined && field.value !== null && modelIn.includes(field.place)) {
    if (typeof field.value !== "string") throw invalid("model", "`model` must be the name of a model.");
    named.push(field.value);
  }
  const [model, ...others] = named;
  if (others.some((other) => other !== model))
    throw invalid("model", "The request names two different models. Name one.");
  if (model === undefined && !isModelRequired) return "";
  if (model === undefined || model === "") throw invalid("model", "The request names no model. Add `model`.");
  return checkedModel(model, "model");
}

function checkedModel(model: string, param: string): string {
  if (model.length <= MAX_MODEL_LENGTH && !/\p{Cc}/u.test(model) && model.isWellFormed()) return model;
  throw invalid(param, `\`${param}\` is not the name of a model.`);
}

/** Each place that may name one, as often as it does; a text where models are listed leaves the choice upstream. */
function otherModelsOf(
  { endpoint }: Authenticated,
  body: PeekedBody,
): Pick<PolicyFields, "otherModels" | "hasUnknownModel"> {
  const named = new Set<string>();
  let hasUnknownModel = false;
  for (const path of endpoint.modelRefs === "none" ? [] : endpoint.modelRefs) {
    for (const [name, value] of namedAt(body, path)) {
      if (value === null || value === "") continue;
      if (path.at(-1) !== "model") hasUnknownModel ||= typeof value === "string";
      else if (typeof value === "string") named.add(checkedModel(value, name));
      else throw invalid(name, `\`${name}\` must be the name of a model.`);
    }
  }
  return { otherModels: [...named], hasUnknownModel };
}

/** What stands there, with its name for a person. */
function namedAt(body: PeekedBody, path: PickPath): readonly (readonly [name: string, value: unknown])[] {
  const field = formNameOf(path);
  const whole = body.given.find(({ place, name }) => place === "form" && name === path[0]);
  if (whole !== undefined)
    throw invalid(whole.name, `A form gives the members of \`${whole.name}\` one by one: \`${field}\`.`);
  return [
    ...body.picks
      .filter((picked) => picked.path === path)
      .map((picked) => [nestedName(picked), picked.value] as const),
    ...body.given
      .filter(({ place, name }) => place === "form" && name === field)
      .map(({ name, value }) => [name, value] as const),
  ];
}

/** null when it is not given. Strict, because a provider may read more for a truth value than this gateway does. */
function truthOf(field: GivenField | undefined): boolean | null {
  if (field === undefined || field.value === null) return null;
  if (typeof field.value === "boolean") return field.value;
  if (field.place === "form" && ["true", "false", ""].some((text) => text === field.value))
    return field.value === "true";
  throw invalid(field.name, `\`${field.name}\` must be true or false.`);
}

/** Providers count characters as code points, not as UTF-16 units. */
function charactersOf(name: string | undefined, body: PeekedBody): number | null {
  const text = name === undefined ? undefined : single(body, name)?.value;
  if (typeof text !== "string") return null;
  const pairs = text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0;
  return text.length - pairs;
}

function queryModels(query: string): readonly string[] {
  const models = new URLSearchParams(query).getAll("model");
  if (models.length > 1) throw invalid("model", "The query gives `model` twice. Give it once.");
  return models;
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_body", message, { param });
}
