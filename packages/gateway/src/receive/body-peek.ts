/** Chooses how a body is looked into, by its content type: as JSON, or as a form where the endpoint takes one. */

import type { EndpointPolicy } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";
import { createJsonPicker, type Picked, type PickPath } from "../json-pick.ts";
import { createFormPeek, type FormField } from "./form.ts";

/** What a body holds of the fields that were looked for; null for the kind of body that it is not. */
export interface PeekedBody {
  readonly json: readonly Picked[] | null;
  readonly form: readonly FormField[] | null;
}

export interface BodyPeek {
  push(chunk: Uint8Array): void;
  /** Throws `invalid_body` when the body is not what its content type says. */
  end(): PeekedBody;
}

export interface BodyPeekOptions {
  /** Without parameters, lower case. */
  readonly mediaType: string;
  readonly contentType: string;
  readonly needsIncludeUsage: boolean;
}

const formTypes: ReadonlySet<string> = new Set(["multipart/form-data", "application/x-www-form-urlencoded"]);

export function createBodyPeek(policy: EndpointPolicy, options: BodyPeekOptions): BodyPeek {
  const names = ["model", ...policy.fields, ...policy.notOfferedFields];
  if (policy.modelIn.includes("form") && formTypes.has(options.mediaType)) {
    const form = createFormPeek(options.contentType, names);
    return { push: (chunk) => form.push(chunk), end: () => ({ json: null, form: form.end() }) };
  }
  // Whatever else the content type says, the provider will read JSON: so does the peek. curl says "form" by default.
  if (options.mediaType === "multipart/form-data") {
    throw new GatewayError("invalid_body", "This endpoint takes JSON, not a form. Send `content-type: application/json`.");
  }
  const picker = createJsonPicker(pathsOf(names, options.needsIncludeUsage), { maxValueBytes: 4096 });
  return { push: (chunk) => picker.push(chunk), end: () => ({ json: checked(picker.end()), form: null }) };
}

function pathsOf(names: readonly string[], needsIncludeUsage: boolean): readonly PickPath[] {
  const paths: PickPath[] = [...new Set(names)].map((name) => [name]);
  return needsIncludeUsage ? [...paths, ["stream_options", "include_usage"]] : paths;
}

function checked(result: { readonly found: readonly Picked[]; readonly malformed: string | null }): readonly Picked[] {
  if (result.malformed === null) return result.found;
  throw new GatewayError("invalid_body", `The request body is no valid JSON: ${result.malformed}. Send a JSON object.`);
}
