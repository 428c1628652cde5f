/**
 * One attempt to deliver a notice to the webhook. It follows no redirect, keeps nothing of the reply but its status and
 * decides nothing about another attempt. The URL is the operator's own, from the server's settings, so any address is
 * good, also one of a private network; it may hold a secret of the receiver's and is in no log.
 */

import type { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { joinedHeaderValue } from "../headers.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { signatureOf } from "./signature.ts";

export interface Webhook {
  /** http or https. */
  readonly url: string;
  /** As `isWebhookSecret` takes it. */
  readonly secret: Secret;
}

export interface Delivery {
  readonly webhook: Webhook;
  readonly client: Pick<UpstreamClient, "send">;
  readonly id: string;
  readonly body: string;
  /** Of this attempt: an old signature is worth nothing to who records one. */
  readonly nowMs: number;
  readonly userAgent: string;
  /** Gives the attempt up; it then counts as none. */
  readonly signal: AbortSignal;
}

export type DeliveryOutcome =
  | { readonly kind: "delivered" }
  /** 410: the receiver wants nothing more. */
  | { readonly kind: "gone" }
  | {
      readonly kind: "failed";
      /** For the log: holds no URL. */
      readonly reason: string;
      /** When the receiver says how long it wants to be left alone. */
      readonly retryAfterMs: number | null;
    }
  | { readonly kind: "aborted" };

/** For all of an attempt. */
const TIMEOUT_MS = 10_000;
/** What a receiver says beyond that is not listened to. */
const MAX_REPLY_BYTES = 64 * 1024;

/** Names the gateway in the receiver's own log. */
export function userAgentOf(version: string): string {
  return `meshagent/${version}`;
}

/** Never rejects. */
export function deliver(delivery: Delivery): Promise<DeliveryOutcome> {
  return new Promise((resolve) => {
    let outcome: DeliveryOutcome | null = null;
    let byteLength = 0;
    const end = (ended: DeliveryOutcome): void => {
      clearTimeout(timer);
      delivery.signal.removeEventListener("abort", onAbort);
      resolve(ended);
    };
    const giveUp = (ended: DeliveryOutcome): void => {
      // `send` has returned by then.
      queueMicrotask(() => call?.abort());
      end(outcome ?? ended);
    };
    const onAbort = (): void => giveUp({ kind: "aborted" });
    const timer = setTimeout(() => giveUp(failed(`no answer within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
    delivery.signal.addEventListener("abort", onAbort);
    const call = send(delivery, {
      onReply: ({ status, headers }) => {
        outcome = outcomeOf(status, joinedHeaderValue(headers, "retry-after"));
      },
      onChunk: (chunk) => {
        byteLength += chunk.byteLength;
        if (byteLength <= MAX_REPLY_BYTES) return true;
        giveUp(failed("no end of the answer"));
        return false;
      },
      onEnd: () => end(outcome ?? failed("no answer")),
      onFailure: ({ cause }) => end(outcome ?? failed(cause.message)),
    });
    if (call === null) end(failed("the URL cannot be asked"));
  });
}

function send(
  { webhook, client, id, body, nowMs, userAgent }: Delivery,
  observer: Parameters<UpstreamClient["send"]>[1],
): ReturnType<UpstreamClient["send"]> | null {
  const { origin, pathname, search } = new URL(webhook.url);
  const bytes = Buffer.from(body, "utf8");
  const timestampS = Math.floor(nowMs / 1000);
  try {
    return client.send(
      {
        method: "POST",
        origin,
        path: pathname + search,
        headers: [
          ["content-type", "application/json"],
          ["user-agent", userAgent],
          ["webhook-id", id],
          ["webhook-timestamp", String(timestampS)],
          ["webhook-signature", signatureOf(webhook.secret, { id, timestampS, body })],
        ],
        body: { byteLength: bytes.byteLength, chunks: () => [bytes] },
        timeouts: {
          connectTimeoutMs: TIMEOUT_MS,
          firstByteTimeoutMs: TIMEOUT_MS,
          idleTimeoutMs: TIMEOUT_MS,
        },
      },
      observer,
    );
  } catch {
    return null;
  }
}

/** A redirect is a failure: a signed body goes where the operator sent it, and nowhere else. */
function outcomeOf(status: number, retryAfter: string | null | undefined): DeliveryOutcome {
  if (status >= 200 && status < 300) return { kind: "delivered" };
  if (status === 410) return { kind: "gone" };
  const seconds = /^\d{1,9}$/.test(retryAfter ?? "") ? Number(retryAfter) : null;
  return { ...failed(`status ${status}`), retryAfterMs: seconds === null ? null : seconds * 1000 };
}

function failed(reason: string): Extract<DeliveryOutcome, { kind: "failed" }> {
  return { kind: "failed", reason, retryAfterMs: null };
}
