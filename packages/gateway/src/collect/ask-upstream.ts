/** Asks a provider for what the gateway wants to know itself, off the hot path. Follows nothing and repeats nothing. */

import type { Upstream } from "../exchange.ts";
import { joinedHeaderValue } from "../headers.ts";
import { createReplyDecoder, encodingsOf, type ReplyDecoder } from "../reply-decoder.ts";
import type { HeaderLines, UpstreamClient } from "../upstream/client.ts";

export interface AskOptions {
  readonly client: Pick<UpstreamClient, "send">;
  readonly upstream: Upstream;
  /** Below the provider's prefix. */
  readonly path: string;
  /** Besides the credential. */
  readonly headers: HeaderLines;
  /** A longer reply is given up. */
  readonly maxBytes: number;
  /** Sees the decoded content as it comes, of a 200 alone; it may not keep it. */
  readonly onBytes: (bytes: Uint8Array) => void;
}

/** Resolves with the status once the whole reply has come. Rejects when it does not. */
export function askUpstream(options: AskOptions): Promise<number> {
  const { client, upstream, maxBytes } = options;
  return new Promise((resolve, reject) => {
    let status = 0;
    let decoder: ReplyDecoder | null = null;
    let byteLength = 0;
    const fail = (error: Error): void => {
      reject(error);
      queueMicrotask(() => call.abort());
    };
    const call = client.send(
      {
        method: "GET",
        origin: upstream.origin,
        path: upstream.basePath + options.path,
        headers: [
          ["accept-encoding", "identity"],
          ...options.headers,
          ...(upstream.apiKey === null ? [] : upstream.provider.authorization(upstream.apiKey)),
        ],
        body: null,
        timeouts: upstream.timeouts,
      },
      {
        onReply: (reply) => {
          status = reply.status;
          const contentEncoding = joinedHeaderValue(reply.headers, "content-encoding");
          if (status !== 200 || encodingsOf(contentEncoding).length === 0) return;
          const made = createReplyDecoder({
            contentEncoding,
            maxDecodedBytes: maxBytes,
            onBytes: options.onBytes,
          });
          if (typeof made === "string") fail(new Error(made));
          else decoder = made;
        },
        onChunk: (chunk) => {
          byteLength += chunk.byteLength;
          if (byteLength > maxBytes) {
            fail(new Error("The provider's reply is too long."));
            return false;
          }
          if (status !== 200) return true;
          if (decoder === null) {
            options.onBytes(chunk);
            return true;
          }
          void decoder.push(chunk).then(() => call.resume());
          return false;
        },
        onEnd: () => {
          if (decoder === null) return resolve(status);
          const encoded = decoder;
          void encoded.end().then(() => {
            if (encoded.fault === null) resolve(status);
            else reject(new Error(encoded.fault));
          });
        },
        onFailure: (failure) => reject(failure.cause),
      },
    );
  });
}
