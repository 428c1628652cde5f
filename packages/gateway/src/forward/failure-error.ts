/** What a caller is told when its exchange ended without the provider's reply. */

import { GatewayError } from "../errors.ts";
import type { Routed } from "../exchange.ts";
import type { UpstreamFailure, UpstreamFailureReason } from "../upstream/client.ts";

/** The request could not even be written; the cause is for the log. */
export function unsendableError(routed: Routed, cause: Error): GatewayError {
  return new GatewayError(
    "internal_error",
    `The gateway cannot write this request to ${routed.provider.displayName}. Its operator finds the reason in its log under ${routed.call.exchangeId}.`,
    { cause },
  );
}

/** `"running"` or `"ended"`: the gateway's own shutdown ended the exchange. */
export function failureError(routed: Routed, end: "running" | "ended" | UpstreamFailure): GatewayError {
  const who = routed.provider.displayName;
  if (typeof end === "string") {
    return new GatewayError("draining", "The gateway is restarting. Send the request again.", {
      retryAfterS: 2,
    });
  }
  const { timeouts } = routed.upstream;
  const cause = end.cause;
  switch (end.reason) {
    case "connect_failed":
      return new GatewayError(
        "upstream_unreachable",
        `The gateway cannot reach ${who}. Try again in a moment; if it stays so, its operator finds the reason with \`meshagent provider test ${routed.provider.name}\`.`,
        { cause },
      );
    case "connect_timeout":
      return new GatewayError(
        "upstream_timeout",
        `${who} did not take a connection within ${timeouts.connectTimeoutMs / 1000} s. Try again in a moment.`,
        { cause },
      );
    case "first_byte_timeout":
      return new GatewayError(
        "upstream_timeout",
        `${who} sent no reply within ${timeouts.firstByteTimeoutMs / 1000} s. Try again, or stream the reply; the operator can raise the gateway's first-byte timeout.`,
        { cause },
      );
    case "idle_timeout":
      return new GatewayError(
        "upstream_timeout",
        `${who} fell silent for ${timeouts.idleTimeoutMs / 1000} s inside its reply. Try again; the operator can raise the gateway's idle timeout.`,
        { cause },
      );
    case "connection_lost":
      return new GatewayError(
        "upstream_unreachable",
        `${who} ended the connection before it replied. Try again.`,
        { cause },
      );
    case "invalid_reply":
      return new GatewayError(
        "upstream_unreachable",
        `What answered in place of ${who} sent no valid HTTP. Its operator should check the provider's base URL.`,
        { cause },
      );
  }
}

/** How an upgraded connection failed; its messages were sent. */
export function socketFailure(reason: UpstreamFailureReason): UpstreamFailure {
  return { reason, isUnsent: false, cause: new Error("The provider's WebSocket ended.") };
}

/** The upstream has failed, and for this reason. */
export function isFailure(
  end: "running" | "ended" | UpstreamFailure,
  reason: UpstreamFailure["reason"],
): boolean {
  return typeof end !== "string" && end.reason === reason;
}
