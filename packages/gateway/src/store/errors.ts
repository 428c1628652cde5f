/**
 * What a store can refuse with. Messages are for the operator and say what to do next; they hold no secret.
 * An API layer may turn one into an answer of its own; a store knows no status codes.
 */

/** Another live process uses the same data. */
export class StoreLockedError extends Error {
  override readonly name = "StoreLockedError";
}

/** The data cannot be used as it is: written by a newer version, not ours, or damaged. */
export class StoreUnusableError extends Error {
  override readonly name = "StoreUnusableError";
}

/** The master key is malformed, or is not the one that the stored secrets were encrypted with. */
export class MasterKeyError extends Error {
  override readonly name = "MasterKeyError";
}

/** A result for an exchange that has no intent. */
export class UnknownExchangeError extends Error {
  override readonly name = "UnknownExchangeError";

  constructor(exchangeId: string) {
    super(`No intent was recorded for exchange ${exchangeId}, so its result cannot be.`);
  }
}

/** An intent under the id of another exchange. */
export class ExchangeIdTakenError extends Error {
  override readonly name = "ExchangeIdTakenError";

  constructor(exchangeId: string) {
    super(`The id ${exchangeId} belongs to another exchange.`);
  }
}

/** A page cursor that this store did not give out. */
export class InvalidCursorError extends Error {
  override readonly name = "InvalidCursorError";

  constructor() {
    super("The cursor is not one that this gateway gave out. Start again without a cursor.");
  }
}
