/** How a command gives up: with a message for a person, a way on, and an exit code. Nothing here prints. */

/** Exit codes that scripts rely on. */
export const exitCodes: {
  readonly done: 0;
  readonly failed: 1;
  readonly usage: 2;
  readonly interrupted: 130;
} = {
  done: 0,
  failed: 1,
  usage: 2,
  interrupted: 130,
};

export interface CliFailureOptions {
  /** What to do about it, printed on a line of its own. */
  readonly hint?: string;
  readonly exitCode?: number;
  readonly cause?: unknown;
}

/** Ends the command with exit code 1 unless told otherwise. The message holds no secret. */
export class CliFailure extends Error {
  override readonly name: string = "CliFailure";
  readonly hint: string | null;
  readonly exitCode: number;

  constructor(message: string, options: CliFailureOptions = {}) {
    super(message, { cause: options.cause });
    this.hint = options.hint ?? null;
    this.exitCode = options.exitCode ?? exitCodes.failed;
  }
}

/** The command line itself is wrong: exit code 2. */
export class UsageFailure extends CliFailure {
  override readonly name: string = "UsageFailure";

  constructor(message: string, hint?: string) {
    super(message, { exitCode: exitCodes.usage, ...(hint === undefined ? {} : { hint }) });
  }
}

/**
 * The message of whatever was thrown, with that of its cause where it says more (fetch hides it there). A
 * message that ends as a sentence is complete.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message.endsWith(".")) return error.message;
  const cause = error.cause instanceof Error ? causeText(error.cause) : "";
  return cause === "" || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

function causeText(cause: Error): string {
  if (cause.message !== "") return cause.message;
  const code: unknown = Reflect.get(cause, "code");
  return typeof code === "string" ? code : cause.name;
}
