/**
 * The thread of the reports: answers them over a connection of its own, and moves the write-ahead log into
 * the database, so that neither ever holds up the event loop that serves. Of the data it changes nothing, but that it
 * deletes old exchanges when it is asked to.
 *
 * The writer's connection never checkpoints by itself. A passive checkpoint does not wait for it and never
 * makes it wait, but the log begins anew only after one that no write fell into. So when the log has grown
 * large, what was written meanwhile (little, after a passive one) is moved while the writer waits.
 */

import { parentPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import { DatabaseSync } from "node:sqlite";
import { verifyAudit, queryAudit } from "./audit-query.ts";
import { integer } from "./columns.ts";
import { queryExchange, queryExchanges } from "./exchange-query.ts";
import type { ReportMessage, ReportQuestion, ReportRequest, ReportsWorkerData } from "./report-messages.ts";
import { deleteExchanges, openForDeletion } from "./retention.ts";
import { queryUsage } from "./usage-query.ts";

// 64 MB of 4 KB pages.
const LARGE_LOG_FRAMES = 16_384;
const BUSY_TIMEOUT_MS = 2_000;
// Whatever it waits for, the writer waits for as well.
const RESTART_TIMEOUT_MS = 50;

/** How many frames the log has, and how many of them are in the database. */
function checkpoint(
  database: DatabaseSync,
  mode: "PASSIVE" | "RESTART" | "TRUNCATE",
): { readonly frames: number; readonly moved: number } {
  const row = database.prepare(`PRAGMA wal_checkpoint(${mode})`).get() ?? { log: 0, checkpointed: 0 };
  return { frames: integer(row, "log"), moved: integer(row, "checkpointed") };
}

function moveLog(database: DatabaseSync): void {
  if (checkpoint(database, "PASSIVE").frames <= LARGE_LOG_FRAMES) return;
  // Once more, so that less is left for the one that the writer waits for.
  const { frames, moved } = checkpoint(database, "PASSIVE");
  // Somebody reads an older state, such as a backup. To wait for that is to make the writer wait.
  if (moved < frames) return;
  database.exec(`PRAGMA busy_timeout = ${RESTART_TIMEOUT_MS}`);
  checkpoint(database, "RESTART");
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
}

interface Connections {
  readonly database: DatabaseSync;
  readonly isCheckpointing: boolean;
  /** Opened when it is first asked for: most gateways keep everything. */
  readonly forDeletion: () => DatabaseSync;
  readonly close: () => void;
}

function answer(
  { database, isCheckpointing, forDeletion, close }: Connections,
  question: ReportQuestion,
): unknown {
  switch (question.kind) {
    case "usage":
      return queryUsage(database, question.filter, question.by);
    case "exchanges":
      return queryExchanges(database, question.query);
    case "exchange":
      return queryExchange(database, question.projectId, question.id);
    case "audit":
      return queryAudit(database, question.filter, question.page);
    case "verify-audit":
      return verifyAudit(database, question.check);
    case "delete":
      return deleteExchanges(forDeletion(), question.deletion);
    case "close":
      if (isCheckpointing) checkpoint(database, "TRUNCATE");
      close();
      return null;
  }
}

function connect({ databaseFile, checkpointEveryMs }: ReportsWorkerData): Connections {
  const database = new DatabaseSync(databaseFile, { timeout: BUSY_TIMEOUT_MS });
  // Not a read-only connection: that one could not checkpoint. This keeps it from changing data.
  database.exec("PRAGMA query_only = ON");
  let deleting: DatabaseSync | null = null;
  return {
    database,
    isCheckpointing: checkpointEveryMs !== null,
    forDeletion: () => (deleting ??= openForDeletion(databaseFile)),
    close: () => {
      deleting?.close();
      database.close();
    },
  };
}

function serve(port: MessagePort, options: ReportsWorkerData): void {
  const connections = connect(options);
  const { database } = connections;
  const send = (message: ReportMessage): void => port.postMessage(message);
  const moveLogOrSay = (): void => {
    try {
      moveLog(database);
    } catch (error) {
      send({ kind: "alarm", message: "The write-ahead log could not be checkpointed.", error });
    }
  };
  const timer =
    options.checkpointEveryMs === null ? null : setInterval(moveLogOrSay, options.checkpointEveryMs);
  port.on("message", ({ number, question }: ReportRequest) => {
    if (question.kind === "close" && timer !== null) clearInterval(timer);
    try {
      send({ kind: "answer", number, value: answer(connections, question) });
    } catch (error) {
      send({ kind: "failure", number, error });
    }
    if (question.kind === "close") port.close();
  });
}

if (parentPort !== null) serve(parentPort, workerData as ReportsWorkerData);
