/**
 * Codex CLI with its token from a command, as setup writes it: it asks the gateway for the models, works with those
 * that it does not know as well as with its own, and says nothing about it.
 */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { codexInstructions } from "@meshagent/llm-proxy-gateway/dialects/openai/codex-instructions";
import { modelsOf, parseCodexVersion } from "@meshagent/llm-proxy-gateway/dialects/openai/codex-versions";
import type { RecordedRequest } from "../test/bed/fake-provider.ts";
import { rawJson } from "../test/bed/raw-reply.ts";
import { codexModels, codexTokensUsed, runCodex } from "./bed/codex.ts";
import type { ClientOutput } from "./bed/client-process.ts";
import { pinnedVersion } from "./bed/installed.ts";
import { assertCredentialsStayApart, assertNoComplaint, openScene, type Scene } from "./bed/scene.ts";

const version = pinnedVersion("@openai/codex");
const modelsLine = `GET /openai/v1/models?client_version=${version} HTTP/1.1`;
/** Of a provider that took the request. */
const silence = { pieces: [{ until: new Promise<void>(() => {}) }], end: "keep" } as const;
const warning = /Model metadata for `gpt-5\.4` not found/;

interface Turn {
  readonly model: string;
  readonly reasoning?: unknown;
  readonly text?: unknown;
  readonly tools: readonly { readonly type: string; readonly name?: string }[];
  /** The text of the first item, which is the prompt. */
  readonly prompt: string;
}

function turnOf(request: RecordedRequest | undefined): Turn {
  assert.ok(request !== undefined);
  const body = JSON.parse(request.body.toString()) as Turn & {
    readonly input: readonly {
      readonly role: string;
      readonly content: readonly { readonly text: string }[];
    }[];
  };
  assert.equal(body.input[0]?.role, "developer");
  return { ...body, prompt: body.input[0].content[0]?.text ?? "" };
}

const turnsOf = (scene: Scene): readonly Turn[] =>
  scene.provider.requests.filter(({ method }) => method === "POST").map(turnOf);

/** It asks once or twice before the first turn: two of its parts want to know. */
function assertAskedFirst({ tap }: Scene, turns: number): void {
  const asked = tap.requests.filter((line) => line === modelsLine).length;
  assert.ok(asked >= 1 && asked <= 2, tap.requests.join("\n"));
  assert.deepEqual(
    tap.requests.slice(asked),
    Array(turns).fill("POST /openai/v1/responses HTTP/1.1"),
    "and then only its turns",
  );
}

describe(`Codex ${version}, which asks for the models`, () => {
  it("runs a tool with a model that it does not bring along, by our prompt and with its patch tool", async () => {
    await using scene = await openScene();
    const token = await scene.gateway.token({ llm: { models: ["openai/gpt-5.4"] } });
    const output = await runCodex(scene, {
      token,
      isAsking: true,
      model: "gpt-5.4",
      args: ["run: echo hello-from-tool"],
    });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.match(output.stdout, /The tool answered: "hello-from-tool"\.\n$/);
    assertAskedFirst(scene, 2);
    assert.ok(codexTokensUsed(output) > 0);
    assertCredentialsStayApart(scene, token);

    const turns = turnsOf(scene);
    assert.equal(turns.length, 2);
    for (const turn of turns) {
      assert.equal(turn.model, "gpt-5.4");
      assert.equal(turn.prompt, codexInstructions);
      assert.deepEqual([turn.reasoning, turn.text], [{ effort: "medium" }, { verbosity: "low" }]);
      assert.ok(turn.tools.some(({ type, name }) => type === "custom" && name === "apply_patch"));
    }
  });

  it("without asking, it warns of that model: what the tests here look for would show", async () => {
    await using scene = await openScene();
    const output = await runCodex(scene, {
      token: await scene.gateway.token(),
      model: "gpt-5.4",
      args: ["say hi"],
    });
    assert.equal(output.exitCode, 0, output.screen);
    assert.match(output.stderr, warning);
    assert.notEqual(turnsOf(scene)[0]?.prompt, codexInstructions);
  });

  it("keeps its own prompt and tools for a model that it brings along", async () => {
    await using asking = await openScene();
    await using guide = await openScene();
    for (const [scene, isAsking] of [
      [asking, true],
      [guide, false],
    ] as const) {
      const output = await runCodex(scene, {
        token: await scene.gateway.token({ llm: { models: ["openai/gpt-5.5"] } }),
        isAsking,
        args: ["say hi"],
      });
      assert.equal(output.exitCode, 0, output.screen);
      assertNoComplaint(output);
    }
    assertAskedFirst(asking, 1);
    const [asked, told] = [turnsOf(asking)[0], turnsOf(guide)[0]];
    assert.ok(asked !== undefined && told !== undefined);
    assert.equal(asked.prompt, told.prompt);
    assert.notEqual(asked.prompt, codexInstructions);
    assert.deepEqual(asked.tools, told.tools);
    assert.deepEqual([asked.reasoning, asked.text], [told.reasoning, told.text]);
  });

  for (const model of ["gpt-6.2-sol", "gpt-6.1-sol", "gpt-5.4-mini", "gpt-4.1", "gpt-4o-mini"]) {
    // A home of its own each: Codex now and then reads its cache of an earlier run while it writes it, and says so.
    it(`says nothing of ${model}, which the provider lists`, async () => {
      await using scene = await openScene();
      const token = await scene.gateway.token();
      const output = await runCodex(scene, { token, isAsking: true, model, args: ["say hi"] });
      assert.equal(output.exitCode, 0, output.screen);
      assertNoComplaint(output);
      const row = (await scene.gateway.exchanges()).at(-1);
      assert.deepEqual([row?.intent.requestedModel, row?.result?.outcome], [model, "ok"]);
    });
  }

  it("takes a model that nobody knows from a server that lists it", async () => {
    await using scene = await openScene();
    const list = JSON.stringify({ object: "list", data: [{ id: "house-coder", object: "model" }] });
    scene.provider.script((request) => (request.path.includes("/models") ? rawJson(200, list) : null));
    const output = await runCodex(scene, {
      token: await scene.gateway.token(),
      isAsking: true,
      model: "house-coder",
      args: ["run: echo hello-from-tool"],
    });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    const [turn] = turnsOf(scene);
    assert.equal(turn?.prompt, codexInstructions);
    assert.ok(!turn.tools.some(({ name }) => name === "apply_patch"), "it may not know tools of free text");
  });

  it("brings along what the gateway thinks that this version brings along", async () => {
    await using scene = await openScene();
    const bundled = await codexModels(scene, { token: await scene.gateway.token(), isBundled: true });
    const parsed = parseCodexVersion(`client_version=${version}`);
    assert.ok(parsed !== null);
    assert.deepEqual([...bundled.keys()].toSorted(), modelsOf(parsed).toSorted(), "see codex-versions.ts");
  });

  it("offers in its picker what the token may use, and nothing else", async () => {
    await using scene = await openScene();
    const offered = async (models: readonly string[] | null): Promise<readonly string[]> => {
      const token = await scene.gateway.token({ llm: { models } });
      const all = await codexModels(scene, { token });
      return [...all].flatMap(([slug, visibility]) => (visibility === "list" ? [slug] : [])).toSorted();
    };
    assert.deepEqual(await offered(["openai/gpt-5.5", "openai/gpt-5.4*"]), [
      "gpt-5.4",
      "gpt-5.4-mini",
      "gpt-5.5",
    ]);
    const everything = await offered(null);
    for (const model of ["gpt-5.4", "gpt-5.5", "gpt-6.2-sol", "gpt-5.6-terra"])
      assert.ok(everything.includes(model), model);
  });

  it("starts at once when the provider lists nothing any more: the gateway has what it listed", async () => {
    await using scene = await openScene();
    const run = async (): Promise<ClientOutput> =>
      runCodex(scene, {
        token: await scene.gateway.token(),
        isAsking: true,
        model: "gpt-5.4",
        args: ["say hi"],
      });
    const listings = (): number =>
      scene.provider.requests.filter(({ path }) => path.includes("/models")).length;
    assertNoComplaint(await run());
    const asked = listings();
    // Codex has a list of its own, which it does not believe after five minutes.
    rmSync(join(scene.home.home, ".codex", "models_cache.json"));
    scene.provider.script((request) => (request.path.includes("/models") ? silence : null));
    const output = await run();
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.equal(turnsOf(scene)[1]?.prompt, codexInstructions, "it knows the model");
    assert.equal(listings(), asked);
    assert.ok(scene.tap.requests.filter((line) => line === modelsLine).length > asked, "but it did ask");
  });

  it("starts without a word when the provider says nothing at all", async () => {
    await using scene = await openScene();
    scene.provider.script((request) => (request.path.includes("/models") ? silence : null));
    const output = await runCodex(scene, {
      token: await scene.gateway.token(),
      isAsking: true,
      args: ["say hi"],
    });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.equal(scene.provider.requests.filter(({ path }) => path.includes("/models")).length, 1);
  });

  it("works over a WebSocket, too", async () => {
    await using scene = await openScene();
    const output = await runCodex(scene, {
      token: await scene.gateway.token({ llm: { models: ["openai/gpt-5.4"] } }),
      isAsking: true,
      isSocket: true,
      model: "gpt-5.4",
      args: ["run: echo hello-from-tool"],
    });
    assert.equal(output.exitCode, 0, output.screen);
    assertNoComplaint(output);
    assert.match(output.stdout, /The tool answered: "hello-from-tool"\.\n$/);
    const rows = (await scene.gateway.exchanges()).filter(({ intent }) => intent.transport === "websocket");
    assert.ok(rows.length >= 2 && rows.every((row) => row.result?.outcome === "ok"));
  });

  it("names the variable when there is no token", async () => {
    await using scene = await openScene();
    const output = await runCodex(scene, { token: null, isAsking: true, args: ["say hi"], maxRetries: 0 });
    assert.equal(output.exitCode, 1, output.screen);
    assert.match(
      output.stderr,
      /\nERROR: provider auth command `sh` exited .*MESHAGENT_ROOM_TOKEN: is not set\. Export a participant token\n/,
    );
    assert.deepEqual(scene.provider.requests, []);
  });
});
