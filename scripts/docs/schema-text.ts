/** A zod schema in words: the shape of what goes over the wire, as one would write it in TypeScript. */

import { z } from "zod";

/** What of JSON Schema zod's own translation uses. */
interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly description?: string;
}

export interface Member {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly about: string;
}

/** `input` for what callers send, `output` for what they get. */
export type Direction = "input" | "output";

/** The members of an object schema; empty for one that is no object. */
export function membersOf(schema: z.ZodType, io: Direction): readonly Member[] {
  const root = translate(schema, io);
  return Object.entries(root.properties ?? {}).map(([name, member]) => ({
    name,
    type: typeText(member, root, 0),
    isRequired: root.required?.includes(name) ?? false,
    about: member.description ?? "",
  }));
}

/** The whole shape, an object with one member a line. */
export function shapeOf(schema: z.ZodType, io: Direction): string {
  const root = translate(schema, io);
  return typeText(root, root, 0);
}

function translate(schema: z.ZodType, io: Direction): JsonSchema {
  return z.toJSONSchema(schema, { io, unrepresentable: "any", reused: "inline" }) as JsonSchema;
}

/** Deeper than any shape of ours; a schema that holds itself ends here. */
const MAX_DEPTH = 8;

function typeText(schema: JsonSchema, root: JsonSchema, depth: number): string {
  if (depth > MAX_DEPTH) return "...";
  if (schema.$ref !== undefined) {
    const target = root.$defs?.[schema.$ref.split("/").at(-1) ?? ""];
    return target === undefined ? "..." : typeText(target, root, depth + 1);
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined)
    return [...new Set(choices.map((choice) => typeText(choice, root, depth)))].join(" | ");
  if (schema.allOf !== undefined) return schema.allOf.map((part) => typeText(part, root, depth)).join(" & ");
  if (schema.type === "object") return objectText(schema, root, depth);
  if (schema.type === "array") return arrayText(schema.items ?? {}, root, depth);
  if (schema.type === undefined) return "any";
  return typeof schema.type === "string" ? schema.type : schema.type.join(" | ");
}

function arrayText(items: JsonSchema, root: JsonSchema, depth: number): string {
  const text = typeText(items, root, depth);
  return text.includes(" | ") && !text.startsWith("{") ? `(${text})[]` : `${text}[]`;
}

function objectText(schema: JsonSchema, root: JsonSchema, depth: number): string {
  const indent = "  ".repeat(depth + 1);
  const lines = Object.entries(schema.properties ?? {}).map(([name, member]) => {
    const mark = schema.required?.includes(name) === true ? "" : "?";
    return `${indent}${name}${mark}: ${typeText(member, root, depth + 1)}`;
  });
  const rest = schema.additionalProperties;
  if (typeof rest === "object" && Object.keys(rest).length > 0)
    lines.push(`${indent}[name]: ${typeText(rest, root, depth + 1)}`);
  if (lines.length === 0) return "object";
  return `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}`;
}
