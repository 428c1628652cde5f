import assert from "node:assert/strict";
import { test } from "node:test";
import { type BannerOptions, renderBanner } from "./banner.ts";
import { anthropic } from "./providers/anthropic/provider.ts";
import { openai } from "./providers/openai/provider.ts";

const passing = { rateLimitHeaders: "pass", acceptedEncodings: [] } as const;

const plain: BannerOptions = {
  version: "1.2.3",
  url: "https://gw.example",
  dataDir: "/data",
  providers: [
    { provider: openai, source: "environment", baseUrl: "https://api.openai.com/v1", passing },
    { provider: anthropic, source: "none", baseUrl: "https://api.anthropic.com", passing },
  ],
  ownerToken: null,
  warnings: [],
  interrupted: 0,
  command: "npx meshagent",
};

test("says where clients connect and who answers", () => {
  const text = renderBanner(plain);
  assert.match(text, /MeshAgent LLM Proxy 1\.2\.3/);
  assert.match(text, /Next, in another terminal: {2}npx meshagent setup$/m);
  assert.match(text, /https:\/\/gw\.example\/openai\/v1$/m);
  assert.match(text, /https:\/\/gw\.example\/anthropic$/m);
  assert.match(text, /OpenAI +key from OPENAI_API_KEY, https:\/\/api\.openai\.com\/v1/);
  assert.match(
    text,
    /Anthropic +not configured: meshagent provider set anthropic --api-key-from-env ANTHROPIC_API_KEY/,
  );
  assert.doesNotMatch(text, /SIMULATED|Warning|token|interrupted/);
});

test("shows the owner's token only when it is given", () => {
  assert.match(
    renderBanner({ ...plain, ownerToken: "mo-x" }),
    /shown once, kept in \/data\/owner-token.*\n +mo-x\n/,
  );
});

test("says loudly when replies are made up, and how to get real ones (contract 1)", () => {
  const providers = plain.providers.map((status) => ({ ...status, source: "simulated" as const }));
  const text = renderBanner({ ...plain, providers });
  assert.match(text, /SIMULATED/);
  assert.match(text, /meshagent provider set openai --api-key-from-env OPENAI_API_KEY/);
});

test("tells of interrupted exchanges and of warnings", () => {
  const text = renderBanner({ ...plain, interrupted: 2, warnings: ["Tokens travel in clear text."] });
  assert.match(text, /2 exchange\(s\)/);
  assert.match(text, /Warning: Tokens travel in clear text\./);
});
