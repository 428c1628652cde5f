/**
 * Puts calls that were refused (401, 403) on the audit log, a few in each window of time; of the others it keeps the
 * count, and tells it when the window ends. While more come than a window takes, windows get longer, so that whoever
 * knocks all day cannot fill the disk. A count that is not told yet is lost when the process is killed.
 */

import { systemAuthor } from "../store/audit.ts";
import type { Audit, AuditEvent, Author } from "../store/audit.ts";

const MAX_PER_WINDOW = 10;
const FIRST_WINDOW_MS = 60_000;
const LONGEST_WINDOW_MS = 3_600_000;

export interface RefusedCall {
  readonly author: Author;
  readonly route: { readonly name: string; readonly method: string; readonly path: string };
  /** Of the path, if it exists. */
  readonly projectId: string | null;
  readonly status: number;
  readonly code: string;
}

export class RefusedCalls {
  readonly #audit: Pick<Audit, "record">;
  readonly #onFailure: (error: unknown) => void;
  #windowMs = FIRST_WINDOW_MS;
  #timer: NodeJS.Timeout | null = null;
  #told = 0;
  #leftOut = new Map<string, number>();

  /** `onFailure`: an entry could not be written. */
  constructor(audit: Pick<Audit, "record">, onFailure: (error: unknown) => void) {
    this.#audit = audit;
    this.#onFailure = onFailure;
  }

  /** Whether the next one will be told. Ask before you look up what only its entry needs. */
  get hasRoom(): boolean {
    return this.#told < MAX_PER_WINDOW;
  }

  /** Resolves when it is on the log, or counted. Never rejects. */
  async tell(call: RefusedCall): Promise<void> {
    this.#timer ??= setTimeout(() => void this.#endWindow(), this.#windowMs).unref();
    if (!this.hasRoom) {
      this.#leftOut.set(call.code, (this.#leftOut.get(call.code) ?? 0) + 1);
      return;
    }
    this.#told += 1;
    await this.#write(call.author, {
      action: "call.refuse",
      projectId: call.projectId,
      target: { kind: "route", id: call.route.name, name: `${call.route.method} ${call.route.path}` },
      before: null,
      after: { status: call.status, code: call.code },
    });
  }

  /** Tells what was not told yet. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#endWindow();
  }

  async #endWindow(): Promise<void> {
    const leftOut = this.#leftOut;
    const windowMs = this.#windowMs;
    this.#timer = null;
    this.#told = 0;
    this.#leftOut = new Map();
    this.#windowMs = leftOut.size === 0 ? FIRST_WINDOW_MS : Math.min(2 * windowMs, LONGEST_WINDOW_MS);
    if (leftOut.size === 0) return;
    await this.#write(systemAuthor, {
      action: "call.refuse",
      projectId: null,
      target: { kind: "route", id: null, name: null },
      before: null,
      after: { left_out: Object.fromEntries(leftOut), within_seconds: windowMs / 1000 },
    });
  }

  async #write(author: Author, event: AuditEvent): Promise<void> {
    try {
      await this.#audit.record(author, event);
    } catch (error) {
      this.#onFailure(error);
    }
  }
}
