/**
 * Makes a value that fits a JSON schema: for structured answers and for the arguments of tools. It fills
 * what the schema requires and nothing else, and follows local references.
 */

import { asArray, asCount, asObject, asString, isObject, type JsonObject } from "./json.ts";

const DEEPEST = 8;
const MOST_CHARACTERS = 1000;

/** A value for `schema`. Strings take `texts[property name]` where given, else a text that says "simulated". */
export function valueFor(schema: JsonObject, texts: JsonObject = {}): unknown {
  return makeValue(schema, { root: schema, texts, name: "", depth: 0 });
}

interface Place {
  readonly root: JsonObject;
  readonly texts: JsonObject;
  /** The property that the value is for, "" at the top. */
  readonly name: string;
  readonly depth: number;
}

function makeValue(schema: JsonObject, place: Place): unknown {
  if (place.depth > DEEPEST) return null;
  if ("const" in schema) return schema["const"];
  if (asArray(schema["enum"]).length > 0) return asArray(schema["enum"])[0];
  const elsewhere = resolve(schema, place.root);
  if (elsewhere !== null) return makeValue(elsewhere, { ...place, depth: place.depth + 1 });
  switch (typeOf(schema)) {
    case "object":
      return makeObject(schema, place);
    case "array":
      return makeArray(schema, place);
    case "string":
      return makeString(schema, place);
    case "integer":
    case "number":
      return makeNumber(schema);
    case "boolean":
      return true;
    default:
      return null;
  }
}

/** The schema that stands for this one: a reference, or the first of several that may hold. */
function resolve(schema: JsonObject, root: JsonObject): JsonObject | null {
  const reference = asString(schema["$ref"]);
  if (reference.startsWith("#")) {
    const steps = reference
      .slice(1)
      .split("/")
      .filter((step) => step !== "");
    return steps.reduce<JsonObject>((at, step) => asObject(at[step]), root);
  }
  for (const member of ["anyOf", "oneOf", "allOf"]) {
    const choices = asArray(schema[member]).filter(isObject);
    const chosen = choices.find((choice) => choice["type"] !== "null") ?? choices[0];
    if (chosen !== undefined) return chosen;
  }
  return null;
}

function typeOf(schema: JsonObject): string {
  const named = asArray(schema["type"])
    .map(asString)
    .find((type) => type !== "null");
  const type = named ?? asString(schema["type"]);
  if (type !== "") return type;
  return isObject(schema["items"]) ? "array" : "object";
}

function makeObject(schema: JsonObject, place: Place): JsonObject {
  const properties = asObject(schema["properties"]);
  const required = asArray(schema["required"]).map(asString);
  const names = [...new Set([...required, ...Object.keys(properties).filter((name) => name in place.texts)])];
  if (names.length === 0 && place.depth === 0 && Object.keys(properties).length === 0)
    return { simulated: true };
  const entries = names.map((name): [string, unknown] => [
    name,
    makeValue(asObject(properties[name]), { ...place, name, depth: place.depth + 1 }),
  ]);
  return Object.fromEntries(entries);
}

function makeArray(schema: JsonObject, place: Place): readonly unknown[] {
  const least = Math.min(16, Number(schema["minItems"] ?? 0) || 0);
  const item = asObject(schema["items"]);
  return Array.from({ length: least }, () => makeValue(item, { ...place, depth: place.depth + 1 }));
}

function makeString(schema: JsonObject, place: Place): string {
  const given = place.texts[place.name];
  if (typeof given === "string") return given;
  const byFormat: Readonly<Record<string, string>> = {
    "date-time": "2026-01-01T00:00:00Z",
    date: "2026-01-01",
    uri: "https://example.com/",
    email: "simulated@example.com",
    uuid: "00000000-0000-4000-8000-000000000000",
  };
  const text = byFormat[asString(schema["format"])] ?? `Simulated ${place.name === "" ? "text" : place.name}`;
  const most = asCount(schema["maxLength"]) ?? text.length;
  const least = Math.min(MOST_CHARACTERS, asCount(schema["minLength"]) ?? 0);
  return text.slice(0, most).padEnd(least, ".");
}

function makeNumber(schema: JsonObject): number {
  const least = Number(schema["minimum"] ?? schema["exclusiveMinimum"] ?? 0);
  const isAbove = schema["minimum"] === undefined && schema["exclusiveMinimum"] !== undefined;
  return Number.isFinite(least) ? least + (isAbove ? 1 : 0) : 0;
}
