/** What a route of the management API is: data that a server can serve and a client can call. */

import type { z } from "zod";

/** A route without a query, a body or a reply has null in that place; its type is then `null`, too. */
export interface Route<Params extends string, Query, Body, Reply> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** `{name}` stands for one percent-encoded segment. */
  readonly path: string;
  /** What it does, for the reference. */
  readonly about: string;
  readonly params: readonly Params[];
  /** A route has a query or a body, never both, and no member of either is called like a path parameter. */
  readonly query: Schema<Query>;
  readonly body: Schema<Body>;
  readonly reply: Schema<Reply>;
  /** Of the reply when all went well. */
  readonly status: 200 | 201 | 204;
  /** It can answer `conflict`. */
  readonly conflicts?: true;
}

type Schema<T> = [T] extends [null] ? null : z.ZodType<T>;

/** The names of the path parameters of a template, in their order. */
export function pathParameters(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
}

export const PROJECTS = "/accounts/projects";
export const PROJECT: string = `${PROJECTS}/{project}`;

interface Defaults<Method> {
  readonly method: Method;
  readonly query: null;
  readonly status: 200;
}

/** What routes of one method have in common. */
export const get: Defaults<"GET"> & { readonly body: null } = {
  method: "GET",
  query: null,
  body: null,
  status: 200,
};
export const put: Defaults<"PUT"> = { method: "PUT", query: null, status: 200 };
export const post: Omit<Defaults<"POST">, "status"> & { readonly status: 201 } = {
  method: "POST",
  query: null,
  status: 201,
};
export const remove: Omit<Defaults<"DELETE">, "status"> & {
  readonly body: null;
  readonly reply: null;
  readonly status: 204;
} = { method: "DELETE", query: null, body: null, reply: null, status: 204 };
