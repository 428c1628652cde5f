/**
 * The examples that the guide shows, run as they stand in `examples/`, against a gateway right after its
 * installation: it answers from the simulated provider. The two that need only the official SDKs are run by
 * `test/046-examples.test.ts`, and Codex and Claude Code use theirs in all their other tests, too.
 */

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runClaude } from "./bed/claude.ts";
import { type ClientOutput, startClient } from "./bed/client-process.ts";
import { runCodex } from "./bed/codex.ts";
import { readExample } from "./bed/example.ts";
import { clientsDir, pinnedVersion } from "./bed/installed.ts";
import { hasOpencode, runOpencode } from "./bed/opencode.ts";
import { openScene, type Scene } from "./bed/scene.ts";

/** Endpoint, model, how it ended and how the usage is known, of each row; all of them simulated, all in the room. */
async function rowsOf({ gateway }: Scene): Promise<readonly (readonly unknown[])[]> {
  const rows = await gateway.untilExchanges((all) => all.every(({ result }) => result !== null));
  return rows.map(({ intent, result }) => {
    assert.deepEqual([intent.room, intent.participant, intent.isSimulated], ["my-room", "cli-agent", true]);
    return [intent.endpoint, intent.requestedModel, result?.outcome, result?.usageSource];
  });
}

/** Each row is of this client; none of them has agents, and a session only where the client has one. */
async function assertLabels({ gateway }: Scene, clients: readonly string[], session: RegExp): Promise<void> {
  const rows = await gateway.exchanges();
  assert.deepEqual([...new Set(rows.map(({ intent }) => intent.client))], clients);
  for (const { intent } of rows) {
    assert.equal(intent.agentId, null);
    assert.match(intent.sessionId ?? "none", session);
  }
}

function assertAnswered(output: ClientOutput): void {
  assert.equal(output.exitCode, 0, output.screen);
  assert.match(output.stdout, /simulated/i, output.screen);
}

/** Runs a script where it finds the packages that `clients/package.json` pins. */
async function runScript(scene: Scene, name: string): Promise<ClientOutput> {
  const directory = join(clientsDir, "node_modules", ".examples");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), readExample(name));
  return startClient({
    binary: process.execPath,
    args: [join(directory, name)],
    env: { MESHAGENT_API_URL: scene.tap.url, MESHAGENT_ROOM_TOKEN: await scene.gateway.token() },
    home: scene.home,
    timeoutMs: 60_000,
  }).output;
}

describe("examples", () => {
  it("codex/", async () => {
    await using scene = await openScene({ isSimulated: true });
    assertAnswered(await runCodex(scene, { token: await scene.gateway.token(), args: ["say hello"] }));
    assert.deepEqual(await rowsOf(scene), [["/v1/responses", "gpt-5.5", "ok", "exact"]]);
  });

  it("claude-code.sh", async () => {
    await using scene = await openScene({ isSimulated: true });
    assertAnswered(await runClaude(scene, { token: await scene.gateway.token(), args: ["say hello"] }));
    assert.deepEqual(await rowsOf(scene), [["/v1/messages", "claude-opus-5-5", "ok", "exact"]]);
  });

  for (const [model, endpoint] of [
    ["anthropic/claude-sonnet-5-5", "/v1/messages"],
    ["openai/gpt-5.5", "/v1/responses"],
  ] as const) {
    it(`opencode.json, ${model}`, async (context) => {
      if (!hasOpencode) return context.skip("opencode is pinned for Linux on x64 alone");
      await using scene = await openScene({ isSimulated: true });
      const output = await runOpencode(scene, {
        token: await scene.gateway.token(),
        model,
        args: ["say hello"],
      });
      assertAnswered(output);
      const rows = await rowsOf(scene);
      // The turn, and a title that it asks a small model of the same provider for.
      assert.deepEqual(rows.filter(([, asked]) => asked === model.split("/")[1]).at(-1), [
        endpoint,
        model.split("/")[1],
        "ok",
        "exact",
      ]);
      for (const row of rows) assert.equal(row[0], endpoint);
      await assertLabels(scene, [`opencode/${pinnedVersion("opencode-linux-x64")}`], /^ses_/);
    });
  }

  it("ai-sdk.mjs", async () => {
    await using scene = await openScene({ isSimulated: true });
    assertAnswered(await runScript(scene, "ai-sdk.mjs"));
    assert.deepEqual(await rowsOf(scene), [
      ["/v1/responses", "gpt-5.5", "ok", "exact"],
      ["/v1/messages", "claude-sonnet-5-5", "ok", "exact"],
    ]);
    await assertLabels(
      scene,
      [`ai/${pinnedVersion("ai")}`, `ai-sdk-anthropic/${pinnedVersion("@ai-sdk/anthropic")}`],
      /^none$/,
    );
  });

  it("langchain.mjs", async () => {
    await using scene = await openScene({ isSimulated: true });
    assertAnswered(await runScript(scene, "langchain.mjs"));
    assert.deepEqual(await rowsOf(scene), [
      ["/v1/chat/completions", "gpt-5.5", "ok", "exact"],
      ["/v1/messages", "claude-sonnet-5-5", "ok", "exact"],
    ]);
    await assertLabels(scene, ["langchainjs-openai/1.0.0", "Anthropic/JS 0.122.0"], /^none$/);
  });
});
