/** One post to the webhook for whoever sets a receiver up: signed like a notice, told to nobody else, not tried again. */

import type { Clock } from "../clock.ts";
import { newNoticeId } from "../ids.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { deliver, userAgentOf, type Webhook } from "./deliver.ts";
import { testBody } from "./message.ts";

export interface WebhookTestOptions {
  readonly webhook?: Webhook | null;
  readonly client: Pick<UpstreamClient, "send">;
  readonly clock: Clock;
  readonly version: string;
}

/** What came of it, for a person. Never rejects. */
export async function testWebhook({
  webhook = null,
  client,
  clock,
  version,
}: WebhookTestOptions): Promise<{ readonly ok: boolean; readonly message: string }> {
  if (webhook === null) {
    const message =
      "There is no webhook. Set MESHAGENT_WEBHOOK_URL where the gateway runs, and start it again.";
    return { ok: false, message };
  }
  const nowMs = clock.now();
  const id = newNoticeId(nowMs);
  const { origin } = new URL(webhook.url);
  const outcome = await deliver({
    webhook,
    client,
    id,
    body: testBody(nowMs),
    nowMs,
    userAgent: userAgentOf(version),
    signal: new AbortController().signal,
  });
  if (outcome.kind === "delivered") return { ok: true, message: `${origin} took the test ${id}.` };
  const reason = outcome.kind === "failed" ? outcome.reason : "status 410";
  return {
    ok: false,
    message: `${origin} did not take the test ${id}: ${reason}. It must answer 2xx within 10 seconds.`,
  };
}
