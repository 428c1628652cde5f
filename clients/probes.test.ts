/** What the real clients ask before and beside a turn, and what they make of the answers. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startClaude } from "./bed/claude.ts";
import { startClient } from "./bed/client-process.ts";
import { runCodex } from "./bed/codex.ts";
import { clientBinaries } from "./bed/installed.ts";
import { assertNoComplaint, openScene } from "./bed/scene.ts";

describe("probes of real clients", () => {
  it("Claude Code discovers the models that its token may use, at no cost", async () => {
    await using scene = await openScene();
    const { output } = startClaude(scene, {
      token: await scene.gateway.token({ llm: { models: ["anthropic/claude-opus-*"] } }),
      args: ["say hi"],
      env: { CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: "1" },
    });
    const run = await output;
    assert.equal(run.exitCode, 0, run.screen);
    assertNoComplaint(run);
    assert.ok(scene.tap.requests.includes("GET /anthropic/v1/models?limit=1000 HTTP/1.1"));
    // What its `/model` shows below its own rows.
    const cache = join(scene.home.home, ".claude", "cache", "gateway-models.json");
    const { models } = JSON.parse(readFileSync(cache, "utf8")) as { models: readonly { id: string }[] };
    const ids = models.map(({ id }) => id);
    assert.ok(ids.includes("claude-opus-5-5"), ids.join());
    assert.deepEqual(
      ids.filter((id) => !id.startsWith("claude-opus-")),
      [],
    );
    const rows = await scene.gateway.untilExchanges((all) => all.every(({ result }) => result !== null));
    const list = rows.find(({ intent }) => intent.endpoint === "/v1/models");
    assert.deepEqual([list?.result?.outcome, list?.result?.costNanoUsd], ["not_metered", 0]);
  });

  it("codex doctor finds the gateway reachable", async () => {
    await using scene = await openScene();
    const token = await scene.gateway.token();
    // Writes the guide's two files.
    assert.equal((await runCodex(scene, { token, args: ["say hi"] })).exitCode, 0);
    const asked = scene.tap.requests.length;
    const doctor = await startClient({
      binary: clientBinaries().codex,
      args: ["doctor", "-c", "model_provider='meshagent'"],
      env: { MESHAGENT_ROOM_TOKEN: token, HTTPS_PROXY: scene.proxy.url },
      home: scene.home,
      timeoutMs: 60_000,
    }).output;
    assert.deepEqual(scene.tap.requests.slice(asked), [
      "HEAD /openai/v1/responses HTTP/1.1",
      "GET /openai/v1/models HTTP/1.1",
    ]);
    assert.match(doctor.screen, /✓ reachability active provider endpoints are reachable over HTTP/);
    assert.match(doctor.screen, / 0 fail /);
    // It asks without a credential: the provider hears of neither.
    assert.equal(scene.provider.requests.length, 1);
  });
});
