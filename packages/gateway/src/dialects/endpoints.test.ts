import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropicDialect } from "./anthropic/dialect.ts";
import type { OfferedEndpoint } from "./dialect.ts";
import { openAiDialect } from "./openai/dialect.ts";

const dialects = [openAiDialect, anthropicDialect] as const;

function row(dialect: (typeof dialects)[number], name: string): OfferedEndpoint {
  const found = dialect.endpoints.find((endpoint) => endpoint.name === name && endpoint.offer === "offered");
  assert(found?.offer === "offered", name);
  return found;
}

test("what bills has a usage reader, and what bills nothing has none (contract 4: not_metered)", () => {
  const metered = dialects.flatMap((dialect) =>
    dialect.endpoints.flatMap((endpoint) =>
      endpoint.offer === "offered" && endpoint.usageReader !== null ? [endpoint.name] : [],
    ),
  );
  assert.deepEqual(metered, [
    "responses",
    "responses.compact",
    "chat.completions",
    "completions",
    "embeddings",
    "audio.speech",
    "audio.transcriptions",
    "audio.translations",
    "images.generations",
    "images.edits",
    "batches",
    "videos",
    "videos.remix",
    "messages",
    "complete",
    "messages.batches",
  ]);
});

test("usage is asked for on streamed chat and legacy completions alone (contract 2's list of exceptions)", () => {
  const injected = dialects.flatMap((dialect) =>
    dialect.endpoints.flatMap((endpoint) =>
      endpoint.offer === "offered" && endpoint.needsIncludeUsage ? [endpoint.name] : [],
    ),
  );
  assert.deepEqual(injected, ["chat.completions", "completions"]);
  assert.notEqual(openAiDialect.usageInjection, null);
  assert.equal(anthropicDialect.usageInjection, null);
  for (const name of injected) assert.ok(row(openAiDialect, name).policy.fields.includes("stream_options"));
});

test("an endpoint that names a model in its body needs one, except where the provider does not", () => {
  for (const dialect of dialects) {
    for (const endpoint of dialect.endpoints) {
      if (endpoint.offer !== "offered" || endpoint.method !== "POST") continue;
      // Endpoints of stored objects name models, if any, within them (`object-table.test.ts`).
      if (endpoint.policy.modelIn.length === 0 || /^(?:files|videos)/.test(endpoint.name)) continue;
      assert.deepEqual(
        endpoint.policy.modelIn,
        {
          "audio.transcriptions": ["form"],
          "audio.translations": ["form"],
          "images.edits": ["form", "json"],
        }[endpoint.name] ?? ["json"],
        endpoint.name,
      );
      // OpenAI chooses the model of images and moderations where the request names none.
      const needsNone = ["responses.input_tokens", "moderations", "images.generations", "images.edits"];
      assert.equal(endpoint.policy.isModelRequired, !needsNone.includes(endpoint.name), endpoint.name);
    }
    assert.deepEqual(row(dialect, "models.retrieve").policy.modelIn, ["path"]);
    assert.equal(row(dialect, "models").isModelList, true);
    assert.equal(row(dialect, "models.retrieve").isModelList, false);
  }
});

test("every policy sees the output limits that the endpoint takes", () => {
  const limits: Readonly<Record<string, readonly string[]>> = {
    responses: ["max_output_tokens"],
    "chat.completions": ["max_tokens", "max_completion_tokens"],
    completions: ["max_tokens"],
  };
  for (const [name, fields] of Object.entries(limits)) {
    for (const field of [...fields, "stream", "service_tier"]) {
      assert.ok(row(openAiDialect, name).policy.fields.includes(field), `${name}: ${field}`);
    }
  }
  for (const field of ["max_tokens_to_sample", "stream"]) {
    assert.ok(row(anthropicDialect, "complete").policy.fields.includes(field), field);
  }
  for (const field of ["max_tokens", "stream", "service_tier"]) {
    assert.ok(row(anthropicDialect, "messages").policy.fields.includes(field), field);
  }
});

test("offered rows stand before refused ones of the same path, since the first match wins", () => {
  for (const dialect of dialects) {
    const firstRefused = dialect.endpoints.findIndex((endpoint) => endpoint.offer !== "offered");
    assert.ok(dialect.endpoints.slice(firstRefused).every((endpoint) => endpoint.offer !== "offered"));
  }
});

test("a dialect knows its doors", () => {
  assert.deepEqual(
    [openAiDialect.mounts, openAiDialect.requestIdHeader],
    [["/openai/v1", "/v1"], "x-request-id"],
  );
  assert.deepEqual(
    [anthropicDialect.mounts, anthropicDialect.requestIdHeader],
    [["/anthropic/v1"], "request-id"],
  );
});

test("no tokens are guessed from the bytes of audio and images", () => {
  const media = dialects.flatMap((dialect) =>
    dialect.endpoints.flatMap((endpoint) =>
      endpoint.offer === "offered" && endpoint.isMedia ? [endpoint.name] : [],
    ),
  );
  assert.deepEqual(media, [
    "audio.speech",
    "audio.transcriptions",
    "audio.translations",
    "images.generations",
    "images.edits",
    "batches",
    "videos",
    "videos.remix",
  ]);
});
