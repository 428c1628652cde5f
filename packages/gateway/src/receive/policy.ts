/**
 * What policy needs to know of a request, out of every place that can say it: body, form, query and path. A field
 * that is said twice is refused, because the provider's parser may believe the other one.
 */

import { GatewayError } from "../errors.ts";
import type { Authenticated, PolicyFields } from "../exchange.ts";
import type { Picked } from "../json-pick.ts";
import type { PeekedBody } from "./body-peek.ts";

/** Longer than any model's name, and short enough for a row. */
const maxModelLength = 256;

/** Throws `invalid_body` naming the field, or `not_supported`. */
export function parsePolicy(authenticated: Authenticated, body: PeekedBody): PolicyFields {
  const { endpoint, dialect } = authenticated;
  const fields = new Fields(authenticated, body);
  for (const name of endpoint.policy.notOfferedFields) refuseField(name, fields.single(name));
  const stream = fields.single("stream");
  const isForm = body.form !== null;
  if (stream !== undefined && stream !== null && typeof stream !== "boolean" && !isForm) {
    throw invalid("stream", "`stream` must be true or false.");
  }
  const tier = fields.single("service_tier");
  fields.single("stream_options");
  fields.refuseRepeats(["stream_options", "include_usage"]);
  const plan = endpoint.needsIncludeUsage ? dialect.usageInjection?.plan : undefined;
  return {
    model: modelOf(authenticated, fields),
    isStream: stream === true || (isForm && stream === "true"),
    requestedTier: typeof tier === "string" ? tier.slice(0, 64) : null,
    maxOutputTokens: smallest(
      ["max_tokens", "max_completion_tokens", "max_output_tokens"].map((name) => fields.single(name)),
    ),
    includeUsage: plan === undefined || body.json === null ? null : plan(body.json),
  };
}

/** The values of one request's fields, by where they stand. */
class Fields {
  readonly #json: readonly Picked[];
  readonly #form: readonly { readonly name: string; readonly value: string }[];

  constructor(authenticated: Authenticated, body: PeekedBody) {
    this.#json = body.json ?? [];
    this.#form = body.form ?? [];
    if (body.json !== null && authenticated.endpoint.method === "POST") this.refuseRepeats(["model"]);
  }

  /** undefined when the body does not have it. Throws when it has it twice. */
  single(name: string): unknown {
    this.refuseRepeats([name]);
    const picked = this.#json.find((each) => each.path.length === 1 && each.path[0] === name);
    if (picked !== undefined) return picked.value;
    return this.#form.find((field) => field.name === name)?.value;
  }

  refuseRepeats(path: readonly string[]): void {
    const inJson = this.#json.filter(
      (each) => each.path.length === path.length && path.every((name, index) => each.path[index] === name),
    );
    const inForm = path.length === 1 ? this.#form.filter((field) => field.name === path[0]) : [];
    if (inJson.length + inForm.length <= 1) return;
    throw invalid(path.join("."), `\`${path.join(".")}\` is given twice. Send it once.`);
  }

  has(name: string): boolean {
    return this.#json.some((each) => each.path.length === 1 && each.path[0] === name) || this.#form.some((field) => field.name === name);
  }
}

function modelOf(authenticated: Authenticated, fields: Fields): string {
  const { endpoint, call, ids } = authenticated;
  const { modelIn, isModelRequired } = endpoint.policy;
  const named: string[] = [];
  if (modelIn.includes("path") && ids["model"] !== undefined) named.push(ids["model"]);
  if (modelIn.includes("query")) named.push(...queryModels(call.query));
  if ((modelIn.includes("json") || modelIn.includes("form")) && fields.has("model")) {
    const model = fields.single("model");
    if (typeof model !== "string") throw invalid("model", "`model` must be the name of a model.");
    named.push(model);
  }
  const [model, ...others] = named;
  if (others.some((other) => other !== model)) {
    throw invalid("model", "The request names two different models. Name one.");
  }
  if (model === undefined || model === "") {
    if (!isModelRequired) return "";
    throw invalid("model", "The request names no model. Add `model`.");
  }
  // eslint-disable-next-line no-control-regex -- a name with control characters is not one
  if (model.length > maxModelLength || /[\u0000-\u001f\u007f]/.test(model)) {
    throw invalid("model", "`model` is not the name of a model.");
  }
  return model;
}

function queryModels(query: string): readonly string[] {
  const models = new URLSearchParams(query).getAll("model");
  if (models.length > 1) throw invalid("model", "`model` is given twice in the query. Send it once.");
  return models;
}

function refuseField(name: string, value: unknown): void {
  if (value === undefined || value === null || value === false || value === "") return;
  throw new GatewayError(
    "not_supported",
    `This gateway does not offer \`${name}\` yet, because what the provider keeps would be shared by all rooms. Send the request without it.`,
    { param: name },
  );
}

function smallest(values: readonly unknown[]): number | null {
  const limits = values.filter((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
  return limits.length === 0 ? null : Math.min(...limits);
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_body", message, { param });
}
