/**
 * Reports on SQLite, as the serving thread sees them: questions to a thread of their own, which is started
 * again when it dies. Runs no query itself.
 */

import { Worker } from "node:worker_threads";
import type { AuditEntry, AuditFilter, AuditPage, AuditVerdict } from "../audit.ts";
import type {
  Exchange,
  ExchangeFilter,
  ExchangePage,
  Reports,
  UsageDimension,
  UsageReportRow,
} from "../store.ts";
import type { AuditVerification } from "./audit-query.ts";
import { MAX_PAGE, parseCursor, writeCursor } from "./exchange-query.ts";
import type { Deletion } from "./retention.ts";
import type { ReportMessage, ReportQuestion, ReportRequest, ReportsWorkerData } from "./report-messages.ts";

const RESTART_AFTER_MS = 1_000;
const RESTART_AFTER_AT_MOST_MS = 60_000;
const CLOSE_WITHIN_MS = 5_000;

export interface SqliteReportsOptions extends ReportsWorkerData {
  /** The thread died, or could not checkpoint. */
  readonly onAlarm: (message: string, cause: unknown) => void;
  /** Starts the thread; for tests. */
  readonly startWorker?: (data: ReportsWorkerData) => Worker;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** See `Reports` for what every method promises. */
export class SqliteReports implements Reports {
  readonly #options: SqliteReportsOptions;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #restart: NodeJS.Timeout | null = null;
  #restartAfterMs = RESTART_AFTER_MS;
  #lastNumber = 0;
  #isClosed = false;

  /** Starts the thread at once: it has the log to checkpoint, asked or not. */
  constructor(options: SqliteReportsOptions) {
    this.#options = options;
    this.#start();
  }

  async usage(filter: ExchangeFilter, by: readonly UsageDimension[]): Promise<readonly UsageReportRow[]> {
    return (await this.#ask({ kind: "usage", filter, by })) as readonly UsageReportRow[];
  }

  async exchanges(
    filter: ExchangeFilter,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<ExchangePage> {
    const limit = Math.max(1, Math.min(MAX_PAGE, Math.trunc(page.limit)));
    const before = page.cursor === undefined ? null : parseCursor(page.cursor);
    // One more than asked for tells whether there is a next page.
    const query = { filter, limit: limit + 1, before };
    const found = (await this.#ask({ kind: "exchanges", query })) as readonly Exchange[];
    const exchanges = found.slice(0, limit);
    const last = exchanges.at(-1);
    const nextCursor = found.length > limit && last !== undefined ? writeCursor(last) : null;
    return { exchanges, nextCursor };
  }

  async exchange(projectId: string, id: string): Promise<Exchange | null> {
    return (await this.#ask({ kind: "exchange", projectId, id })) as Exchange | null;
  }

  /** See `Audit.list`. */
  async auditEntries(filter: AuditFilter, page: AuditPage): Promise<readonly AuditEntry[]> {
    return (await this.#ask({ kind: "audit", filter, page })) as readonly AuditEntry[];
  }

  /** See `Audit.verify`. */
  async verifyAudit(check: AuditVerification): Promise<AuditVerdict> {
    return (await this.#ask({ kind: "verify-audit", check })) as AuditVerdict;
  }

  /** See `Store.deleteExchangesBefore`. */
  async deleteExchanges(deletion: Deletion): Promise<number> {
    return (await this.#ask({ kind: "delete", deletion })) as number;
  }

  /** Checkpoints and ends the thread; one that is busy for long is ended where it is. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closing = this.#worker === null ? null : this.#ask({ kind: "close" });
    this.#isClosed = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === null || closing === null) return;
    const { promise: expired, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_WITHIN_MS);
    try {
      await Promise.race([closing, expired]);
    } catch (error) {
      this.#options.onAlarm("The last checkpoint failed; the next start makes up for it.", error);
    } finally {
      clearTimeout(timer);
      await worker.terminate();
    }
  }

  #ask(question: ReportQuestion): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new Error("The store is closed."));
    const worker = this.#worker ?? this.#start();
    const number = ++this.#lastNumber;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(number, { resolve, reject });
    // A thread that nobody waits for does not keep the process alive.
    worker.ref();
    worker.postMessage({ number, question } satisfies ReportRequest);
    return promise;
  }

  #start(): Worker {
    if (this.#restart !== null) clearTimeout(this.#restart);
    this.#restart = null;
    const worker = (this.#options.startWorker ?? startReportsWorker)({
      databaseFile: this.#options.databaseFile,
      checkpointEveryMs: this.#options.checkpointEveryMs,
    });
    worker.unref();
    worker.on("message", (message: ReportMessage) => this.#onMessage(worker, message));
    let cause: unknown;
    worker.on("error", (error) => (cause = error));
    worker.on("exit", (code) => this.#onExit(worker, cause ?? new Error(`It ended with code ${code}.`)));
    this.#worker = worker;
    return worker;
  }

  #onMessage(worker: Worker, message: ReportMessage): void {
    if (message.kind === "alarm") {
      this.#options.onAlarm(message.message, message.error);
      return;
    }
    const pending = this.#pending.get(message.number);
    this.#pending.delete(message.number);
    this.#restartAfterMs = RESTART_AFTER_MS;
    if (this.#pending.size === 0) worker.unref();
    if (message.kind === "answer") pending?.resolve(message.value);
    else pending?.reject(message.error);
  }

  #onExit(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of lost) {
      reject(new Error("The thread that makes reports died. Ask again.", { cause }));
    }
    if (this.#isClosed) return;
    this.#options.onAlarm("The thread that makes reports died and is started again.", cause);
    // Ever later: a thread that cannot live would be started in a circle. A question starts it earlier.
    this.#restart = setTimeout(() => this.#start(), this.#restartAfterMs).unref();
    this.#restartAfterMs = Math.min(2 * this.#restartAfterMs, RESTART_AFTER_AT_MOST_MS);
  }
}

// The file beside this one has the extension that this one has: `.ts` from source, `.js` when built.
function startReportsWorker(data: ReportsWorkerData): Worker {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new Worker(new URL(`./reports-worker.${extension}`, import.meta.url), { workerData: data });
}
