/** Reads members out of parsed JSON of unknown shape. Never throws: what is not there reads as nothing. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** The value itself when it is an object, else an empty one. */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value itself when it is an array, else an empty one. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value itself when it is a string, else "". */
export function asString(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The value itself when it is a whole number of at least 0, else null. */
export function asCount(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
