import assert from "node:assert/strict";
import { test } from "node:test";
import { GatewayError } from "../errors.ts";
import { sampleRouted } from "../sample-routed.ts";
import { route } from "./route.ts";

test("adds the upstream of the caller's own project, and changes nothing else", async () => {
  const { upstream, ...admitted } = sampleRouted();
  const asked: string[] = [];
  const routed = await route(
    {
      upstreamFor: async (projectId, provider) => {
        asked.push(`${projectId} ${provider.name}`);
        return upstream;
      },
    },
    admitted,
  );
  assert.deepEqual(asked, ["project-1 openai"]);
  assert.deepEqual(routed, { ...admitted, upstream });
});

test("without a key it says who can set one, and how", async () => {
  for (const [dialect, name, variable] of [
    ["openai", "openai", "OPENAI_API_KEY"],
    ["anthropic", "anthropic", "ANTHROPIC_API_KEY"],
  ] as const) {
    await assert.rejects(route({ upstreamFor: async () => null }, sampleRouted({ dialect })), (error) => {
      assert(error instanceof GatewayError);
      assert.equal(error.code, "provider_not_configured");
      assert.equal(error.isRetryable, false);
      assert.match(
        error.message,
        new RegExp(`meshagent provider set ${name} --api-key-from-env ${variable}`),
      );
      return true;
    });
  }
});

test("a directory that cannot be read is not mistaken for a missing key", async () => {
  const broken = new Error("disk");
  await assert.rejects(route({ upstreamFor: () => Promise.reject(broken) }, sampleRouted()), broken);
});
