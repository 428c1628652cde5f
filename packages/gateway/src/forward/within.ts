/** Waits for the ledger for a bounded time: one that does not answer must not take the reply with it. */

/** What was waited for did not come in time; it may still come. */
export class LateError extends Error {
  override readonly name = "LateError";
}

/** Settles as `written` does, or rejects with `LateError` after `boundMs`. */
export function withinMs(written: Promise<void>, boundMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new LateError("The ledger did not answer in time.")), boundMs);
    const settle = (how: () => void): void => {
      clearTimeout(timer);
      how();
    };
    written.then(
      () => settle(resolve),
      (error: unknown) => settle(() => reject(error as Error)),
    );
  });
}
