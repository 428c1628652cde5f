/** Waits for the ledger for a bounded time: one that does not answer must not take the reply with it. */

/** What was waited for did not come in time; it may still come. */
export class LateError extends Error {
  override readonly name = "LateError";
}

/** Settles as `written` does, or rejects with `LateError` after `boundMs`. */
export async function withinMs(written: Promise<void>, boundMs: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new LateError("The ledger did not answer in time.")), boundMs);
  try {
    await Promise.race([written, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
