/**
 * What a person sees in Claude Code when the gateway refuses: our message, no stack trace, and an end. How often
 * it asks is decided by the gateway's `x-should-retry: false`: without it a 401 is repeated for three minutes
 * (measured with 2.1.330).
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runClaude } from "./bed/claude.ts";
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
  /** What Claude Code writes before the message. */
  readonly before: string;
  /** And after it. */
  readonly after?: string;
  readonly requests: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs Claude Code into a refusal and checks all that a person gets to see, which is one line. */
async function assertRefused(scene: Scene, refusal: Refusal, expected: Expectation): Promise<void> {
  const { env = {}, before, after = "", requests } = expected;
  const output = await runClaude(scene, { token: refusal.token, args: ["say hi"], env });
  assert.equal(output.exitCode, 1, output.screen);
  assert.equal(output.stderr, "");
  assertNoStackTrace(output);
  assert.match(output.stdout, new RegExp(`^${literal(before)}${refusal.message}${literal(after)}\n$`));

  assert.deepEqual(
    scene.tap.requests,
    Array(requests).fill("POST /anthropic/v1/messages?beta=true HTTP/1.1"),
  );
  assert.equal(refusedIds(scene, refusal.code).length, requests);
  assert.deepEqual(scene.provider.requests, []);
  assert.deepEqual(scene.proxy.asked, []);
}

describe(`errors in Claude Code ${pinnedVersion("@anthropic-ai/claude-code")}`, { concurrency: true }, () => {
  const unauthenticated = "Failed to authenticate. API Error: 401 ";
  // Its word for every 403.
  const forbidden = "Failed to authenticate. API Error: 403 ";

  it("an expired token", async () => {
    await using scene = await openScene();
    await assertRefused(scene, await expiredToken(scene), { before: unauthenticated, requests: 1 });
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("a revoked key", async () => {
    await using scene = await openScene();
    await assertRefused(scene, await revokedKey(scene), { before: unauthenticated, requests: 1 });
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("a token without the grant", async () => {
    await using scene = await openScene();
    await assertRefused(scene, await missingGrant(scene), { before: forbidden, requests: 1 });
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("a model that the token does not cover", async () => {
    await using scene = await openScene();
    const refusal = await modelNotGranted(scene, "anthropic/claude-opus-5-5");
    await assertRefused(scene, refusal, { before: forbidden, requests: 1 });
    assert.deepEqual(await scene.gateway.exchanges(), []);
  });

  it("a provider that cannot be reached", async () => {
    await using scene = await openScene();
    await assertRefused(scene, await providerDown(scene, "Anthropic"), {
      before: "API Error: 502 ",
      after:
        " This is a server-side issue, usually temporary — try again in a moment. If it persists, check your " +
        `inference gateway (${new URL(scene.tap.url).host}).`,
      requests: 2,
      // Its own 10 retries, rightly made when a provider is down, take three minutes.
      env: { CLAUDE_CODE_MAX_RETRIES: "1" },
    });
    const rows = await scene.gateway.exchanges();
    assert.deepEqual(
      rows.map(({ result }) => [result?.outcome, result?.status, result?.costNanoUsd, result?.usage]),
      Array(2).fill(["upstream_error", 502, 0, []]),
    );
  });
});
