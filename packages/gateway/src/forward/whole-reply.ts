/**
 * One request whose reply is wanted whole, and told to several callers: asks, keeps the reply up to a bound, and says
 * what became of it. It knows no caller and no reason why a reply is shared.
 */

import type {
  UpstreamCall,
  UpstreamClient,
  UpstreamFailure,
  UpstreamObserver,
  UpstreamReply,
  UpstreamRequest,
} from "../upstream/client.ts";

export interface WholeReplyOptions {
  /** A longer reply is a failure, `invalid_reply`. */
  readonly maxBytes: number;
  /** What no reply of such a length is, for the log: `token count`. */
  readonly what: string;
  readonly onWhole: (reply: UpstreamReply, body: Buffer) => void;
  readonly onFailure: (failure: UpstreamFailure) => void;
}

export class WholeReply implements UpstreamObserver {
  readonly #options: WholeReplyOptions;
  readonly #chunks: Uint8Array[] = [];
  #call: UpstreamCall | null = null;
  #reply: UpstreamReply | null = null;
  #byteLength = 0;

  constructor(options: WholeReplyOptions) {
    this.#options = options;
  }

  /** Once. Throws as the client's `send`. */
  ask(client: Pick<UpstreamClient, "send">, request: UpstreamRequest): void {
    this.#call = client.send(request, this);
  }

  /** Nothing is told afterwards. */
  abort(): void {
    this.#call?.abort();
  }

  onReply(reply: UpstreamReply): void {
    this.#reply = reply;
  }

  onChunk(chunk: Uint8Array): boolean {
    this.#byteLength += chunk.byteLength;
    this.#chunks.push(chunk);
    const { maxBytes, what } = this.#options;
    if (this.#byteLength <= maxBytes) return true;
    this.abort();
    const cause = new Error(`The reply is over ${maxBytes} bytes, which no ${what} is.`);
    this.onFailure({ reason: "invalid_reply", isUnsent: false, cause });
    return true;
  }

  onEnd(): void {
    if (this.#reply !== null) this.#options.onWhole(this.#reply, Buffer.concat(this.#chunks));
  }

  onFailure(failure: UpstreamFailure): void {
    this.#options.onFailure(failure);
  }
}

/** A copy: the chunk belongs to its observer. Nothing follows that a slow one could hold up. */
export function tellWhole(reply: UpstreamReply, body: Buffer, observer: UpstreamObserver): void {
  observer.onReply(reply);
  if (body.byteLength > 0) observer.onChunk(Buffer.from(body));
  observer.onEnd();
}
