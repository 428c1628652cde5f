/**
 * The last model list of each provider account, for the client that asks for one before its first turn and starts as
 * much later as it takes (`Dialect.findCatalogue`; Codex). It gets what was listed a few minutes ago, and what was listed
 * last where the provider is slow or in trouble; an empty list, with which it works as without the question, where a
 * provider has never answered and says nothing. Grants are not its affair: what is kept is the provider's reply, and is
 * narrowed for each caller as if it had just come. No other caller's request comes here.
 */

import type { Clock } from "../clock.ts";
import { headerValue, mediaTypeOf } from "../headers.ts";
import type {
  HeaderLines,
  UpstreamCall,
  UpstreamClient,
  UpstreamObserver,
  UpstreamReply,
  UpstreamRequest,
} from "../upstream/client.ts";
import { tellWhole, WholeReply } from "./whole-reply.ts";

/** As long as Codex itself believes a list (0.169.0). */
const freshMs = 5 * 60_000;
/** A person who starts a client does not notice a second. */
const patienceMs = 1000;
/** With nothing kept: Codex gives up after 5 s, does that twice, and complains (0.169.0). */
const maxSilenceMs = 2500;
/** After this the question ends, and the next caller asks anew. */
const maxAskingMs = 30_000;
const maxListBytes = 16 * 1024 * 1024;
/** What is larger passes, and is not kept. OpenAI's list has 20 KB. */
const maxKeptBytes = 1024 * 1024;
const maxKeptLists = 32;

/** Whose list: one project's, at one account (`upstreamIdentity`). The path of the request is the rest of the name. */
export interface ListOwner {
  readonly projectId: string;
  readonly upstream: string;
}

export interface KeptLists {
  /** Sends, joins the same question that is under way, or answers from what is kept. */
  send(
    client: Pick<UpstreamClient, "send">,
    owner: ListOwner,
    request: UpstreamRequest,
    observer: UpstreamObserver,
  ): UpstreamCall;
}

interface KeptList {
  readonly reply: UpstreamReply;
  readonly body: Buffer;
  /** null: nobody listed it. */
  readonly listedAtMs: number | null;
}

const emptyList: KeptList = {
  reply: { status: 200, statusText: "OK", headers: [["content-type", "application/json"]] },
  body: Buffer.from('{"object":"list","data":[]}'),
  listedAtMs: null,
};

export function createKeptLists(clock: Clock): KeptLists {
  const lists = new Map<string, KeptList>();
  const questions = new Map<string, Question>();
  const keep = (key: string, list: KeptList | null): void => {
    lists.delete(key);
    if (list === null) return;
    lists.set(key, list);
    const [oldest] = lists.keys();
    if (lists.size > maxKeptLists && oldest !== undefined) lists.delete(oldest);
  };
  const begin = (key: string): Question => {
    const question: Question = new Question({
      clock,
      findKept: () => lists.get(key) ?? null,
      keep: (list) => keep(key, list),
      onOver: () => {
        if (questions.get(key) === question) questions.delete(key);
      },
    });
    return question;
  };
  return {
    send: (client, { projectId, upstream }, request, observer) => {
      const key = JSON.stringify([projectId, upstream, request.path]);
      const kept = lists.get(key);
      if (kept !== undefined && clock.now() - (kept.listedAtMs ?? 0) < freshMs)
        return answer(clock, kept, observer);
      const running = questions.get(key);
      const question = running ?? begin(key);
      if (running === undefined) {
        question.start(client, request);
        questions.set(key, question);
      }
      question.join(observer);
      return { resume: () => {}, abort: () => question.leave(observer) };
    },
  };
}

/** After `send` has returned, as every client does. */
function answer(clock: Clock, kept: KeptList, observer: UpstreamObserver): UpstreamCall {
  let isAborted = false;
  setImmediate(() => {
    if (!isAborted) tellKept(clock, kept, observer);
  });
  return { resume: () => {}, abort: () => (isAborted = true) };
}

/** Of the header only what says how to read the body, and how old it is: the rest was about another request. */
function tellKept(clock: Clock, { reply, body, listedAtMs }: KeptList, observer: UpstreamObserver): void {
  const about = reply.headers.filter(([name]) => /^content-(type|encoding)$/i.test(name));
  const age = (ms: number): string => String(Math.max(0, Math.floor((clock.now() - ms) / 1000)));
  const headers: HeaderLines = listedAtMs === null ? about : [...about, ["age", age(listedAtMs)]];
  tellWhole({ ...reply, headers }, body, observer);
}

interface QuestionOptions {
  readonly clock: Clock;
  readonly findKept: () => KeptList | null;
  /** null: the account may list nothing any more. */
  readonly keep: (list: KeptList | null) => void;
  readonly onOver: () => void;
}

/** It goes on when its callers have left or were answered without it, so that the next one has something. */
class Question {
  readonly #options: QuestionOptions;
  /** With the timer after which each takes what is kept. */
  readonly #waiting = new Map<UpstreamObserver, NodeJS.Timeout>();
  readonly #asking: WholeReply;
  readonly #timers: NodeJS.Timeout[] = [];
  #isSilent = false;

  constructor(options: QuestionOptions) {
    this.#options = options;
    this.#asking = new WholeReply({
      maxBytes: maxListBytes,
      what: "model list",
      onWhole: (reply, body) => this.#onWhole(reply, body),
      onFailure: (failure) => this.#tellOrKept((observer) => observer.onFailure(failure)),
    });
  }

  start(client: Pick<UpstreamClient, "send">, request: UpstreamRequest): void {
    this.#asking.ask(client, request);
    this.#timers.push(
      setTimeout(() => this.#giveUpWaiting(), maxSilenceMs),
      setTimeout(() => this.#end(), maxAskingMs),
    );
  }

  join(observer: UpstreamObserver): void {
    const patience = setTimeout(() => {
      const kept = this.#options.findKept();
      if ((kept === null && !this.#isSilent) || !this.#waiting.delete(observer)) return;
      tellKept(this.#options.clock, kept ?? emptyList, observer);
    }, patienceMs);
    this.#waiting.set(observer, patience);
  }

  leave(observer: UpstreamObserver): void {
    clearTimeout(this.#waiting.get(observer));
    this.#waiting.delete(observer);
  }

  #giveUpWaiting(): void {
    this.#isSilent = true;
    const kept = this.#options.findKept() ?? emptyList;
    for (const observer of this.#takeWaiting()) tellKept(this.#options.clock, kept, observer);
  }

  #end(): void {
    this.#options.onOver();
    this.#asking.abort();
    this.#giveUpWaiting();
  }

  #onWhole(reply: UpstreamReply, body: Buffer): void {
    if (isTrouble(reply.status)) return this.#tellOrKept((observer) => tellWhole(reply, body, observer));
    const isList =
      reply.status === 200 && mediaTypeOf(headerValue(reply.headers, "content-type")) === "application/json";
    const isKept = isList && body.byteLength <= maxKeptBytes;
    this.#options.keep(isKept ? { reply, body, listedAtMs: this.#options.clock.now() } : null);
    this.#tell((observer) => tellWhole(reply, body, observer));
  }

  #tellOrKept(say: (observer: UpstreamObserver) => void): void {
    const kept = this.#options.findKept();
    if (kept === null) this.#tell(say);
    else this.#tell((observer) => tellKept(this.#options.clock, kept, observer));
  }

  /** Over before anyone is told: who repeats the question in answer to a failure begins a new one. */
  #tell(say: (observer: UpstreamObserver) => void): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.onOver();
    for (const observer of this.#takeWaiting()) say(observer);
  }

  #takeWaiting(): readonly UpstreamObserver[] {
    const waiting = [...this.#waiting.keys()];
    for (const observer of waiting) this.leave(observer);
    return waiting;
  }
}

/** The provider cannot list now, and may later. Any other error is about the account, and what it said before is void. */
function isTrouble(status: number): boolean {
  return status === 429 || status >= 500;
}
