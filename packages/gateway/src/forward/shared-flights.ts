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
  UpstreamFailure,
  UpstreamObserver,
  UpstreamReply,
  UpstreamRequest,
} from "../upstream/client.ts";

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

class Flight implements UpstreamObserver {
  readonly #onOver: () => void;
  readonly #observers = new Set<UpstreamObserver>();
  readonly #chunks: Uint8Array[] = [];
  #call: UpstreamCall | null = null;
  #reply: UpstreamReply | null = null;
  #byteLength = 0;

  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  start(client: Pick<UpstreamClient, "send">, request: UpstreamRequest): void {
    this.#call = client.send(withOwnChunks(request), this);
  }

  join(observer: UpstreamObserver): void {
    this.#observers.add(observer);
  }

  leave(observer: UpstreamObserver): void {
    // One that was served already, or will be by the loop that is under way, ends nothing.
    if (!this.#observers.delete(observer) || this.#observers.size > 0) return;
    this.#onOver();
    this.#call?.abort();
  }

  onReply(reply: UpstreamReply): void {
    this.#reply = reply;
  }

  onChunk(chunk: Uint8Array): boolean {
    this.#byteLength += chunk.byteLength;
    this.#chunks.push(chunk);
    if (this.#byteLength <= maxReplyBytes) return true;
    this.#call?.abort();
    const cause = new Error(`The reply is over ${maxReplyBytes} bytes, which no token count is.`);
    this.onFailure({ reason: "invalid_reply", isUnsent: false, cause });
    return true;
  }

  onEnd(): void {
    const whole = Buffer.concat(this.#chunks);
    this.#tell((observer) => {
      if (this.#reply !== null) observer.onReply(this.#reply);
      // A copy each: the chunk belongs to its observer. Nothing follows that a slow one could hold up.
      if (whole.byteLength > 0) observer.onChunk(Buffer.from(whole));
      observer.onEnd();
    });
  }

  onFailure(failure: UpstreamFailure): void {
    this.#tell((observer) => observer.onFailure(failure));
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
