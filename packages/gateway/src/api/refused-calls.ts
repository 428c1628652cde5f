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
  readonly route: { readonly name: string; readonly method: string; readonly path: string };
  /** Of the path, if it exists. */
  readonly projectId: string | null;
  readonly status: number;
  readonly code: string;
}

/** Writes an entry; what fails on the way is reported, and does not come back. */
type WriteEntry = (author: Author, make: () => AuditEvent | Promise<AuditEvent>) => Promise<void>;

export class RefusedCalls {
  readonly #unknown: RefusalWindow;
  /** Of keys that are good, so that whoever has none cannot crowd them out. */
  readonly #known: RefusalWindow;

  /** `onFailure`: an entry could not be written. */
  constructor(audit: Pick<Audit, "record">, onFailure: (error: unknown) => void) {
    const writeEntry: WriteEntry = async (author, make) => {
      try {
        await audit.record(author, await make());
      } catch (error) {
        onFailure(error);
      }
    };
    this.#unknown = new RefusalWindow(writeEntry);
    this.#known = new RefusalWindow(writeEntry);
  }

  /** Resolves when it is on the log, or counted. Never rejects. `complete` is called only for one that gets an entry. */
  async tell(author: Author, complete: () => Promise<RefusedCall>): Promise<void> {
    const window = author.kind === "unknown" ? this.#unknown : this.#known;
    await window.tell(author, complete);
  }

  /** Tells what was not told yet. */
  async close(): Promise<void> {
    await Promise.all([this.#unknown.close(), this.#known.close()]);
  }
}

class RefusalWindow {
  readonly #writeEntry: WriteEntry;
  #windowMs = FIRST_WINDOW_MS;
  #timer: NodeJS.Timeout | null = null;
  #told = 0;
  #leftOut = 0;
  #kind: Author["kind"] = "unknown";

  constructor(writeEntry: WriteEntry) {
    this.#writeEntry = writeEntry;
  }

  async tell(author: Author, complete: () => Promise<RefusedCall>): Promise<void> {
    this.#timer ??= setTimeout(() => void this.#end(), this.#windowMs).unref();
    this.#kind = author.kind;
    if (this.#told >= MAX_PER_WINDOW) {
      this.#leftOut += 1;
      return;
    }
    this.#told += 1;
    await this.#writeEntry(author, async () => refusal(await complete()));
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#end();
  }

  async #end(): Promise<void> {
    const leftOut = this.#leftOut;
    const windowMs = this.#windowMs;
    this.#timer = null;
    this.#told = 0;
    this.#leftOut = 0;
    this.#windowMs = leftOut === 0 ? FIRST_WINDOW_MS : Math.min(2 * windowMs, LONGEST_WINDOW_MS);
    if (leftOut === 0) return;
    const after = { left_out: leftOut, of: this.#kind, within_seconds: windowMs / 1000 };
    await this.#writeEntry(systemAuthor, () => ({
      action: "call.refuse",
      projectId: null,
      target: { kind: "route", id: null, name: null },
      before: null,
      after,
    }));
  }
}

function refusal({ route, projectId, status, code }: RefusedCall): AuditEvent {
  return {
    action: "call.refuse",
    projectId,
    target: { kind: "route", id: route.name, name: `${route.method} ${route.path}` },
    before: null,
    after: { status, code },
  };
}
