/**
 * What a person sees in Codex when the gateway refuses: our message, no stack trace, and an end. How often Codex
 * asks is its own decision (measured with 0.169.0): six times in seven seconds after a 401 or 403, once after a
 * 404 `model_not_found`. It takes no notice of `x-should-retry`.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runCodex } from "./bed/codex.ts";
import { pinnedVersion } from "./bed/installed.ts";
import {
  expiredToken,
  literal,
  missingGrant,
  modelNotGranted,
  providerDown,
  type Refusal,
  revokedKey,
} from "./bed/refusals.ts";
import { assertNoStackTrace, openScene, refusedIds, type Scene } from "./bed/scene.ts";

interface Expectation {
  /** What Codex writes before the message, when it does not show the message alone. */
  readonly status?: string;
  readonly requests: number;
  readonly maxRetries?: number;
}

/** Runs Codex into a refusal and checks all that a person gets to see. */
async function assertRefused(scene: Scene, refusal: Refusal, expected: Expectation): Promise<void> {
  const { maxRetries, status, requests } = expected;
  const output = await runCodex(scene, {
    token: refusal.token,
    args: ["say hi"],
    ...(maxRetries === undefined ? {} : { maxRetries }),
  });
  assert.equal(output.exitCode, 1, output.screen);
  assert.equal(output.stdout, "");
  assertNoStackTrace(output);

  const errors = output.stderr.split("\n").filter((line) => /error|warn/i.test(line));
  const final = errors.at(-1) ?? "";
  const url = literal(`${scene.tap.url}/openai/v1/responses`);
  const shown =
    status === undefined
      ? refusal.message
      : `unexpected status ${status}: ${refusal.message}, url: ${url}, request id: (ex_\\w+)`;
  const match = new RegExp(`^ERROR: ${shown}$`).exec(final);
  assert.ok(match !== null, output.screen);
  // Beside the message, which Codex prints twice, it says only that it tries again.
  const others = errors.filter((line) => line !== final);
  assert.deepEqual(
    others.filter((line) => !/^ERROR: Reconnecting\.\.\. \d\/\d$/.test(line)),
    [],
  );

  assert.deepEqual(scene.tap.requests, Array(requests).fill("POST /openai/v1/responses HTTP/1.1"));
  const ids = refusedIds(scene, refusal.code);
  assert.equal(ids.length, requests);
  // The id that the person is shown is the one in the gateway's log.
  if (status !== undefined) assert.equal(match[1], ids.at(-1));
  assert.deepEqual(scene.provider.requests, []);
  assert.deepEqual(scene.proxy.asked, []);
}

describe(`errors in Codex ${pinnedVersion("@openai/codex")}`, { concurrency: true }, () => {
  it("an expired token", async () => {
    await using scene = await openScene();
    await assertRefused(scene, await expiredToken(scene), { status: "401 Unauthorized", requests: 6 });
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("a revoked key", async () => {
    await using scene = await openScene();
    await assertRefused(scene, await revokedKey(scene), { status: "401 Unauthorized", requests: 6 });
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("a token without the grant", async () => {
    await using scene = await openScene();
    await assertRefused(scene, await missingGrant(scene), { status: "403 Forbidden", requests: 6 });
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("a model that the token does not cover", async () => {
    await using scene = await openScene();
    await assertRefused(scene, await modelNotGranted(scene, "openai/gpt-5.5"), { requests: 1 });
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("a provider that cannot be reached", async () => {
    await using scene = await openScene();
    // With Codex's own 4 and 5 retries these are (1 + 4) * (1 + 5) = 30 requests and up to a minute; (1 + 1) * (1 + 1) here.
    const expected = { status: "502 Bad Gateway", requests: 4, maxRetries: 1 };
    await assertRefused(scene, await providerDown(scene, "OpenAI"), expected);
    const rows = await scene.gateway.exchanges();
    assert.deepEqual(
      rows.map(({ result }) => [result?.outcome, result?.status, result?.costNanoUsd, result?.usage]),
      Array(4).fill(["upstream_error", 502, 0, []]),
    );
  });
});
