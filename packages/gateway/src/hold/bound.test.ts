/** What has no bound: refused by name where a hard budget covers it, and let through where none does. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { GatewayError } from "../errors.ts";
import { sampleBody, sampleRouted, type SampleOptions } from "../sample-routed.ts";
import { boundRequest, type Bounded } from "./bound.ts";
import type { BudgetDefinition } from "../store/limit-definition.ts";
import { holdBed, sampleBudget, sampleCovering, sampleRate } from "./hold-harness.ts";

const plain = { model: "gpt-5.5", input: "hello", service_tier: "default", max_output_tokens: 100 };

function bound(
  body: object | string,
  covering = sampleCovering(sampleBudget()),
  rest: SampleOptions = {},
): Promise<Bounded> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return boundRequest(holdBed().deps, sampleRouted({ body: sampleBody(text), ...rest }), covering);
}

async function refusalOf(...args: Parameters<typeof bound>): Promise<string> {
  try {
    await bound(...args);
    return "bounded";
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, "budget_unboundable");
    return /which (.*) has not\./.exec(error.message)?.[1] ?? error.message;
  }
}

describe("under a hard budget", () => {
  it("what has no bound is refused by its name", async () => {
    const file = [{ role: "user", content: [{ type: "input_file", file_id: "file_1" }] }];
    const cases: readonly (readonly [object | string, SampleOptions, RegExp])[] = [
      ["no JSON", {}, /^a request to responses$/],
      ["[1]", {}, /^a request to responses$/],
      ['{"input":1,"input":2}', {}, /^a body that gives a member twice$/],
      [{ ...plain, background: true }, {}, /^a request with `background`$/],
      [
        { ...plain, input: file },
        { policy: { model: "unheard-of" } },
        /^a request with files, recordings or/,
      ],
      [
        { model: "m", input: "x" },
        { policy: { model: "unheard-of" } },
        /without a known output limit and no `max_out/,
      ],
      [
        plain,
        { policy: { model: "unheard-of" } },
        /^a request to the model "openai\/unheard-of", which has no price/,
      ],
      [{}, { endpoint: "images.generations" }, /^a request to images\.generations$/],
    ];
    for (const [body, options, name] of cases)
      assert.match(await refusalOf(body, undefined, options), name, JSON.stringify(body));
    assert.equal(await refusalOf(plain), "bounded");
  });

  it("a compressed body is bounded by what it decodes to", async () => {
    const text = JSON.stringify(plain);
    const bytes = gzipSync(text);
    const body = {
      ...sampleBody(""),
      byteLength: bytes.length,
      contentEncoding: "gzip",
      chunks: () => [bytes],
    };
    const [encoded, decoded] = [await bound(text, undefined, { body }), await bound(text)];
    assert.equal(encoded.inputTokens, decoded.inputTokens);
    assert.equal(decoded.inputTokens, text.length + 1_000);
  });

  it("a limit may be lowered only where every hard budget allows it, and there is one", async () => {
    const soft = sampleBudget({ id: "soft", mode: "soft" });
    const strict = sampleBudget({ id: "strict", mode: "hard-no-edit" });
    const isEditable = async (...limits: readonly BudgetDefinition[]): Promise<boolean> =>
      (await bound(plain, sampleCovering(...limits))).isEditable;
    assert.equal(await isEditable(sampleBudget(), soft), true);
    assert.equal(await isEditable(sampleBudget(), strict), false);
    assert.equal(await isEditable(soft), false);
    const search = { ...plain, tools: [{ type: "web_search" }], max_tool_calls: 2 };
    assert.equal((await bound(search)).isEditable, false, "its output is that of several rounds");
  });

  it("hosted tools with a limit cost a window for each of their rounds, and their fees", async () => {
    const search = { ...plain, tools: [{ type: "web_search" }], max_tool_calls: 2 };
    const bounded = await bound(search);
    assert.equal(bounded.inputTokens, 3 * 1_050_000);
    assert.equal(bounded.maxOutputTokens, 300);
    // 2 x $10 / 1,000.
    assert.equal(bounded.feesNanoUsd, 20_000_000);
    assert.deepEqual([bounded.settlesInputEarly, bounded.conversation], [false, null]);
    const preview = { ...search, tools: [{ type: "web_search_preview" }] };
    // With a model that does not reason: 2 x $25 / 1,000.
    const dear = await bound(preview, undefined, { policy: { model: "gpt-4o" } });
    assert.equal(dear.feesNanoUsd, 50_000_000);
  });
});

describe("under rates and soft budgets alone", () => {
  it("nothing is refused for want of a bound: what is not known is taken for what is usual", async () => {
    const limits = sampleCovering(sampleRate({ tokensPerMinute: 1 }), sampleBudget({ mode: "soft" }));
    const text = "x".repeat(4_001);
    const guessed = await bound(text, limits);
    assert.deepEqual(
      [guessed.inputTokens, guessed.maxOutputTokens, guessed.ceiling, guessed.grounds],
      [1_001, 4_096, null, null],
    );
    const background = await bound({ ...plain, background: true }, limits);
    assert.deepEqual([background.ceiling, background.grounds], [null, null]);
    assert.equal((await bound(plain, limits)).grounds?.input, "bytes");
  });

  it("a body that no limit asks about is not read", async () => {
    const requests = sampleCovering(sampleRate({ requestsPerMinute: 1 }));
    const body = { ...sampleBody(""), byteLength: 8, chunks: () => assert.fail("it is read") };
    assert.equal((await bound("", requests, { body })).inputTokens, 2);
  });
});
