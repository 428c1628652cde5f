import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../errors.ts";
import { sampleRouted } from "../sample-routed.ts";
import type { UpstreamFailureReason } from "../upstream/client.ts";
import { failureError } from "./failure-error.ts";

const routed = sampleRouted();

const expected: Readonly<Record<UpstreamFailureReason, readonly [ErrorCode, RegExp]>> = {
  connect_failed: ["upstream_unreachable", /cannot reach OpenAI.*meshagent provider test openai/],
  connect_timeout: ["upstream_timeout", /OpenAI did not take a connection within 1 s/],
  first_byte_timeout: ["upstream_timeout", /OpenAI sent no reply within 2 s/],
  idle_timeout: ["upstream_timeout", /OpenAI fell silent for 3 s/],
  connection_lost: ["upstream_unreachable", /OpenAI ended the connection/],
  invalid_reply: ["upstream_unreachable", /no valid HTTP.*base URL/],
};

for (const [reason, [code, message]] of Object.entries(expected)) {
  test(`${reason} is ${code}, keeps its cause for the log and out of the message`, () => {
    const cause = new Error("sk-of-the-provider at 10.0.0.1");
    const error = failureError(routed, { reason: reason as UpstreamFailureReason, isUnsent: false, cause });
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.equal(error.cause, cause);
    assert.equal(error.isRetryable, true);
    assert.doesNotMatch(error.message, /sk-|10\.0\.0\.1/);
    assert.ok(error.retryAfterS === null || error.retryAfterS <= 5, "short and true");
  });
}

test("a shutdown is the gateway's own, and short", () => {
  for (const end of ["running", "ended"] as const) {
    const error = failureError(routed, end);
    assert.deepEqual([error.code, error.retryAfterS], ["draining", 2]);
  }
});
