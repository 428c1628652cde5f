/**
 * What a person sees in Codex when the gateway refuses: our message, no stack trace, and an end. How often Codex
 * asks is its own decision (measured with 0.169.0): six times in seven seconds after a 401 or 403, once after a
 * 404 `model_not_found`, thirty times in half a minute after a 502. `x-should-retry` is nothing to it.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClientOutput } from "./bed/client-process.ts";
import { runCodex } from "./bed/codex.ts";
import { pinnedVersion } from "./bed/installed.ts";
import { assertNoStackTrace, openScene, type Scene } from "./bed/scene.ts";

/** What Codex writes on its last line. */
function finalError(output: ClientOutput): string {
  const last = output.stderr.trimEnd().split("\n").at(-1) ?? "";
  assert.match(last, /^ERROR: /, output.screen);
  return last.slice("ERROR: ".length);
}

async function refusedRun(scene: Scene, token: string): Promise<ClientOutput> {
  const output = await runCodex(scene, { token, args: ["say hi"] });
  console.log(output.screen.split("--------").at(-1), output.durationMs, scene.tap.requests.length, scene.gateway.logs.at(-1));
  assert.equal(output.exitCode, 1, output.screen);
  assert.equal(output.stdout, "");
  assertNoStackTrace(output);
  assert.deepEqual(scene.proxy.asked, []);
  return output;
}

describe(`errors in Codex ${pinnedVersion("@openai/codex")}`, { concurrency: true }, () => {
  it("an expired token", async () => {
    await using scene = await openScene();
    const exp = Math.floor(Date.now() / 1000) - 60;
    const output = await refusedRun(scene, await scene.gateway.token({ exp }));
    assert.ok(finalError(output).startsWith(``));
  });

  it("a revoked key", async () => {
    await using scene = await openScene();
    const { gateway } = scene;
    const token = await gateway.token();
    await gateway.gateway.store.directory.deleteApiKey(gateway.projectId, gateway.apiKey.id);
    const output = await refusedRun(scene, token);
    assert.ok(finalError(output).startsWith(``));
  });

  it("a token without the grant", async () => {
    await using scene = await openScene();
    const output = await refusedRun(scene, await scene.gateway.token({ llm: null }));
    assert.ok(finalError(output).startsWith(``));
  });

  it("a model that the token does not cover", async () => {
    await using scene = await openScene();
    const output = await refusedRun(scene, await scene.gateway.token({ llm: { models: ["openai/gpt-5.4", "anthropic/*"] } }));
    assert.ok(finalError(output).startsWith(``));
  });

  it("a provider that cannot be reached", async () => {
    await using scene = await openScene();
    await scene.provider.close();
    const output = await refusedRun(scene, await scene.gateway.token());
    assert.ok(finalError(output).startsWith(``));
    const rows = await scene.gateway.exchanges();
    console.log(rows.length, JSON.stringify(rows[0]));
  });
});
