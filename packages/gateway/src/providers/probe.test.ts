import assert from "node:assert/strict";
import { test } from "node:test";
import type { Upstream } from "../exchange.ts";
import { sampleRouted } from "../sample-routed.ts";
import type { UpstreamClient, UpstreamObserver, UpstreamRequest } from "../upstream/client.ts";
import { probeUpstream } from "./probe.ts";

interface Probe {
  readonly ok: boolean;
  readonly message: string;
  readonly request: UpstreamRequest;
  readonly aborted: number;
}

async function probe(upstream: Upstream, answer: (observer: UpstreamObserver) => void): Promise<Probe> {
  let request: UpstreamRequest | undefined;
  let aborted = 0;
  const client: UpstreamClient = {
    send: (sent, observer) => {
      request = sent;
      queueMicrotask(() => answer(observer));
      return { resume: () => {}, abort: () => (aborted += 1) };
    },
    close: async () => {},
  };
  const result = await probeUpstream(client, upstream);
  await new Promise(setImmediate);
  assert(request !== undefined);
  return { ...result, request, aborted };
}

const openAiUpstream = sampleRouted().upstream;
const anthropicUpstream = sampleRouted({ dialect: "anthropic" }).upstream;

function status(code: number): (observer: UpstreamObserver) => void {
  return (observer) => observer.onReply({ status: code, statusText: "", headers: [] });
}

test("asks for the cheapest thing with the key, and reads no more than the status", async () => {
  const result = await probe(openAiUpstream, status(200));
  assert.deepEqual([result.ok, result.aborted], [true, 1]);
  const { method, origin, path, headers, body, timeouts } = result.request;
  assert.deepEqual([method, origin, path, body], ["GET", "https://provider.example", "/v1/models", null]);
  assert.deepEqual(headers, [["authorization", "Bearer sk-of-the-provider"]]);
  assert.deepEqual(timeouts, { ...openAiUpstream.timeouts, firstByteTimeoutMs: 15_000 });
  const anthropic = await probe(anthropicUpstream, status(200));
  assert.deepEqual(
    anthropic.request.headers.find(([name]) => name === "x-api-key"),
    ["x-api-key", "sk-of-the-provider"],
  );
});

test("says who refuses the key and how to set another, without the key", async () => {
  for (const code of [401, 403]) {
    const { ok, message } = await probe(openAiUpstream, status(code));
    assert.equal(ok, false);
    assert.match(
      message,
      new RegExp(
        `OpenAI refuses the key \\(${code}\\).*meshagent provider set openai --api-key-from-env OPENAI_API_KEY`,
      ),
    );
    assert.doesNotMatch(message, /sk-of/);
  }
});

test("any other answer points at the base URL", async () => {
  for (const code of [301, 404, 500]) {
    const { ok, message } = await probe(openAiUpstream, status(code));
    assert.equal(ok, false);
    assert.match(message, new RegExp(`answered ${code} at https://provider.example/v1`));
  }
});

test("a provider that cannot be reached says why", async () => {
  const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const { ok, message } = await probe(openAiUpstream, (observer) =>
    observer.onFailure({ reason: "connect_failed", isUnsent: true, cause }),
  );
  assert.equal(ok, false);
  assert.match(message, /cannot be reached at https:\/\/provider\.example: .*ECONNREFUSED/);
});

test("the simulated provider says that it is one, and is sent no credential", async () => {
  const { ok, message, request } = await probe(
    { ...openAiUpstream, apiKey: null, isSimulated: true },
    status(200),
  );
  assert.equal(ok, true);
  assert.match(message, /simulated/);
  assert.deepEqual(request.headers, []);
});
