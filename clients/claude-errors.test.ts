/**
 * What a person sees in Claude Code when the gateway refuses: our message, no stack trace, and an end. How often Claude Code
 * asks is its own decision (measured with 0.169.0): six times in seven seconds after a 401 or 403, once after a
 * 404 `model_not_found`, thirty times in half a minute after a 502. `x-should-retry` is nothing to it.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClientOutput } from "./bed/client-process.ts";
import { runClaude } from "./bed/claude.ts";
import { pinnedVersion } from "./bed/installed.ts";
import { assertNoStackTrace, openScene, type Scene } from "./bed/scene.ts";

/** What Claude Code writes on its last line. */
function finalError(output: ClientOutput): string {
  const last = output.stderr.trimEnd().split("\n").at(-1) ?? "";
  assert.match(last, /^ERROR: /, output.screen);
  return last.slice("ERROR: ".length);
}

async function refusedRun(scene: Scene, token: string): Promise<ClientOutput> {
  const output = await runClaude(scene, { token, args: ["say hi"], env: { CLAUDE_CODE_MAX_RETRIES: "1" } });
  console.log(output.screen.split("--------").at(-1), output.durationMs, scene.tap.requests.length, scene.gateway.logs.at(-1));
  assert.equal(output.exitCode, 1, output.screen);
  
  assertNoStackTrace(output);
  assert.deepEqual(scene.proxy.asked, []);
  return output;
}

describe(`errors in Claude Code ${pinnedVersion("@anthropic-ai/claude-code")}`, { concurrency: true }, () => {
  it("an expired token", async () => {
    await using scene = await openScene();
    const exp = Math.floor(Date.now() / 1000) - 60;
    const output = await refusedRun(scene, await scene.gateway.token({ exp }));
    
  });

  it("a revoked key", async () => {
    await using scene = await openScene();
    const { gateway } = scene;
    const token = await gateway.token();
    await gateway.gateway.store.directory.deleteApiKey(gateway.projectId, gateway.apiKey.id);
    const output = await refusedRun(scene, token);
    
  });

  it("a token without the grant", async () => {
    await using scene = await openScene();
    const output = await refusedRun(scene, await scene.gateway.token({ llm: null }));
    
  });

  it("a model that the token does not cover", async () => {
    await using scene = await openScene();
    const output = await refusedRun(scene, await scene.gateway.token({ llm: { models: ["anthropic/claude-sonnet-*", "openai/*"] } }));
    
  });

  it("a provider that cannot be reached", async () => {
    await using scene = await openScene();
    await scene.provider.close();
    const output = await refusedRun(scene, await scene.gateway.token());
    
    const rows = await scene.gateway.exchanges();
    console.log(rows.length, JSON.stringify(rows[0]));
  });
});
