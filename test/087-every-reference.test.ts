/**
 * Every place of every route at which a request can name what the provider keeps, or another model, walked by the
 * endpoint tables on the whole path: another room's object is as if absent, one's own goes up, a model that the token
 * lacks is refused. A route or a place that somebody adds is walked, too, and a place of a new sort does not compile.
 */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { anthropicDialect } from "@meshagent/llm-proxy-gateway/dialects/anthropic/dialect";
import type { Dialect, OfferedEndpoint, ReferencePlace } from "@meshagent/llm-proxy-gateway/dialects/dialect";
import { openAiDialect } from "@meshagent/llm-proxy-gateway/dialects/openai/dialect";
import type { PickPath } from "@meshagent/llm-proxy-gateway/json-pick";
import type { ObjectKind } from "@meshagent/llm-proxy-gateway/provider-objects";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { rawJson } from "./bed/raw-reply.ts";
import { openSocket } from "./bed/socket-caller.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

const kinds: Readonly<Record<ObjectKind, true>> = {
  response: true,
  message: true,
  item: true,
  conversation: true,
  chat_completion: true,
  file: true,
  upload: true,
  batch: true,
  message_batch: true,
  video: true,
  container: true,
};
type Room = "mine" | "theirs";
const rooms: readonly Room[] = ["mine", "theirs"];
const idOf = (kind: string, room: Room): string => `${kind}_of_${room}`;
const models = { openai: "gpt-5.5", anthropic: "claude-haiku-4-5" } as const;
const elsewhere = "another-model";

let provider: FakeProvider;
let gateway: TestGateway;
/** By room; then one of my room for the dialects' first models alone, with and without the other. */
let tokens: Readonly<Record<Room | "narrow" | "wider", string>>;

before(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ provider });
  const narrow = Object.entries(models).map(([name, model]) => `${name}/${model}`);
  const wider = [...narrow, `openai/${elsewhere}`, `anthropic/${elsewhere}`];
  tokens = {
    mine: await gateway.token({ room: "mine" }),
    theirs: await gateway.token({ room: "theirs" }),
    narrow: await gateway.token({ room: "mine", llm: { models: narrow } }),
    wider: await gateway.token({ room: "mine", llm: { models: wider } }),
  };
  await recordObjects();
});
after(async () => {
  await gateway.close();
  await provider.close();
});
beforeEach(() => provider.script(() => rawJson(400, "{}")));

/** One object of each kind for each room, at the account of either dialect. */
async function recordObjects(): Promise<void> {
  const { store } = gateway.gateway;
  provider.script(({ path }) =>
    rawJson(200, path.startsWith("/openai") ? '{"id":"conv_seen"}' : '{"id":"file_seen"}'),
  );
  const headers = { authorization: `Bearer ${tokens.mine}` };
  await fetch(`${gateway.openaiUrl}/conversations`, { method: "POST", headers, body: "{}" });
  const form = new FormData();
  form.set("file", new Blob(["x"]), "x.txt");
  await fetch(`${gateway.anthropicUrl}/v1/files`, { method: "POST", headers, body: form });
  for (const upstream of await upstreams()) {
    const objects = Object.keys(kinds).flatMap((kind) =>
      rooms.map((room) => ({
        projectId: gateway.projectId,
        upstream,
        kind: kind as ObjectKind,
        id: idOf(kind, room),
        room,
        participant: "cli-agent",
        exchangeId: "ex_0",
        parentId: null,
        createdAtMs: 0,
        expiresAtMs: null,
        models: [],
      })),
    );
    await store.objects.record(objects, { isNew: true });
  }
}

/** As the gateway itself names them. */
async function upstreams(): Promise<readonly string[]> {
  const { upstreamIdentity } = await import("@meshagent/llm-proxy-gateway/upstream-identity");
  const { openai } = await import("@meshagent/llm-proxy-gateway/providers/openai/provider");
  const { anthropic } = await import("@meshagent/llm-proxy-gateway/providers/anthropic/provider");
  const { Secret } = await import("@meshagent/llm-proxy-protocol/secret");
  const { providerKey } = await import("./bed/test-gateway.ts");
  const identities = [
    { provider: openai, url: new URL(provider.openaiBaseUrl) },
    { provider: anthropic, url: new URL(provider.anthropicBaseUrl) },
  ].map(({ provider: named, url }) =>
    upstreamIdentity({
      provider: named,
      origin: url.origin,
      basePath: url.pathname.replace(/\/+$/, "") + named.pathPrefix,
      apiKey: new Secret(providerKey),
      isSimulated: false,
      region: null,
      passing: { rateLimitHeaders: "pass", acceptedEncodings: [] },
      timeouts: { connectTimeoutMs: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1 },
    }),
  );
  // The two that were just made tell whether these are the gateway's own names.
  const { objects } = gateway.gateway.store;
  const found = await Promise.all(
    identities.map((upstream, index) =>
      objects.find({ projectId: gateway.projectId, upstream, kind: index === 0 ? "conversation" : "file" }, [
        index === 0 ? "conv_seen" : "file_seen",
      ]),
    ),
  );
  assert.deepEqual(
    found.map((rows) => rows.length),
    [1, 1],
  );
  return identities;
}

interface Asked {
  readonly query?: string;
  readonly body?: unknown;
  readonly form?: FormData;
  /** Whose objects stand in the path. */
  readonly pathOf: Room;
}

/** The request without anything that it need not have. */
function plainBody({ name }: Dialect, endpoint: OfferedEndpoint): Record<string, unknown> {
  const model = models[name as keyof typeof models];
  if (endpoint.path === "/messages/batches") return { requests: [{ custom_id: "a", params: { model } }] };
  return endpoint.policy.modelIn.length > 0 ? { model } : {};
}

/** The requests that name an object at this place, in each form that it can have there. */
function naming(
  dialect: Dialect,
  endpoint: OfferedEndpoint,
  { place, id, pathOf }: { readonly place: ReferencePlace; readonly id: string; readonly pathOf: Room },
): readonly Asked[] {
  const plain = plainBody(dialect, endpoint);
  const bodies = (more: readonly object[]): readonly Asked[] =>
    more.map((members) => ({ pathOf, body: { ...plain, ...members } }));
  switch (place.in) {
    case "path":
      return [{ pathOf, ...(endpoint.method === "POST" ? { body: plain } : {}) }];
    case "query":
      return [{ pathOf, query: `?${place.name}=${id}` }];
    case "form": {
      const form = new FormData();
      for (const [name, value] of Object.entries(plain)) form.set(name, String(value));
      form.set(place.name, id);
      return [{ pathOf, form }];
    }
    case "member":
      if (place.idIn !== undefined) return bodies([{ [place.name]: { type: "x", [place.idIn]: id } }]);
      return bodies([{ [place.name]: id }, { [place.name]: { id } }]);
    case "anywhere":
      if (place.idIn !== undefined) {
        const params = { model: models.anthropic, [place.name]: { type: "x", [place.idIn]: id } };
        return bodies([{ requests: [{ custom_id: "a", params }] }]);
      }
      return bodies([
        { [place.name]: id },
        { deep: [{ within: { [place.name]: id } }] },
        { deep: { [place.name]: [id] } },
      ]);
    case "items":
      return bodies([{ [place.name]: [{ type: "item_reference", id }] }]);
  }
}

async function ask(
  dialect: Dialect,
  endpoint: OfferedEndpoint,
  { token, asked }: { readonly token: string; readonly asked: Asked },
): Promise<{ readonly status: number; readonly text: string; readonly wasSent: boolean }> {
  const { query = "", body, form, pathOf } = asked;
  const path = endpoint.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) =>
    name === "id" || name === "model" ? `${name}_of_nobody` : idOf(name, pathOf),
  );
  const before = provider.requests.length;
  const reply = await fetch(`${gateway.url}${dialect.mounts[0]}${path}${query}`, {
    method: endpoint.method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(form === undefined ? {} : { body: form }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: reply.status, text: await reply.text(), wasSent: provider.requests.length > before };
}

const offered = [openAiDialect, anthropicDialect].flatMap((dialect) =>
  dialect.endpoints.flatMap((endpoint) =>
    endpoint.offer === "offered"
      ? [{ dialect, endpoint, route: `${dialect.name} ${endpoint.method} ${endpoint.path}` }]
      : [],
  ),
);
const overHttp = offered.filter(({ endpoint }) => endpoint.socket === undefined);

describe("another room's object is as if absent, and one's own goes up:", () => {
  for (const { dialect, endpoint, route } of overHttp) {
    if (endpoint.refersTo === "none") continue;
    for (const place of endpoint.refersTo) {
      it(`${route}, ${place.in} ${place.name}`, async () => {
        const id = idOf(place.kind, "mine");
        const foreign = naming(dialect, endpoint, {
          place,
          id,
          pathOf: place.in === "path" ? "mine" : "theirs",
        });
        for (const asked of foreign) {
          const { status, text, wasSent } = await ask(dialect, endpoint, { token: tokens.theirs, asked });
          assert.deepEqual([status, wasSent], [404, false], `${JSON.stringify(asked)}: ${text}`);
          assert.match(text, new RegExp(`with id.*${id}.*not found`));
        }
        for (const asked of naming(dialect, endpoint, { place, id, pathOf: "mine" })) {
          const { text, wasSent } = await ask(dialect, endpoint, { token: tokens.mine, asked });
          assert.ok(wasSent, `${JSON.stringify(asked)}: ${text}`);
        }
      });
    }
  }
});

/** A body in which `path` leads to `value`. */
function nested(path: PickPath, value: unknown): unknown {
  return path.reduceRight<unknown>(
    (inner, name) => (name === "*" ? [inner] : { [String(name)]: inner }),
    value,
  );
}

/** Only the provider knows what it means: nobody can say that a token covers it. */
const unknowable = (path: PickPath): boolean => path.at(-1) === "fallbacks";

describe("a model that the token lacks is refused wherever it is named, and one that it has is not:", () => {
  for (const { dialect, endpoint, route } of overHttp) {
    if (endpoint.modelRefs === "none") continue;
    for (const path of endpoint.modelRefs) {
      it(`${route}, ${path.join(".")}`, async () => {
        const value = unknowable(path) ? "default" : elsewhere;
        const named = nested(path, value) as { requests?: { params: object }[] };
        const plain = plainBody(dialect, endpoint);
        const body =
          named.requests === undefined
            ? { ...plain, ...named }
            : {
                requests: named.requests.map(({ params }) => ({
                  custom_id: "a",
                  params: { model: models.anthropic, ...params },
                })),
              };
        const asked: Asked = { pathOf: "mine", body };
        const refused = await ask(dialect, endpoint, { token: tokens.narrow, asked });
        assert.deepEqual(
          [refused.status, refused.wasSent],
          [dialect.name === "openai" ? 404 : 403, false],
          refused.text,
        );
        const token = unknowable(path) ? tokens.mine : tokens.wider;
        const taken = await ask(dialect, endpoint, { token, asked });
        assert.ok(taken.wasSent, taken.text);
      });
    }
  }
});

describe("a tool whose model the provider would choose is refused to a token that may not use all:", () => {
  const tool = (type: string, model?: string): object => ({
    tools: [{ type, ...(model === undefined ? {} : { model }) }],
  });
  for (const { dialect, endpoint, route } of overHttp) {
    for (const name of endpoint.leftModels?.members ?? []) {
      it(`${route}, ${name}`, async () => {
        const body = { ...plainBody(dialect, endpoint), [name]: { id: "pmpt_1" } };
        const refused = await ask(dialect, endpoint, {
          token: tokens.wider,
          asked: { pathOf: "mine", body },
        });
        assert.deepEqual([refused.status, refused.wasSent], [404, false], refused.text);
        assert.ok(
          (await ask(dialect, endpoint, { token: tokens.mine, asked: { pathOf: "mine", body } })).wasSent,
        );
      });
    }
    for (const type of endpoint.leftModels?.tools ?? []) {
      it(`${route}, ${type}`, async () => {
        const send = (token: string, members: object): ReturnType<typeof ask> =>
          ask(dialect, endpoint, {
            token,
            asked: { pathOf: "mine", body: { ...plainBody(dialect, endpoint), ...members } },
          });
        const refused = await send(tokens.wider, tool(type));
        assert.deepEqual([refused.status, refused.wasSent], [404, false], refused.text);
        assert.ok((await send(tokens.wider, tool(type, elsewhere))).wasSent);
        assert.ok((await send(tokens.mine, tool(type))).wasSent);
      });
    }
  }
});

describe("the lines of a file of batch requests:", () => {
  for (const { dialect, endpoint, route } of overHttp) {
    const { batchFile } = endpoint;
    if (batchFile === undefined) continue;
    const upload = async (token: string, line: object): ReturnType<typeof ask> => {
      const form = new FormData();
      form.set(...batchFile.purpose);
      form.set(batchFile.field, new Blob([`${JSON.stringify({ custom_id: "a", body: line })}\n`]), "a.jsonl");
      return ask(dialect, endpoint, { token, asked: { pathOf: "mine", form } });
    };
    for (const place of batchFile.references) {
      it(`${route}, ${place.in} ${place.name}`, async () => {
        const id = idOf(place.kind, "mine");
        for (const { body } of naming(dialect, endpoint, { place, id, pathOf: "mine" })) {
          const line = { model: models.openai, ...(body as object) };
          const refused = await upload(tokens.theirs, line);
          assert.deepEqual([refused.status, refused.wasSent], [404, false], refused.text);
          assert.ok((await upload(tokens.mine, line)).wasSent);
        }
      });
    }
  }
});

describe("messages inside a socket:", () => {
  for (const { dialect, endpoint, route } of offered) {
    const { socket } = endpoint;
    if (socket === undefined) continue;
    const { refersTo, modelRefs } = socket;
    /** What the gateway says of a message before anything of the provider's; null where it is sent on. */
    const codeOf = async (token: string, members: object): Promise<string | null> => {
      provider.script(null);
      const caller = await openSocket(
        `${gateway.url}${dialect.mounts[0]}${endpoint.path}?model=gpt-realtime`,
        { token },
      );
      caller.send({ type: "response.create", model: models.openai, input: "hello", ...members });
      const { error } = await caller.until(
        ({ type }) => type === "error" || /^response\.(created|done)$/.test(type),
      );
      caller.socket.terminate();
      return error === undefined ? null : (error as { code: string | null }).code;
    };
    for (const place of refersTo === "none" ? [] : refersTo) {
      it(`${route}, ${place.in} ${place.name}`, async () => {
        const id = idOf(place.kind, "mine");
        for (const { body } of naming(dialect, endpoint, { place, id, pathOf: "mine" })) {
          assert.equal(await codeOf(tokens.theirs, body as object), "object_not_found", JSON.stringify(body));
          assert.notEqual(
            await codeOf(tokens.mine, body as object),
            "object_not_found",
            JSON.stringify(body),
          );
        }
      });
    }
    for (const name of socket.leftModels?.members ?? []) {
      it(`${route}, ${name}`, async () => {
        assert.equal(await codeOf(tokens.wider, { [name]: { id: "pmpt_1" } }), "model_not_found");
        assert.notEqual(await codeOf(tokens.mine, { [name]: { id: "pmpt_1" } }), "model_not_found");
      });
    }
    for (const type of socket.leftModels?.tools ?? []) {
      it(`${route}, ${type} without a model`, async () => {
        assert.equal(await codeOf(tokens.wider, { tools: [{ type }] }), "model_not_found");
        assert.notEqual(await codeOf(tokens.mine, { tools: [{ type }] }), "model_not_found");
      });
    }
    for (const path of modelRefs === "none" ? [] : modelRefs) {
      it(`${route}, ${path.join(".")}`, async () => {
        const members = nested(path, elsewhere) as object;
        assert.equal(await codeOf(tokens.narrow, members), "model_not_found");
        assert.notEqual(await codeOf(tokens.wider, members), "model_not_found");
      });
    }
  }
});
