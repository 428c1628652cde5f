/**
 * The examples that need no more than the official SDKs, run as they stand in `examples/`, against a gateway that
 * answers from the simulated provider. Those that need other packages or programs are run by `npm run test:clients`.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { parse as parseYaml } from "yaml";
import { parseTokenSpec } from "@meshagent/llm-proxy-protocol/token-spec";
import { readFromRoot, root } from "../scripts/docs/pages.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let gateway: TestGateway;
let token: string;
before(async () => {
  gateway = await startTestGateway({ prices: readFromRoot("examples/prices.json") });
  token = await gateway.token(parseTokenSpec(parseYaml(readFromRoot("examples/token-spec.yaml"))));
});
after(() => gateway.close());

/** What it prints. Rejects when it fails; nothing of this machine's own environment gets in. */
async function run(example: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(root, "examples", example)], {
    env: { MESHAGENT_API_URL: gateway.url, MESHAGENT_ROOM_TOKEN: token },
  });
  assert.equal(stderr, "");
  return stdout;
}

/** The rows since the last call: endpoint, transport, model, how it ended, how the usage is known. */
let seen = 0;
async function newRows(): Promise<readonly (readonly unknown[])[]> {
  const rows = (await gateway.exchanges()).slice(seen);
  seen += rows.length;
  return rows.map(({ intent, result }) => {
    assert.deepEqual([intent.room, intent.participant, intent.isSimulated], ["my-room", "cli-agent", true]);
    return [intent.endpoint, intent.transport, intent.requestedModel, result?.outcome, result?.usageSource];
  });
}

const saidTwice = /^.*simulated.*\n.*simulated.*\n$/is;

describe("examples", () => {
  it("openai-sdk.mjs", async () => {
    assert.match(await run("openai-sdk.mjs"), saidTwice);
    assert.deepEqual(await newRows(), [
      ["/v1/responses", "http", "gpt-5.5", "ok", "exact"],
      ["/v1/chat/completions", "sse", "gpt-5.5", "ok", "exact"],
    ]);
  });

  it("anthropic-sdk.mjs", async () => {
    assert.match(await run("anthropic-sdk.mjs"), saidTwice);
    assert.deepEqual(await newRows(), [
      ["/v1/messages", "http", "claude-sonnet-5-5", "ok", "exact"],
      ["/v1/messages", "sse", "claude-sonnet-5-5", "ok", "exact"],
    ]);
  });

  it("prices.json is a price card, and its prices are charged", async () => {
    const [row] = (await gateway.exchanges()).filter(({ intent }) => intent.requestedModel === "gpt-5.5");
    const [record] = row?.result?.usage ?? [];
    assert.equal(record?.price_version, "card@2026-11-20");
    assert.deepEqual(
      record.lines
        .filter(({ component }) => component !== "cache_read")
        .map(({ unit_price: price }) => price),
      ["5", "30"],
    );
  });

  it("token-spec.yaml is a spec, and the README shows the same set-up", () => {
    const readme = readFromRoot("README.md");
    const indented = (path: string): string =>
      readFromRoot(path)
        .trimEnd()
        .split("\n")
        .map((line) => (line === "" ? "" : `    ${line}`))
        .join("\n");
    for (const path of [
      "examples/token-spec.yaml",
      "examples/codex/config.toml",
      "examples/codex/meshagent.config.toml",
      "examples/claude-code.sh",
    ]) {
      assert.ok(readme.includes(indented(path)), `README.md does not show ${path} as it is`);
    }
  });
});
