/**
 * Chooses how a body is looked into, by what its endpoint takes and its content type: as JSON, or as a form.
 *
 * A provider's parser decides for itself what it reads, so a body that could be read two ways is refused, and
 * an odd content type on an endpoint of JSON is no way around the peek.
 */

import type { EndpointPolicy, OfferedEndpoint } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";
import { mediaTypeOf } from "../headers.ts";
import { createJsonPicker, type JsonPicker, type Picked, type PickPath } from "../json-pick.ts";
import { createFormPeek } from "./form.ts";
import { type GivenField, headerParameters } from "./form-field.ts";

/** What a body holds of the fields that were looked for. */
export interface PeekedBody {
  /** Every occurrence of a top-level field, in order. */
  readonly given: readonly GivenField[];
  /** Where they stand in a JSON body, nested ones too; [] for a form. */
  readonly picks: readonly Picked[];
}

export interface BodyPeek {
  /** Throws `invalid_body` as soon as a form is found broken. */
  push(chunk: Uint8Array): void;
  /** Throws `invalid_body` when the body is not what it should be. */
  end(): PeekedBody;
}

/** A request without a body, or with one that policy has no interest in. */
export const nothingPeeked: PeekedBody = { given: [], picks: [] };

/** Over this a value is none that policy understands. */
const MAX_VALUE_BYTES = 4096;
/** A billed text may be longer: 4096 characters, each an escaped pair of surrogates, are 48 KiB. */
const MAX_BILLED_TEXT_BYTES = 256 * 1024;

/** `contentTypes` are the values of every `content-type` line. Throws `invalid_body` for one that does not fit. */
export function createBodyPeek(endpoint: OfferedEndpoint, contentTypes: readonly string[]): BodyPeek {
  const { policy } = endpoint;
  if (!isOfInterest(policy)) return { push: () => undefined, end: () => nothingPeeked };
  const contentType = contentTypes[0] ?? "";
  if (contentTypes.some((other) => other !== contentType))
    throw invalid("The request has two content types. Send one.");
  const mediaType = mediaTypeOf(contentType);
  const takesForm = policy.modelIn.includes("form");
  const form = takesForm ? createFormPeek(contentType, new Set(formNamesOf(policy))) : null;
  if (form !== null)
    return { push: (chunk) => form.push(chunk), end: () => ({ given: form.end(), picks: [] }) };
  if (takesForm && !policy.modelIn.includes("json")) {
    throw invalid("This endpoint takes a form. Send `content-type: multipart/form-data`.");
  }
  if (mediaType.startsWith("multipart/")) {
    throw invalid("This endpoint takes JSON, not a form. Send `content-type: application/json`.");
  }
  refuseOtherCharset(contentType);
  const maxValueBytes = policy.billedText === undefined ? MAX_VALUE_BYTES : MAX_BILLED_TEXT_BYTES;
  return new JsonPeek(createJsonPicker(pathsOf(endpoint), { maxValueBytes }));
}

function isOfInterest(policy: EndpointPolicy): boolean {
  const isModelInBody = policy.modelIn.includes("json") || policy.modelIn.includes("form");
  return isModelInBody || policy.fields.length > 0 || policy.notOfferedFields.length > 0;
}

function namesOf(policy: EndpointPolicy): readonly string[] {
  const billed = policy.billedText === undefined ? [] : [policy.billedText];
  return ["model", ...policy.fields, ...policy.notOfferedFields, ...billed];
}

/** A form has nested members by names such as `svg[model]`; the member itself is looked for to be refused. */
function formNamesOf(policy: EndpointPolicy): readonly string[] {
  const nested = (policy.otherModels ?? []).flatMap((path) => [path[0] ?? "", formNameOf(path)]);
  return [...namesOf(policy), ...nested];
}

/** The name under which a form gives a nested member. */
export function formNameOf([first = "", ...rest]: PickPath): string {
  return first + rest.map((step) => `[${step}]`).join("");
}

/** An endpoint's paths are asked for at every request, and the picker prepares each list of paths once. */
const pathsByEndpoint = new WeakMap<OfferedEndpoint, readonly PickPath[]>();

function pathsOf(endpoint: OfferedEndpoint): readonly PickPath[] {
  const known = pathsByEndpoint.get(endpoint);
  if (known !== undefined) return known;
  const names = new Set(namesOf(endpoint.policy));
  if (endpoint.needsIncludeUsage) names.add("stream").add("stream_options");
  const paths: PickPath[] = Array.from(names, (name) => [name]);
  if (endpoint.needsIncludeUsage) paths.push(["stream_options", "include_usage"]);
  paths.push(...(endpoint.policy.otherModels ?? []));
  pathsByEndpoint.set(endpoint, paths);
  return paths;
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

class JsonPeek implements BodyPeek {
  readonly #picker: JsonPicker;
  /** The first byte that is no white space; -1 before it came. */
  #firstByte = -1;

  constructor(picker: JsonPicker) {
    this.#picker = picker;
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
