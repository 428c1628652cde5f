/**
 * What a handler of the management API gets and what it is given to work with. By the time a handler runs,
 * the caller is known and allowed, and everything it sent is parsed.
 */

import type { IncomingMessage } from "node:http";
import type { Audit, Author } from "../store/audit.ts";
import type { DirectoryWrites } from "../store/directory-writes.ts";
import type { Limits } from "../store/limits.ts";
import type { Notices } from "../store/notices.ts";
import type { Project as ProjectRow, Directory, Reports } from "../store/store.ts";
import type { Clock } from "../clock.ts";
import type { Log } from "../observe/log.ts";
import type { Passing } from "../passing.ts";
import type { Provider } from "../providers/provider.ts";
import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { GatewayInfo, Route, RouteName, RouteReply, Routes } from "@meshagent/llm-proxy-protocol/api";

/** Whose credential a call came with. A participant token is none of these: it may do nothing here. */
export type Caller =
  | { readonly kind: "owner" }
  | { readonly kind: "api_key"; readonly projectId: string; readonly apiKeyId: string };

/** Where a project's requests to each provider would go, and whose key they would go with. */
export interface ProviderStatusSource {
  /** `projectId` null: before any project's own settings. */
  statusOf(projectId: string | null): Promise<readonly ProviderStatus[]>;
}

export interface ProviderStatus {
  readonly provider: Provider;
  readonly source: "project" | "environment" | "simulated" | "none";
  readonly baseUrl: string;
  readonly passing: Passing;
}

export interface ApiDeps {
  readonly directory: Directory;
  readonly audit: Audit;
  readonly reports: Reports;
  readonly limits: Pick<Limits, "budgetAccounts">;
  readonly notices: Pick<Notices, "listOf">;
  readonly clock: Clock;
  readonly ownerToken: Secret;
  readonly providers: readonly Provider[];
  readonly upstreams: ProviderStatusSource;
  /** Asks the provider with the key that the project would use. */
  readonly testProvider: (
    projectId: string,
    provider: Provider,
  ) => Promise<{ readonly ok: boolean; readonly message: string }>;
  /** Whose the connection is, behind the proxies that are trusted. */
  readonly addressOf: (request: IncomingMessage) => string;
  /** Posts a test to where notices go. */
  readonly testWebhook: () => Promise<{ readonly ok: boolean; readonly message: string }>;
  /** A function, because the port may be known only once the server listens. */
  readonly info: () => Pick<GatewayInfo, "version" | "prices"> & { readonly publicUrl: string };
  readonly log: Pick<Log, "error">;
}

type Parts<Name extends RouteName> =
  Routes[Name] extends Route<infer Params, infer Query, infer Body, infer _Reply>
    ? {
        readonly params: Readonly<Record<Params, string>>;
        readonly query: Query;
        readonly body: Body;
        /** The one in the path, which exists; null for a path without one. */
        readonly project: "project" extends Params ? ProjectRow : null;
      }
    : never;

/** One call of a route, parsed. */
export type ApiCall<Name extends RouteName> = Parts<Name> & {
  readonly caller: Caller;
  /** The caller, as the audit log names it. */
  readonly author: Author;
  /** The only way to change the directory: as the caller. */
  readonly write: DirectoryWrites;
};

/** Answers one route. Throws `ApiFault`. */
export type Handler<Name extends RouteName> = (call: ApiCall<Name>) => Promise<RouteReply<Name>>;

/** One handler per route: a route without one does not compile. */
export type Handlers = { readonly [Name in RouteName]: Handler<Name> };
