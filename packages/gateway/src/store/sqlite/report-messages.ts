/** What the gateway's thread and the reports' thread say to each other. Plain data: it is copied between them. */

import type { AuditFilter, AuditPage } from "../audit.ts";
import type { ExchangeFilter, UsageDimension } from "../store.ts";
import type { AuditVerification } from "./audit-query.ts";
import type { PageQuery } from "./exchange-query.ts";
import type { Deletion } from "./retention.ts";

/** Given to the thread when it starts. */
export interface ReportsWorkerData {
  readonly databaseFile: string;
  /** How often what the ledger wrote is moved from the write-ahead log into the database; null: another process does. */
  readonly checkpointEveryMs: number | null;
}

export type ReportQuestion =
  | { readonly kind: "usage"; readonly filter: ExchangeFilter; readonly by: readonly UsageDimension[] }
  | { readonly kind: "exchanges"; readonly query: PageQuery }
  | { readonly kind: "exchange"; readonly projectId: string; readonly id: string }
  | { readonly kind: "audit"; readonly filter: AuditFilter; readonly page: AuditPage }
  | { readonly kind: "verify-audit"; readonly check: AuditVerification }
  | { readonly kind: "delete"; readonly deletion: Deletion }
  /** Checkpoint for the last time, where it is done here, and let go of the database. */
  | { readonly kind: "close" };

export interface ReportRequest {
  readonly number: number;
  readonly question: ReportQuestion;
}

export type ReportMessage =
  | { readonly kind: "answer"; readonly number: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly number: number; readonly error: unknown }
  | { readonly kind: "alarm"; readonly message: string; readonly error: unknown };
