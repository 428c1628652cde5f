/**
 * Objects that the provider keeps belong to the room that made them: the official SDKs make them in one room, and
 * another room of the same project finds nothing of them, in any way.
 */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { toFile } from "openai";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { openSocket } from "./bed/socket-caller.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let provider: FakeProvider;
let gateway: TestGateway;
let mine: OpenAI;
let theirs: OpenAI;
let myClaude: Anthropic;
let theirClaude: Anthropic;
before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider, config: { collectIntervalMs: 50 } });
  const tokens = await Promise.all(["mine", "theirs"].map((room) => gateway.token({ room })));
  const [openaiMine, openaiTheirs] = tokens.map(
    (apiKey) => new OpenAI({ baseURL: gateway.openaiUrl, apiKey, maxRetries: 0 }),
  );
  const [anthropicMine, anthropicTheirs] = tokens.map(
    (authToken) => new Anthropic({ baseURL: gateway.anthropicUrl, authToken, apiKey: null, maxRetries: 0 }),
  );
  assert.ok(openaiMine && openaiTheirs && anthropicMine && anthropicTheirs);
  [mine, theirs, myClaude, theirClaude] = [openaiMine, openaiTheirs, anthropicMine, anthropicTheirs];
});
after(async () => {
  await gateway.close();
  await provider.close();
});

/** 404 in the provider's shape, and not a byte of it went up. */
async function assertAbsent(call: () => Promise<unknown>, id: string): Promise<void> {
  // What the gateway asks by itself has no user agent.
  const sent = (): number =>
    provider.requests.filter(({ headers }) => headers.some(([name]) => name.toLowerCase() === "user-agent"))
      .length;
  const sentBefore = sent();
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof OpenAI.APIError || error instanceof Anthropic.APIError, String(error));
    assert.equal(error.status, 404);
    assert.match(error.message, new RegExp(`with id.*${id}.*not found`));
    return true;
  });
  assert.equal(sent(), sentBefore, "nothing was sent");
}

async function idsOf(list: AsyncIterable<{ id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of list) ids.push(id);
  return ids;
}

describe("responses", () => {
  it("are read, listed, cancelled and deleted by their room alone", async () => {
    const { id } = await mine.responses.create({ model: "gpt-5.5", input: "hello" });
    for (const call of [
      () => theirs.responses.retrieve(id),
      () => theirs.responses.cancel(id),
      () => theirs.responses.delete(id),
      async () => theirs.responses.inputItems.list(id),
      () => theirs.responses.create({ model: "gpt-5.5", input: "go on", previous_response_id: id }),
    ])
      await assertAbsent(call, id);
    assert.equal((await mine.responses.retrieve(id)).id, id);
    assert.equal(
      (await idsOf(mine.responses.inputItems.list(id) as AsyncIterable<{ id: string }>)).length,
      1,
    );
    const next = await mine.responses.create({
      model: "gpt-5.5",
      input: "go on",
      previous_response_id: id,
    });
    assert.equal(next.previous_response_id, id);
    await mine.responses.delete(id);
    await assert.rejects(() => mine.responses.retrieve(id), { status: 404 });
  });

  it("of a stream are the room's before their first event is there, and can be read again as a stream", async () => {
    const stream = await mine.responses.create({ model: "gpt-5.5", input: "hello", stream: true });
    let id = "";
    for await (const event of stream) {
      if (event.type !== "response.created") continue;
      id = event.response.id;
      const [row] = await gateway.gateway.store.objects.find(
        { projectId: gateway.projectId, upstream: await upstreamOf(), kind: "response" },
        [id],
      );
      assert.equal(row?.room, "mine");
    }
    const again = await mine.responses.retrieve(id, { stream: true, starting_after: 0 });
    const types: string[] = [];
    for await (const event of again) types.push(event.type);
    assert.equal(types[0], "response.in_progress");
    assert.equal(types.at(-1), "response.completed");
  });

  it("that the provider does not keep belong to nobody", async () => {
    const { id } = await mine.responses.create({ model: "gpt-5.5", input: "hello", store: false });
    await assertAbsent(() => mine.responses.retrieve(id), id);
  });

  it("give their items to their room alone", async () => {
    const { output } = await mine.responses.create({ model: "gpt-5.5", input: "hello" });
    const [item] = output;
    assert.ok(item?.id);
    const input = [{ type: "item_reference" as const, id: item.id }];
    await assertAbsent(() => theirs.responses.create({ model: "gpt-5.5", input }), item.id);
    assert.ok((await mine.responses.create({ model: "gpt-5.5", input })).id);
  });
});

/** The only account there is. */
async function upstreamOf(): Promise<string> {
  const { upstreamIdentity } = await import("@meshagent/llm-proxy-gateway/upstream-identity");
  const { openai } = await import("@meshagent/llm-proxy-gateway/providers/openai/provider");
  const { Secret } = await import("@meshagent/llm-proxy-protocol/secret");
  const { providerKey } = await import("./bed/test-gateway.ts");
  const url = new URL(provider.openaiBaseUrl);
  return upstreamIdentity({
    provider: openai,
    origin: url.origin,
    basePath: url.pathname,
    apiKey: new Secret(providerKey),
    isSimulated: false,
    region: null,
    passing: { rateLimitHeaders: "pass", acceptedEncodings: [] },
    timeouts: { connectTimeoutMs: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1 },
  });
}

describe("conversations", () => {
  it("and their items are their room's, as a reference too", async () => {
    const { id } = await mine.conversations.create({ items: [{ role: "user", content: "hello" }] });
    const added = await mine.conversations.items.create(id, { items: [{ role: "user", content: "more" }] });
    const item = added.data[0]?.id ?? "";
    for (const call of [
      () => theirs.conversations.retrieve(id),
      () => theirs.conversations.update(id, { metadata: { a: "b" } }),
      () => theirs.conversations.delete(id),
      async () => theirs.conversations.items.list(id),
      () => theirs.conversations.items.create(id, { items: [{ role: "user", content: "x" }] }),
      () => theirs.conversations.items.retrieve(item, { conversation_id: id }),
      () => theirs.conversations.items.delete(item, { conversation_id: id }),
      () => theirs.responses.create({ model: "gpt-5.5", input: "x", conversation: id }),
      () => theirs.responses.create({ model: "gpt-5.5", input: "x", conversation: { id } }),
    ])
      await assertAbsent(call, id);
    await mine.responses.create({ model: "gpt-5.5", input: "and on", conversation: id });
    await mine.responses.create({ model: "gpt-5.5", input: "and on", conversation: { id } });
    // Which `id` of two a provider takes is its own affair, so neither is sent.
    const foreign = (await theirs.conversations.create({})).id;
    for (const [first, second] of [
      [id, foreign],
      [foreign, id],
    ]) {
      const reply = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { authorization: `Bearer ${await gateway.token()}`, "content-type": "application/json" },
        body: `{"model":"gpt-5.5","input":"x","conversation":{"id":"${first}","id":"${second}"}}`,
      });
      assert.equal(reply.status, 400, await reply.text());
    }
    const items = await idsOf(mine.conversations.items.list(id) as AsyncIterable<{ id: string }>);
    assert.ok(items.length >= 4 && items.includes(item));
    assert.equal((await mine.conversations.items.retrieve(item, { conversation_id: id })).type, "message");
    await mine.conversations.delete(id);
  });
});

describe("stored chat completions", () => {
  it("are their room's, and its list is the room's", async () => {
    const create = async (client: OpenAI): Promise<string> =>
      (
        await client.chat.completions.create({
          model: "gpt-5.5",
          messages: [{ role: "user", content: "hello" }],
          store: true,
        })
      ).id;
    const ids: string[] = [];
    for (let turn = 0; turn < 5; turn++) {
      ids.unshift(await create(mine));
      await create(theirs);
    }
    const [id = ""] = ids;
    for (const call of [
      () => theirs.chat.completions.retrieve(id),
      () => theirs.chat.completions.update(id, { metadata: {} }),
      () => theirs.chat.completions.delete(id),
      async () => theirs.chat.completions.messages.list(id),
    ])
      await assertAbsent(call, id);
    assert.deepEqual(await idsOf(mine.chat.completions.list()), ids);
    // Every page is full although every other object is another room's, and the cursors are the room's own.
    const page = await mine.chat.completions.list({ limit: 2 });
    assert.deepEqual([page.data.map((each) => each.id), page.has_more], [ids.slice(0, 2), true]);
    const rest = await mine.chat.completions.list({ limit: 3, after: page.data.at(-1)?.id ?? "" });
    assert.deepEqual([rest.data.map((each) => each.id), rest.has_more], [ids.slice(2), false]);
    assert.deepEqual(await idsOf(mine.chat.completions.list({ limit: 1 })), ids);
    await assertAbsent(async () => theirs.chat.completions.list({ after: id }), id);
    assert.equal((await mine.chat.completions.messages.list(id)).data.length, 1);
    await mine.chat.completions.delete(id);
  });
});

const jsonl = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const chatLine = (model: string, body: object = {}): object => ({
  custom_id: "a",
  method: "POST",
  url: "/v1/chat/completions",
  body: { model, messages: [{ role: "user", content: "hello" }], ...body },
});

async function upload(
  client: OpenAI,
  text: string,
  purpose: "batch" | "user_data" = "batch",
): Promise<string> {
  return (await client.files.create({ file: await toFile(Buffer.from(text), "a.jsonl"), purpose })).id;
}

describe("files and batches", () => {
  it("are their room's, wherever they are named", async () => {
    const id = await upload(mine, "some text", "user_data");
    const content = (part: object): OpenAI.Responses.ResponseInput =>
      [{ role: "user", content: [part] }] as OpenAI.Responses.ResponseInput;
    for (const call of [
      () => theirs.files.retrieve(id),
      () => theirs.files.content(id),
      () => theirs.files.delete(id),
      () => theirs.batches.create({ input_file_id: id, endpoint: "/v1/responses", completion_window: "24h" }),
      () =>
        theirs.responses.create({ model: "gpt-5.5", input: content({ type: "input_file", file_id: id }) }),
      () =>
        theirs.responses.create({
          model: "gpt-5.5",
          input: content({ type: "input_image", file_id: id, detail: "auto" }),
        }),
      () =>
        theirs.responses.create({
          model: "gpt-5.5",
          input: "x",
          tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: [id] } }],
        }),
      () =>
        theirs.chat.completions.create({
          model: "gpt-5.5",
          messages: [{ role: "user", content: [{ type: "file", file: { file_id: id } }] }],
        }),
      () => upload(theirs, jsonl([chatLine("gpt-5.5", { x: { file_id: id } })])),
    ])
      await assertAbsent(call, id);
    await mine.responses.create({ model: "gpt-5.5", input: content({ type: "input_file", file_id: id }) });
    assert.deepEqual(await idsOf(theirs.files.list()), []);
    assert.deepEqual(await idsOf(mine.files.list()), [id]);
    assert.equal(await (await mine.files.content(id)).text(), "some text");
    await mine.files.delete(id);
  });

  it("a batch, its output and what it costs are the room's that began it, once", async () => {
    const input = await upload(mine, jsonl([chatLine("gpt-5.5"), chatLine("gpt-5.4")]));
    const { id } = await mine.batches.create({
      input_file_id: input,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    });
    await assertAbsent(() => theirs.batches.retrieve(id), id);
    await assertAbsent(() => theirs.batches.cancel(id), id);
    assert.deepEqual(await idsOf(theirs.batches.list()), []);
    assert.deepEqual(await idsOf(mine.batches.list()), [id]);
    const batch = await mine.batches.retrieve(id);
    assert.equal(batch.status, "completed");
    const output = batch.output_file_id ?? "";
    await assertAbsent(() => theirs.files.content(output), output);
    const rows = await gateway.untilExchanges((all) =>
      all.some(({ intent, result }) => intent.endpoint === "/v1/batches" && result?.outcome === "ok"),
    );
    for (let turn = 0; turn < 2; turn++) {
      assert.equal((await (await mine.files.content(output)).text()).trim().split("\n").length, 2);
    }
    const made = rows.filter(
      ({ intent, result }) => intent.endpoint === "/v1/batches" && result?.usage.length,
    );
    assert.equal(made.length, 1);
    const { intent, result } = made[0] ?? {};
    assert.equal(intent?.room, "mine");
    assert.deepEqual(
      result?.usage.map(({ model, service_tier, cost_status }) => [model, service_tier, cost_status]),
      [
        ["gpt-5.5-2026-04-23", "batch", "priced"],
        ["gpt-5.4-2026-03-05", "batch", "priced"],
      ],
    );
    const billed = (await gateway.exchanges()).filter(
      (row) => row.intent.endpoint.startsWith("/v1/files/") && row.result?.costNanoUsd !== 0,
    );
    assert.deepEqual(billed, [], "reading results bills nothing");
  });

  it("an upload's file is the room's; the gateway has not read what it asks for", async () => {
    const { id } = await mine.uploads.create({
      filename: "a.jsonl",
      purpose: "batch",
      bytes: 3,
      mime_type: "application/jsonl",
    });
    await assertAbsent(() => theirs.uploads.complete(id, { part_ids: [] }), id);
    const part = await mine.uploads.parts.create(id, { data: await toFile(Buffer.from("abc"), "a") });
    const done = await mine.uploads.complete(id, { part_ids: [part.id] });
    const file = done.file?.id ?? "";
    await assertAbsent(() => theirs.files.retrieve(file), file);
    await assert.rejects(
      () => mine.batches.create({ input_file_id: file, endpoint: "/v1/responses", completion_window: "24h" }),
      { status: 400 },
    );
  });

  it("a narrow token uses no model by way of a file, a tool or a fallback", async () => {
    const apiKey = await gateway.token({
      room: "mine",
      llm: { models: ["openai/gpt-5.4*", "anthropic/claude-haiku-*"] },
    });
    const narrow = new OpenAI({ baseURL: gateway.openaiUrl, apiKey, maxRetries: 0 });
    const wide = await upload(mine, jsonl([chatLine("gpt-5.4"), chatLine("gpt-5.5")]));
    const own = await upload(narrow, jsonl([chatLine("gpt-5.4")]));
    const image = { type: "image_generation" };
    const chosen = await Promise.all(
      [{ body: { prompt: "a cat" } }, chatLine("gpt-5.4", { tools: [image] })].map((line) =>
        upload(narrow, jsonl([line])),
      ),
    );
    const batch = (input_file_id: string): Promise<unknown> =>
      narrow.batches.create({
        input_file_id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      });
    await assert.rejects(() => batch(wide), { status: 404, code: "model_not_found" });
    for (const id of chosen) await assert.rejects(() => batch(id), { status: 404, code: "model_not_found" });
    await batch(own);
    await assert.rejects(
      () =>
        narrow.responses.create({
          model: "gpt-5.4",
          input: "x",
          tools: [{ type: "image_generation", model: "gpt-image-2" }],
        }),
      { status: 404, code: "model_not_found" },
    );
    const claude = new Anthropic({
      baseURL: gateway.anthropicUrl,
      authToken: apiKey,
      apiKey: null,
      maxRetries: 0,
    });
    const params = (model: string, more: object = {}): Anthropic.MessageCreateParamsNonStreaming => ({
      model,
      max_tokens: 10,
      messages: [{ role: "user", content: "hello" }],
      ...more,
    });
    const haiku = "claude-haiku-4-5";
    const refused = { status: 403 };
    await assert.rejects(() => claude.messages.create(params(haiku, { fallbacks: "default" })), refused);
    await assert.rejects(
      () => claude.messages.create(params(haiku, { fallbacks: [{ model: "claude-opus-5" }] })),
      refused,
    );
    const requests = (...models: string[]): Anthropic.Messages.BatchCreateParams["requests"] =>
      models.map((model, index) => ({ custom_id: `r${index}`, params: params(model) }));
    await assert.rejects(
      () => claude.messages.batches.create({ requests: requests(haiku, "claude-opus-5") }),
      refused,
    );
    await claude.messages.batches.create({ requests: requests(haiku, haiku) });
  });
});

describe("videos", () => {
  it("are their room's", async () => {
    const { id } = await mine.videos.create({ prompt: "a cat", model: "sora-2", seconds: "4" });
    for (const call of [
      () => theirs.videos.retrieve(id),
      () => theirs.videos.downloadContent(id),
      () => theirs.videos.remix(id, { prompt: "a dog" }),
      () => theirs.videos.delete(id),
    ])
      await assertAbsent(call, id);
    assert.equal((await mine.videos.retrieve(id)).status, "completed");
    assert.deepEqual(await idsOf(theirs.videos.list()), []);
    assert.deepEqual(await idsOf(mine.videos.list()), [id]);
    const rows = await gateway.untilExchanges((all) =>
      all.some(({ intent, result }) => intent.endpoint === "/v1/videos" && result !== null),
    );
    const made = rows.find(({ intent, result }) => intent.endpoint === "/v1/videos" && result?.usage.length);
    assert.equal(made?.result?.usage[0]?.output_video_seconds, 4);
  });
});

describe("message batches and files of Anthropic", () => {
  it("are their room's, and are billed to it once", async () => {
    const requests = ["a", "b"].map((custom_id) => ({
      custom_id,
      params: {
        model: "claude-haiku-4-5",
        max_tokens: 50,
        messages: [{ role: "user" as const, content: "hello" }],
      },
    }));
    const first = await myClaude.messages.batches.create({ requests });
    const { id } = await myClaude.messages.batches.create({ requests });
    await theirClaude.messages.batches.create({ requests });
    for (const call of [
      () => theirClaude.messages.batches.retrieve(id),
      () => theirClaude.messages.batches.cancel(id),
      () => theirClaude.messages.batches.delete(id),
      async () => theirClaude.messages.batches.list({ after_id: id }),
    ])
      await assertAbsent(call, id);
    const batch = await myClaude.messages.batches.retrieve(id);
    assert.equal(batch.processing_status, "ended");
    for (let turn = 0; turn < 2; turn++) {
      const results: string[] = [];
      for await (const line of await myClaude.messages.batches.results(id)) results.push(line.custom_id);
      assert.deepEqual(results, ["a", "b"]);
    }
    const all = await idsOf(myClaude.messages.batches.list({ limit: 1 }));
    assert.deepEqual(all.slice(0, 2), [id, first.id]);
    const rows = await gateway.untilExchanges(
      (every) =>
        every.filter(
          ({ intent, result }) =>
            intent.endpoint === "/v1/messages/batches" &&
            intent.room === "mine" &&
            result?.usage.length === 2,
        ).length >= 2,
    );
    const made = rows.filter(
      ({ intent }) => intent.endpoint === "/v1/messages/batches" && intent.room === "mine",
    );
    for (const { result } of made.filter((row) => (row.result?.usage.length ?? 0) > 0)) {
      assert.equal(result?.usageSource, "exact");
      assert.ok(
        result.usage.every((record) => record.service_tier === "batch" && record.cost_status === "priced"),
      );
    }
    await myClaude.messages.batches.delete(id);
  });

  it("files", async () => {
    const file = await myClaude.beta.files.upload({ file: await toFile(Buffer.from("x"), "x.txt") });
    for (const call of [
      () => theirClaude.beta.files.retrieveMetadata(file.id),
      () => theirClaude.beta.files.download(file.id),
      () => theirClaude.beta.files.delete(file.id),
      () =>
        theirClaude.messages.create({
          model: "claude-haiku-4-5",
          max_tokens: 10,
          messages: [
            {
              role: "user",
              content: [{ type: "document", source: { type: "file", file_id: file.id } } as never],
            },
          ],
        }),
    ])
      await assertAbsent(call, file.id);
    assert.equal((await myClaude.beta.files.retrieveMetadata(file.id)).id, file.id);
    await myClaude.beta.files.delete(file.id);
  });
});

describe("over a WebSocket", () => {
  it("responses are their room's, and so are the files and items that they name", async () => {
    const [token, other] = await Promise.all(["mine", "theirs"].map((room) => gateway.token({ room })));
    assert.ok(token !== undefined && other !== undefined);
    const file = await upload(mine, "x", "user_data");
    const create = { type: "response.create", model: "gpt-5.5", input: "hello" };
    const named = [{ role: "user", content: [{ type: "input_file", file_id: file }] }];
    const caller = await openSocket(`${gateway.openaiUrl}/responses`, { token });
    caller.send(create);
    const done = await caller.untilType("response.completed");
    const { id } = done["response"] as { id: string };
    assert.equal((await mine.responses.retrieve(id)).id, id);
    await assertAbsent(() => theirs.responses.retrieve(id), id);
    await caller.close();

    const stranger = await openSocket(`${gateway.openaiUrl}/responses`, { token: other });
    for (const message of [
      { ...create, input: named },
      { ...create, input: [{ type: "item_reference", id: "msg_of_nobody" }] },
    ]) {
      const from = stranger.messages.length;
      stranger.send(message);
      const { status, error } = await stranger.untilType("error", from);
      assert.deepEqual([status, (error as { code: string }).code], [400, "object_not_found"]);
    }
    const from = stranger.messages.length;
    stranger.send({ type: "response.steer", input: named });
    assert.match(JSON.stringify(await stranger.untilType("error", from)), /not_supported/);
    stranger.send(create);
    await stranger.untilType("response.completed");
    await stranger.close();
  });
});

describe("background responses", () => {
  it("are billed to the room that began them, once, also when nobody fetches them", async () => {
    const begun = await mine.responses.create({ model: "gpt-5.5", input: "later", background: true });
    assert.equal(begun.status, "queued");
    const rows = await gateway.untilExchanges((all) =>
      all.some(({ result }) => result?.usage.some(({ response_id }) => response_id === begun.id) === true),
    );
    const row = rows.find(({ result }) => result?.usage[0]?.response_id === begun.id);
    assert.equal(row?.intent.room, "mine");
    assert.deepEqual([row.result?.outcome, row.result?.usageSource], ["ok", "exact"]);
    const book = provider.books.find(({ bill }) => bill?.responseId === begun.id);
    assert.equal(row.result?.usage[0]?.input_tokens, book?.bill?.usage["input_tokens"]);
    for (let turn = 0; turn < 2; turn++) {
      assert.equal((await mine.responses.retrieve(begun.id)).status, "completed");
    }
    const billing = (await gateway.exchanges()).filter(({ result }) =>
      result?.usage.some(({ response_id }) => response_id === begun.id),
    );
    assert.equal(billing.length, 1);
  });
});

describe("threads of messages, which Anthropic keeps between turns", () => {
  const thread = (client: Anthropic): ReturnType<Anthropic["beta"]["messages"]["thread"]> =>
    client.beta.messages.thread({ model: "claude-haiku-4-5", max_tokens: 50 });
  const ask = { role: "user" as const, content: "hello" };

  it("go on in their room alone, plain and streamed", async () => {
    const begun = thread(myClaude);
    await begun.send(ask);
    const first = begun.previousMessageId ?? "";
    const goOn = (client: Anthropic, id: string): Promise<unknown> =>
      client.beta.messages.create({
        model: "claude-haiku-4-5",
        max_tokens: 50,
        messages: [ask],
        thread: { type: "continue", previous_message_id: id },
      });
    await assertAbsent(() => goOn(theirClaude, first), first);
    await begun.stream(ask).finalMessage();
    const second = begun.previousMessageId ?? "";
    assert.notEqual(second, first);
    await assertAbsent(() => goOn(theirClaude, second), second);
    await goOn(myClaude, second);
    const sent = provider.requests.at(-1)?.body.toString() ?? "";
    assert.ok(sent.includes(`"previous_message_id":"${second}"`));
  });

  it("a message outside of one belongs to nobody, and is not recorded", async () => {
    const { id } = await myClaude.messages.create({
      model: "claude-haiku-4-5",
      max_tokens: 5,
      messages: [ask],
    });
    const body = { model: "claude-haiku-4-5", max_tokens: 5, messages: [ask] };
    await assertAbsent(
      () => myClaude.beta.messages.create({ ...body, thread: { type: "continue", previous_message_id: id } }),
      id,
    );
  });

  it("named twice, or by what is no id, is sent nowhere", async () => {
    for (const given of [
      '{"type":"continue","previous_message_id":"msg_a","previous_message_id":"msg_b"}',
      '{"type":"continue","previous_message_id":["msg_a"]}',
      "7",
    ]) {
      const sentBefore = provider.requests.length;
      const reply = await fetch(`${gateway.anthropicUrl}/v1/messages`, {
        method: "POST",
        headers: { authorization: `Bearer ${await gateway.token({ room: "mine" })}` },
        body: `{"model":"claude-haiku-4-5","max_tokens":5,"messages":[],"thread":${given}}`,
      });
      assert.equal(reply.status, 400, await reply.text());
      assert.equal(provider.requests.length, sentBefore);
    }
  });
});
