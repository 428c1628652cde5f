/** Starts a fake provider in a process of its own and asks it what it saw. */

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { FakeProviderOptions, RecordedRequest } from "./fake-provider.ts";
import type { BookEntry } from "./provider-books.ts";

export type RequestSummary = Omit<RecordedRequest, "body"> & { readonly bodyBytes: number };

export interface FakeProviderProcess {
  readonly origin: string;
  readonly openaiBaseUrl: string;
  readonly anthropicBaseUrl: string;
  books(): Promise<readonly BookEntry[]>;
  requests(): Promise<readonly RequestSummary[]>;
  connections(): Promise<{ readonly accepted: number; readonly open: number }>;
  /** Resolves when no reply is being written. */
  untilIdle(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the process and waits until it listens. */
export async function spawnFakeProvider(
  options: Omit<FakeProviderOptions, "clock"> = {},
): Promise<FakeProviderProcess> {
  const main = fileURLToPath(new URL("fake-provider-main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const channel = new CommandChannel(child);
  const origin = await channel.listening;
  return {
    origin,
    openaiBaseUrl: `${origin}/openai/v1`,
    anthropicBaseUrl: `${origin}/anthropic`,
    books: async () => (await channel.ask("books")) as readonly BookEntry[],
    requests: async () => (await channel.ask("requests")) as readonly RequestSummary[],
    connections: async () => (await channel.ask("connections")) as { accepted: number; open: number },
    untilIdle: async () => {
      await channel.ask("idle");
    },
    stop: async () => {
      const exited = child.exitCode === null && child.signalCode === null ? once(child, "exit") : null;
      child.stdin.end();
      await exited;
    },
  };
}

interface Answer {
  readonly event?: string;
  readonly origin?: string;
  readonly id?: number;
  readonly result?: unknown;
}

class CommandChannel {
  readonly listening: Promise<string>;
  readonly #stdin: Writable;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  /** Why nothing can be asked any more, null while the process runs. */
  #gone: Error | null = null;

  constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#stdin = child.stdin;
    const listening = Promise.withResolvers<string>();
    this.listening = listening.promise;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer;
      if (answer.event === "listening") listening.resolve(answer.origin ?? "");
      if (answer.id === undefined) return;
      this.#pending.get(answer.id)?.resolve(answer.result);
      this.#pending.delete(answer.id);
    });
    child.stdin.on("error", () => {});
    child.on("exit", (code, signal) => {
      const gone = new Error(`The fake provider's process ended (${code ?? signal}).`);
      this.#gone = gone;
      listening.reject(gone);
      for (const waiting of this.#pending.values()) waiting.reject(gone);
    });
  }

  async ask(command: string): Promise<unknown> {
    if (this.#gone !== null) throw this.#gone;
    this.#lastId += 1;
    const waiting = Promise.withResolvers<unknown>();
    this.#pending.set(this.#lastId, waiting);
    this.#stdin.write(`${JSON.stringify({ id: this.#lastId, command })}\n`);
    return await waiting.promise;
  }
}
