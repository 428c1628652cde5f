/**
 * Questions and answers between two processes, over whatever carries messages between them. Knows none of the
 * questions: `questions.ts` says what a keeper and its workers ask each other.
 */

/** What carries the messages: the channel to another process. */
export interface Port {
  /** A message that cannot be sent any more is lost; `onClose` tells. */
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Nothing comes any more, and nothing that is sent arrives. */
  onClose(listener: () => void): void;
}

/** By name: what is asked, and what comes back. Plain data: it is copied between the processes. */
export type Questions = { readonly [Name: string]: { readonly about: unknown; readonly answer: unknown } };

/** Who answers. What it throws reaches the other process as a message. */
export type Answering<Asked extends Questions> = {
  readonly [Name in keyof Asked]: (
    about: Asked[Name]["about"],
  ) => Asked[Name]["answer"] | Promise<Asked[Name]["answer"]>;
};

/** The other process is gone, or does not listen any more. */
export class LinkClosedError extends Error {
  override readonly name = "LinkClosedError";
}

type Message =
  | { readonly kind: "question"; readonly number: number; readonly name: string; readonly about: unknown }
  | { readonly kind: "answer"; readonly number: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly number: number; readonly reason: string };

/** One end. `Asks` are the questions of this side, `Answers` those of the other one. */
export class Link<Asks extends Questions, Answers extends Questions> {
  readonly #port: Port;
  readonly #answering: Answering<Answers>;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastNumber = 0;
  #isClosed = false;

  constructor(port: Port, answering: Answering<Answers>) {
    this.#port = port;
    this.#answering = answering;
    port.onMessage((message) => void this.#take(message as Message));
    port.onClose(() => this.#close());
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Rejects with what the other side failed with, or with a `LinkClosedError`. Questions arrive in their order. */
  async ask<Name extends keyof Asks & string>(
    name: Name,
    about: Asks[Name]["about"],
  ): Promise<Asks[Name]["answer"]> {
    if (this.#isClosed) throw new LinkClosedError("The other process is gone.");
    const number = ++this.#lastNumber;
    const answer = Promise.withResolvers<unknown>();
    this.#pending.set(number, answer);
    this.#port.send({ kind: "question", number, name, about } satisfies Message);
    return answer.promise;
  }

  async #take(message: Message): Promise<void> {
    if (message.kind === "question") {
      this.#port.send(await this.#answer(message));
      return;
    }
    const pending = this.#pending.get(message.number);
    this.#pending.delete(message.number);
    if (message.kind === "answer") pending?.resolve(message.value);
    else pending?.reject(new Error(message.reason));
  }

  async #answer({ number, name, about }: Message & { readonly kind: "question" }): Promise<Message> {
    try {
      const answer = this.#answering[name];
      if (answer === undefined) throw new Error(`Nobody answers "${name}".`);
      return { kind: "answer", number, value: await answer(about) };
    } catch (error) {
      return { kind: "failure", number, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  #close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#pending.values())
      reject(new LinkClosedError("The other process is gone."));
    this.#pending.clear();
  }
}
