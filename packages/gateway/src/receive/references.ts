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
import { KnownNames, type SeenNames } from "../json-names.ts";
import { isKeptItem, itemsNamed } from "./item-references.ts";

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
export function memberReferences(
  places: OfferedEndpoint["refersTo"],
  body: PeekedBody,
): readonly ObjectReference[] {
  return membersGiven(places, body).flatMap(({ place, value }): ObjectReference[] => {
    const id = idAt(place, value);
    if (id !== null) return [{ kind: place.kind, id, param: place.name }];
    if (mayBeWithout(place, value)) return [];
    throw invalid(place.name, `\`${place.name}\` must be an id.`);
  });
}

/** What is given in top-level members and form fields that name objects. */
export function membersGiven(
  places: OfferedEndpoint["refersTo"],
  { given }: PeekedBody,
): readonly { readonly place: MemberPlace; readonly value: unknown }[] {
  if (places === "none") return [];
  return places
    .filter(isMemberPlace)
    .flatMap((place) =>
      given
        .filter(({ name, value }) => name === place.name && value !== null)
        .map(({ value }) => ({ place, value })),
    );
}

type MemberPlace = Extract<ReferencePlace, { in: "member" | "form" }>;

function isMemberPlace(place: ReferencePlace): place is MemberPlace {
  return place.in === "member" || place.in === "form";
}

/**
 * True when a member names an object by an object: the id may stand in it twice, which only `parsedReferences`
 * finds.
 */
export function namesByObject(places: OfferedEndpoint["refersTo"], body: PeekedBody): boolean {
  return membersGiven(places, body).some(({ place, value }) => {
    const within = withinOf(place);
    return isObject(value) && (within === null || Object.hasOwn(value, within));
  });
}

/** An item's own members stand in the third container: the body, the list, the item. */
const ITEM_DEPTH = 3;

/** Names of members that would have to be looked for below the top level; [] where there are none. */
export function nestedNames(places: OfferedEndpoint["refersTo"]): readonly string[] {
  if (places === "none") return [];
  return places.flatMap((place) =>
    place.in === "anywhere" ? [place.name] : place.in === "items" ? ["id"] : [],
  );
}

const namesByPlaces = new WeakMap<readonly ReferencePlace[], KnownNames>();

/** The same, to look out for in one text. */
export function knownNestedNames(places: readonly ReferencePlace[]): KnownNames {
  const known = namesByPlaces.get(places) ?? new KnownNames(nestedNames(places));
  namesByPlaces.set(places, known);
  return known;
}

/** True when a body with these names may name something below its top level: then `nestedReferences` says what. */
export function mayReferNested(places: OfferedEndpoint["refersTo"], seen: SeenNames | null): boolean {
  if (places === "none" || seen === null) return false;
  return (
    hasAnywhere(places, seen) || (places.some((place) => place.in === "items") && seen.has("id", ITEM_DEPTH))
  );
}

function hasAnywhere(places: readonly ReferencePlace[], seen: SeenNames): boolean {
  return places.some((place) => place.in === "anywhere" && seen.has(place.name));
}

/**
 * What a body names below its top level, of which `mayReferNested` is true. One that only has items with ids, as an
 * agent sends them at every turn, is not parsed for it. Throws as `parsedReferences`.
 */
export function nestedReferences(
  places: readonly ReferencePlace[],
  seen: SeenNames,
  chunks: readonly Uint8Array[],
): readonly ObjectReference[] {
  const lists = places.flatMap((place) => (place.in === "items" ? [place.name] : []));
  const [list] = lists;
  const isPlain = !hasAnywhere(places, seen) && lists.length === 1 && list !== undefined;
  const ids = isPlain ? itemsNamed(list, chunks) : null;
  if (ids === null || list === undefined) return parsedReferences(places, Buffer.concat(chunks));
  const found = new Map(ids.map((id) => [id, { kind: "item" as const, id, param: list }]));
  if (found.size > MAX_REFERENCES) throw tooMany(list);
  return [...found.values()];
}

/** What the whole body names below its top level. Throws `invalid_body` for JSON that two parsers may read in two ways. */
export function parsedReferences(
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
    if (found.size > MAX_REFERENCES) throw tooMany(reference.param);
  };
  for (const place of places) {
    if (place.in === "items")
      for (const id of itemIds(memberOf(body, place.name))) add({ kind: "item", id, param: place.name });
    if (place.in !== "member") continue;
    const id = idAt(place, memberOf(body, place.name));
    if (id !== null) add({ kind: place.kind, id, param: place.name });
  }
  const anywhere = new Map(places.flatMap((place) => (place.in === "anywhere" ? [[place.name, place]] : [])));
  walkBody(body, (name, value) => {
    const place = anywhere.get(name);
    if (place === undefined) return;
    for (const each of Array.isArray(value) ? value : [value]) {
      const id = idAt(place, each);
      if (id !== null) add({ kind: place.kind, id, param: name });
    }
  });
  return [...found.values()];
}

/** The ids of elements that stand for an item kept upstream. */
function itemIds(items: unknown): readonly string[] {
  if (!Array.isArray(items)) return [];
  return items.flatMap((item): string[] => {
    const id = memberOf(item, "id");
    if (typeof id !== "string" || id === "") return [];
    const isKept = isKeptItem({
      type: memberOf(item, "type"),
      hasContent: memberOf(item, "content") !== undefined,
      isText: (name) => typeof memberOf(item, name) === "string",
    });
    return isKept ? [id] : [];
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

/** The id that the member of a place gives; null for none. */
function idAt(place: ReferencePlace, value: unknown): string | null {
  const within = withinOf(place);
  return idOf(within !== null && isObject(value) ? memberOf(value, within) : value);
}

/** A thread that begins goes on from nothing. */
function mayBeWithout(place: ReferencePlace, value: unknown): boolean {
  const within = withinOf(place);
  return within !== null && isObject(value) && (memberOf(value, within) ?? null) === null;
}

function withinOf(place: ReferencePlace): string | null {
  return (place.in === "member" || place.in === "anywhere" ? place.idIn : undefined) ?? null;
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

function tooMany(param: string): GatewayError {
  return invalid(param, `The request names over ${MAX_REFERENCES} stored objects. Name fewer.`);
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_body", message, param === "" ? {} : { param });
}
