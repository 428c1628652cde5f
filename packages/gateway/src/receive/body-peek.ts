/**
 * Chooses how a body is looked into, by what its endpoint takes and its content type: as JSON, or as a form.
 *
 * A provider's parser decides for itself what it reads, so a body that could be read two ways is refused, and
 * an odd content type on an endpoint of JSON is no way around the peek.
 */

import type { BatchFilePlaces, OfferedEndpoint, ReferencePlace } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";
import { mediaTypeOf } from "../headers.ts";
import {
  createJsonPicker,
  type JsonPicker,
  type JsonPickerOptions,
  type Picked,
  type PickPath,
} from "../json-pick.ts";
import { KnownNames, type SeenNames } from "../json-names.ts";
import { createFormPeek } from "./form.ts";
import { BatchLines, type ReadBatchFile } from "./batch-lines.ts";
import { nestedNames } from "./references.ts";
import { type FileWatch, type FormPeek, type GivenField, headerParameters } from "./form-field.ts";

/** What a body holds of the fields that were looked for. */
export interface PeekedBody {
  /** Every occurrence of a top-level field, in order. */
  readonly given: readonly GivenField[];
  /** Where they stand in a JSON body, nested ones too; [] for a form. */
  readonly picks: readonly Picked[];
}

export interface BodyPeek {
  /** Which names of nested references a JSON body has; null for another body, or where there are none. */
  readonly seen: SeenNames | null;
  /** Throws `invalid_body` as soon as a form is found broken. */
  push(chunk: Uint8Array): void;
  /** Throws `invalid_body` when the body is not what it should be. */
  end(): PeekedBody;
  /**
   * After `end`: what the body has to be given to once more, and tells all that was looked for, where it may hold
   * more than one look tells. null: it is all told.
   */
  again(): BodyPeek | null;
  /** After `end`: what an uploaded file of batch requests names; null when it is none, or not to be read. */
  batchFile(): ReadBatchFile | null;
}

/** A request without a body, or with one that policy has no interest in. */
export const nothingPeeked: PeekedBody = { given: [], picks: [] };

/** Over this a value is none that policy understands. */
const MAX_VALUE_BYTES = 4096;
/** A billed text may be longer: 4096 characters, each an escaped pair of surrogates, are 48 KiB. */
const MAX_BILLED_TEXT_BYTES = 256 * 1024;

/** A message batch names a model for each of up to 100 000 requests, and their tools may name more. */
const MAX_FOUND_IN_BATCH = 500_000;

/** `contentTypes` are the values of every `content-type` line. Throws `invalid_body` for one that does not fit. */
export function createBodyPeek(endpoint: OfferedEndpoint, contentTypes: readonly string[]): BodyPeek {
  const { policy } = endpoint;
  if (!isOfInterest(endpoint))
    return {
      seen: null,
      push: () => undefined,
      end: () => nothingPeeked,
      again: () => null,
      batchFile: () => null,
    };
  const contentType = contentTypes[0] ?? "";
  if (contentTypes.some((other) => other !== contentType))
    throw invalid("The request has two content types. Send one.");
  const mediaType = mediaTypeOf(contentType);
  const takesForm = policy.modelIn.includes("form");
  const lines = endpoint.batchFile === undefined ? null : new BatchLines(endpoint.batchFile);
  const file = lines === null ? null : fileWatch(lines, endpoint.batchFile?.field ?? "");
  const form = takesForm ? createFormPeek(contentType, new Set(formNamesOf(endpoint)), file) : null;
  if (form !== null) return new FormBodyPeek(form, lines, endpoint.batchFile);
  if (takesForm && !policy.modelIn.includes("json")) {
    throw invalid("This endpoint takes a form. Send `content-type: multipart/form-data`.");
  }
  if (mediaType.startsWith("multipart/")) {
    throw invalid("This endpoint takes JSON, not a form. Send `content-type: application/json`.");
  }
  refuseOtherCharset(contentType);
  return new JsonPeek(planOf(endpoint));
}

/** Also a body without a policy field is looked into where it may name kept objects or further models. */
function isOfInterest({ policy, refersTo, modelRefs }: OfferedEndpoint): boolean {
  const isModelInBody = policy.modelIn.includes("json") || policy.modelIn.includes("form");
  const hasFields = policy.fields.length > 0 || policy.notOfferedFields.length > 0;
  const hasReferences = refersTo !== "none" && refersTo.some((place) => isInBody(place));
  return isModelInBody || hasFields || hasReferences || modelRefs !== "none";
}

function isInBody({ in: place }: ReferencePlace): boolean {
  return place !== "path" && place !== "query";
}

function namesOf({ policy, refersTo }: OfferedEndpoint): readonly string[] {
  const references = refersTo === "none" ? [] : refersTo;
  const members = references.filter((place) => place.in === "member" || place.in === "form");
  const billed = policy.billedText === undefined ? [] : [policy.billedText];
  const fields = [...policy.fields, ...policy.notOfferedFields, ...billed];
  return ["model", ...fields, ...members.map(({ name }) => name)];
}

/** A form has nested members by names such as `svg[model]`; the member itself is looked for to be refused. */
function formNamesOf(endpoint: OfferedEndpoint): readonly string[] {
  const models = endpoint.modelRefs === "none" ? [] : endpoint.modelRefs;
  const nested = models.flatMap((path) => [path[0] ?? "", formNameOf(path)]);
  return [...namesOf(endpoint), ...nested];
}

/** The name under which a form gives a nested member. */
export function formNameOf(path: PickPath): string {
  const known = formNames.get(path);
  if (known !== undefined) return known;
  const [first = "", ...rest] = path;
  const name = first + rest.map((step) => `[${step}]`).join("");
  formNames.set(path, name);
  return name;
}

/** Paths are constants of their endpoint and are asked for at every request. */
const formNames = new WeakMap<PickPath, string>();

/** How a JSON body of an endpoint is looked into. */
interface JsonPlan {
  /** What is looked for at first: most bodies have nothing of the rest. */
  readonly first: readonly PickPath[];
  readonly all: readonly PickPath[];
  /** What tells whether there is more to look for. */
  readonly names: KnownNames | null;
  /** The paths of `all` that are not in `first`. */
  readonly deep: readonly PickPath[];
  readonly options: JsonPickerOptions;
}

/** They are asked for at every request, and the picker prepares each list of paths once. */
const plans = new WeakMap<OfferedEndpoint, JsonPlan>();

function planOf(endpoint: OfferedEndpoint): JsonPlan {
  const known = plans.get(endpoint);
  if (known !== undefined) return known;
  const models = endpoint.modelRefs === "none" ? [] : endpoint.modelRefs;
  const names = new Set(namesOf(endpoint));
  if (endpoint.needsIncludeUsage) names.add("stream").add("stream_options");
  const paths: PickPath[] = Array.from(names, (name) => [name]);
  if (endpoint.needsIncludeUsage) paths.push(["stream_options", "include_usage"]);
  const isBatch = models.some(([first]) => first === "requests");
  // A batch has what it is made for in its depth.
  const deep = isBatch ? [] : models.filter((path) => path.includes("*"));
  const all = [...paths, ...models];
  const lookedOutFor = [...nestedNames(endpoint.refersTo), ...deep.flat().filter((step) => step !== "*")];
  const plan: JsonPlan = {
    first: deep.length === 0 ? all : all.filter((path) => !deep.includes(path)),
    all,
    names: lookedOutFor.length === 0 ? null : new KnownNames([...new Set(lookedOutFor)]),
    deep,
    options: {
      maxValueBytes: endpoint.policy.billedText === undefined ? MAX_VALUE_BYTES : MAX_BILLED_TEXT_BYTES,
      ...(isBatch ? { maxFound: MAX_FOUND_IN_BATCH } : {}),
    },
  };
  plans.set(endpoint, plan);
  return plan;
}

/** Every member on the path may be there, at its depth. */
function mayHold(seen: SeenNames, path: PickPath): boolean {
  return path.every((step, at) => step === "*" || seen.has(step, at + 1));
}

/** In UTF-7 or UTF-16 the same bytes would be another text, to a parser that believes the header. */
function refuseOtherCharset(contentType: string): void {
  let charsets: readonly string[] = [];
  try {
    charsets = headerParameters(contentType).flatMap(([name, value]) => (name === "charset" ? [value] : []));
  } catch {
    if (/charset/i.test(contentType))
      throw invalid("The content type is malformed. Send `content-type: application/json`.");
  }
  if (charsets.some((charset) => !/^(utf-?8|us-ascii|iso-8859-1)$/i.test(charset))) {
    throw invalid("JSON is UTF-8 (RFC 8259). Send `content-type: application/json` without another charset.");
  }
}

function fileWatch(lines: BatchLines, field: string): FileWatch {
  return { field, push: (content) => lines.push(content), spoil: () => lines.spoil() };
}

class FormBodyPeek implements BodyPeek {
  readonly seen = null;
  readonly #form: FormPeek;
  readonly #lines: BatchLines | null;
  readonly #places: BatchFilePlaces | undefined;
  #isBatch = false;

  constructor(form: FormPeek, lines: BatchLines | null, places: BatchFilePlaces | undefined) {
    this.#form = form;
    this.#lines = lines;
    this.#places = places;
  }

  push(chunk: Uint8Array): void {
    this.#form.push(chunk);
  }

  end(): PeekedBody {
    const given = this.#form.end();
    const [field, value] = this.#places?.purpose ?? [];
    this.#isBatch = given.some((each) => each.name === field && each.value === value);
    return { given, picks: [] };
  }

  again(): null {
    return null;
  }

  batchFile(): ReadBatchFile | null {
    return this.#isBatch ? (this.#lines?.end() ?? null) : null;
  }
}

class JsonPeek implements BodyPeek {
  readonly #plan: JsonPlan;
  readonly #isAgain: boolean;
  readonly #picker: JsonPicker;
  /** The first byte that is no white space; -1 before it came. */
  #firstByte = -1;

  constructor(plan: JsonPlan, isAgain = false) {
    const { names, options } = plan;
    this.#plan = plan;
    this.#isAgain = isAgain;
    this.#picker = createJsonPicker(
      isAgain ? plan.all : plan.first,
      isAgain || names === null ? options : { ...options, names },
    );
  }

  get seen(): SeenNames | null {
    return this.#picker.seen;
  }

  again(): BodyPeek | null {
    const { seen } = this.#picker;
    if (this.#isAgain || seen === null || !this.#plan.deep.some((path) => mayHold(seen, path))) return null;
    return new JsonPeek(this.#plan, true);
  }

  batchFile(): null {
    return null;
  }

  push(chunk: Uint8Array): void {
    if (this.#firstByte === -1) this.#firstByte = chunk.find((byte) => byte > 0x20) ?? -1;
    this.#picker.push(chunk);
  }

  end(): PeekedBody {
    const { found, malformed } = this.#picker.end();
    if (malformed !== null)
      throw invalid(`The request body is no valid JSON: ${malformed}. Send one JSON object.`);
    if (this.#firstByte !== 0x7b)
      throw invalid("The request body is JSON but no object. Send one JSON object.");
    const given = found.flatMap(({ path, value }): readonly GivenField[] =>
      path.length === 1 ? [{ place: "json", name: path[0] ?? "", value }] : [],
    );
    return { given, picks: found };
  }
}

function invalid(message: string): GatewayError {
  return new GatewayError("invalid_body", message);
}
