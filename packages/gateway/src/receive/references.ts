/**
 * Finds every provider-side object that a request names: in its path and query, in top-level members, and, in
 * bodies that can hold such a name at all, at any depth. What cannot be read in one way alone is refused.
 */

import { parseStrictJson, StrictJsonError } from "@meshagent/llm-proxy-protocol/strict-json";
import type { OfferedEndpoint, ReferencePlace } from "../dialects/dialect.ts";
import { GatewayError } from "../errors.ts";
import type { Matched } from "../exchange.ts";
import type { ObjectReference } from "../provider-objects.ts";
import type { PeekedBody } from "./body-peek.ts";
import { needlePattern, type NeedlePattern, Needles } from "./needles.ts";

/** Longer than any provider's id, and short enough for a row. */
const MAX_ID_LENGTH = 512;

/** More of them in one request are refused: each is looked up. */
const MAX_REFERENCES = 10_000;

/** What the path and the query name. Throws `invalid_body` for a cursor given twice. */
export function addressReferences({ endpoint, ids, call }: Matched): readonly ObjectReference[] {
  if (endpoint.refersTo === "none") return [];
  const query = new URLSearchParams(call.query);
  return endpoint.refersTo.flatMap((place): ObjectReference[] => {
    if (place.in === "path") return [{ kind: place.kind, id: ids[place.name] ?? "", param: "" }];
    if (place.in !== "query") return [];
    const given = query.getAll(place.name);
    if (given.length > 1) throw invalid(place.name, `The query gives \`${place.name}\` twice. Give it once.`);
    return given.filter((id) => id !== "").map((id) => ({ kind: place.kind, id, param: place.name }));
  });
}

/** What top-level members and form fields name. Throws `invalid_body` for one that is no id. */
export function memberReferences(endpoint: OfferedEndpoint, body: PeekedBody): readonly ObjectReference[] {
  if (endpoint.refersTo === "none") return [];
  return endpoint.refersTo.flatMap((place) => {
    if (place.in !== "member" && place.in !== "form") return [];
    return body.given
      .filter(({ name, value }) => name === place.name && value !== null)
      .flatMap(({ value }) => {
        const id = idOf(value);
        if (id === null) throw invalid(place.name, `\`${place.name}\` must be an id.`);
        return [{ kind: place.kind, id, param: place.name }];
      });
  });
}

const patterns = new WeakMap<readonly ReferencePlace[], NeedlePattern | "none">();

/** Watches a JSON body for names that would have to be looked for at any depth; null where there are none. */
export function needlesFor(places: OfferedEndpoint["refersTo"]): Needles | null {
  if (places === "none") return null;
  let pattern = patterns.get(places);
  if (pattern === undefined) {
    const names = places.flatMap((place) =>
      place.in === "anywhere" ? [place.name] : place.in === "items" ? ["id"] : [],
    );
    pattern = names.length === 0 ? "none" : needlePattern(names);
    patterns.set(places, pattern);
  }
  return pattern === "none" ? null : new Needles(pattern);
}

/** What the whole body names below its top level. Throws `invalid_body` for JSON that two parsers may read in two ways. */
export function nestedReferences(
  places: readonly ReferencePlace[],
  bytes: Uint8Array,
): readonly ObjectReference[] {
  let body: unknown;
  try {
    body = parseStrictJson(bytes);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw new GatewayError("invalid_body", `The request body ${error.message}. Send one JSON object.`, {
      cause: error,
    });
  }
  return referencesIn(places, body);
}

/** What a parsed body names, top-level members included. */
export function referencesIn(places: readonly ReferencePlace[], body: unknown): readonly ObjectReference[] {
  const found = new Map<string, ObjectReference>();
  const add = (reference: ObjectReference): void => {
    found.set(`${reference.kind} ${reference.id}`, reference);
    if (found.size > MAX_REFERENCES) {
      throw invalid(reference.param, `The request names over ${MAX_REFERENCES} stored objects. Name fewer.`);
    }
  };
  for (const place of places) {
    if (place.in === "items")
      for (const id of itemIds(memberOf(body, place.name))) add({ kind: "item", id, param: place.name });
    if (place.in !== "member") continue;
    const id = idOf(memberOf(body, place.name));
    if (id !== null) add({ kind: place.kind, id, param: place.name });
  }
  const anywhere = new Map(places.flatMap((place) => (place.in === "anywhere" ? [[place.name, place]] : [])));
  walkBody(body, (name, value) => {
    const place = anywhere.get(name);
    if (place === undefined) return;
    for (const each of Array.isArray(value) ? value : [value]) {
      const id = idOf(each);
      if (id !== null) add({ kind: place.kind, id, param: name });
    }
  });
  return [...found.values()];
}

/** Items that the provider fills from what it keeps unless they bring this member. */
const fillings: Readonly<Record<string, string>> = {
  reasoning: "encrypted_content",
  image_generation_call: "result",
  compaction: "encrypted_content",
};

/**
 * Elements that stand for an item kept upstream: `item_reference`, a bare id, and reasoning or images without
 * their content. Every other element brings its own, and its id is only a label.
 */
function itemIds(items: unknown): readonly string[] {
  if (!Array.isArray(items)) return [];
  return items.flatMap((item): string[] => {
    const id = memberOf(item, "id");
    if (typeof id !== "string" || id === "") return [];
    const type = memberOf(item, "type") ?? null;
    const isBare = type === null && memberOf(item, "content") === undefined;
    const filling = typeof type === "string" ? fillings[type] : undefined;
    const isUnfilled = filling !== undefined && typeof memberOf(item, filling) !== "string";
    return type === "item_reference" || isBare || isUnfilled ? [id] : [];
  });
}

/** Top-level members that hold the caller's own data, or a form for the answer, and never an object. */
const opaqueMembers: ReadonlySet<string> = new Set([
  "metadata",
  "text",
  "response_format",
  "output_config",
  "output_format",
]);

/** Members of a tool that describe its arguments: a schema may well have a property called `file_id`. */
const schemaMembers: ReadonlySet<string> = new Set([
  "parameters",
  "input_schema",
  "output_schema",
  "input_examples",
  "function",
  "custom",
]);

type OnMember = (name: string, value: unknown) => void;

/** Tells of every member at any depth, but for data in which the provider looks for no object. */
function walkBody(body: unknown, onMember: OnMember): void {
  if (!isObject(body)) return;
  for (const [name, value] of Object.entries(body)) {
    onMember(name, value);
    if (opaqueMembers.has(name)) continue;
    if (name === "requests" && Array.isArray(value)) {
      for (const request of value) walkBody(memberOf(request, "params"), onMember);
    } else if (name === "tools" && Array.isArray(value)) {
      for (const tool of value) walkTool(tool, onMember);
    } else walk(value, onMember);
  }
}

function walkTool(tool: unknown, onMember: OnMember): void {
  if (!isObject(tool)) return;
  for (const [name, value] of Object.entries(tool)) {
    if (schemaMembers.has(name)) continue;
    onMember(name, value);
    if (name === "tools" && Array.isArray(value)) for (const nested of value) walkTool(nested, onMember);
    else walk(value, onMember);
  }
}

/** Without recursion: a body may be nested deeply. What a model gave its tool as input is the caller's own data. */
function walk(from: unknown, onMember: OnMember): void {
  const open: unknown[] = [from];
  while (open.length > 0) {
    const value = open.pop();
    if (Array.isArray(value)) for (const element of value) open.push(element);
    if (!isObject(value)) continue;
    const type = value["type"];
    const isToolUse = typeof type === "string" && type.endsWith("tool_use");
    for (const [name, member] of Object.entries(value)) {
      if (isToolUse && name === "input") continue;
      onMember(name, member);
      open.push(member);
    }
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The id that a member gives: itself, or its `id` where it is an object. null for none. */
function idOf(value: unknown): string | null {
  const id = isObject(value) ? value["id"] : value;
  if (typeof id !== "string" || id === "") return null;
  if (id.length > MAX_ID_LENGTH) throw invalid("", "An id in the request is too long to be one.");
  return id;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_body", message, param === "" ? {} : { param });
}
