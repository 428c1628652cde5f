/**
 * Identical questions that are in flight at once reach the provider once, and each caller gets the whole reply. For
 * endpoints that bill nothing and change nothing (`OfferedEndpoint.isSharedInFlight`): Claude Code asks for the same
 * token counts a dozen times at once. It keeps no reply after its end: this is no cache.
 */

import { createHash } from "node:crypto";
import type {
  UpstreamBody,
  UpstreamCall,
  UpstreamClient,
  UpstreamObserver,
  UpstreamRequest,
} from "../upstream/client.ts";
import { tellWhole, WholeReply } from "./whole-reply.ts";

/** A reply is kept until its end, for those who join late. A token count has some hundred bytes. */
const maxReplyBytes = 1024 * 1024;

export interface SharedFlights {
  /**
   * Sends, or joins the flight of an identical request of the same project: method, origin, path, header lines and
   * body bytes are all the same. A caller's `abort` ends the flight only when nobody else is on it.
   */
  send(
    client: Pick<UpstreamClient, "send">,
    projectId: string,
    request: UpstreamRequest,
    observer: UpstreamObserver,
  ): UpstreamCall;
}

export function createSharedFlights(): SharedFlights {
  const flights = new Map<string, Flight>();
  return {
    send: (client, projectId, request, observer) => {
      const key = keyOf(projectId, request);
      const flight = flights.get(key) ?? new Flight(() => flights.delete(key));
      flight.join(observer);
      if (!flights.has(key)) {
        flight.start(client, request);
        flights.set(key, flight);
      }
      return { resume: () => {}, abort: () => flight.leave(observer) };
    },
  };
}

class Flight {
  readonly #onOver: () => void;
  readonly #observers = new Set<UpstreamObserver>();
  readonly #asking: WholeReply;

  constructor(onOver: () => void) {
    this.#onOver = onOver;
    this.#asking = new WholeReply({
      maxBytes: maxReplyBytes,
      what: "token count",
      onWhole: (reply, body) => this.#tell((observer) => tellWhole(reply, body, observer)),
      onFailure: (failure) => this.#tell((observer) => observer.onFailure(failure)),
    });
  }

  start(client: Pick<UpstreamClient, "send">, request: UpstreamRequest): void {
    this.#asking.ask(client, withOwnChunks(request));
  }

  join(observer: UpstreamObserver): void {
    this.#observers.add(observer);
  }

  leave(observer: UpstreamObserver): void {
    // One that was served already, or will be by the loop that is under way, ends nothing.
    if (!this.#observers.delete(observer) || this.#observers.size > 0) return;
    this.#onOver();
    this.#asking.abort();
  }

  /** Over before anyone is told: who repeats the question in answer to a failure begins a new flight. */
  #tell(say: (observer: UpstreamObserver) => void): void {
    this.#onOver();
    const observers = [...this.#observers];
    this.#observers.clear();
    for (const observer of observers) say(observer);
  }
}

function keyOf(projectId: string, request: UpstreamRequest): string {
  const hash = createHash("sha256");
  const { method, origin, path, headers } = request;
  hash.update(`${JSON.stringify([projectId, method, origin, path, headers])}\n`);
  for (const chunk of chunksOf(request.body)) hash.update(chunk);
  return hash.digest("base64");
}

/** Who began a flight may leave before it is written, and gives its body back. */
function withOwnChunks(request: UpstreamRequest): UpstreamRequest {
  const { body } = request;
  if (body === null) return request;
  const chunks = [...body.chunks()];
  return { ...request, body: { byteLength: body.byteLength, chunks: () => chunks } };
}

function chunksOf(body: UpstreamBody | null): Iterable<Uint8Array> {
  return body === null ? [] : body.chunks();
}
