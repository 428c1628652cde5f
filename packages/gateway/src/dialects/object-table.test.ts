/**
 * Every route, and what was decided about the objects that the provider keeps: what it makes, what it refers to,
 * which further models it can name, what it lists. A route that somebody adds without deciding does not compile,
 * and one that is decided otherwise than here fails.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropicDialect } from "./anthropic/dialect.ts";
import type { Makes, OfferedEndpoint, ReferencePlace } from "./dialect.ts";
import type { SocketProtocol } from "./socket-protocol.ts";
import { openAiDialect } from "./openai/dialect.ts";

/** `[makes, refersTo, modelRefs, lists]`. A kind is written only where it is not the name. */
const decided: Readonly<Record<string, readonly [string, string, string, string]>> = {
  "openai POST /responses": [
    "response@id item@output.*.id container@output.*.container_id unless_store_false",
    "member:previous_response_id=response member:conversation items:input=item member:prompt_cache_options.comparison_response_id=response anywhere:file_id=file anywhere:file_ids=file anywhere:container anywhere:container_id=container",
    "tools.*.model tools.*.svg.model input.*.tools.*.model input.*.tools.*.svg.model moderation.model",
    "none",
  ],
  "openai POST /responses/compact": [
    "none",
    "member:previous_response_id=response member:conversation items:input=item member:prompt_cache_options.comparison_response_id=response anywhere:file_id=file anywhere:file_ids=file anywhere:container anywhere:container_id=container",
    "tools.*.model tools.*.svg.model input.*.tools.*.model input.*.tools.*.svg.model moderation.model",
    "none",
  ],
  "openai POST /responses/input_tokens": [
    "none",
    "member:previous_response_id=response member:conversation items:input=item member:prompt_cache_options.comparison_response_id=response anywhere:file_id=file anywhere:file_ids=file anywhere:container anywhere:container_id=container",
    "tools.*.model tools.*.svg.model input.*.tools.*.model input.*.tools.*.svg.model moderation.model",
    "none",
  ],
  "openai POST /chat/completions": [
    "chat_completion@id if_store_true",
    "anywhere:file_id=file anywhere:file_ids=file anywhere:container anywhere:container_id=container",
    "none",
    "none",
  ],
  "openai POST /completions": ["none", "none", "none", "none"],
  "openai POST /embeddings": ["none", "none", "none", "none"],
  "openai POST /moderations": ["none", "none", "none", "none"],
  "openai POST /audio/speech": ["none", "none", "none", "none"],
  "openai POST /audio/transcriptions": ["none", "none", "none", "none"],
  "openai POST /audio/translations": ["none", "none", "none", "none"],
  "openai POST /images/generations": ["none", "none", "svg.model", "none"],
  "openai POST /images/edits": [
    "none",
    "anywhere:file_id=file form:image[file_id]=file form:images[file_id]=file form:images[][file_id]=file form:images[0][file_id]=file form:mask[file_id]=file",
    "svg.model",
    "none",
  ],
  "openai GET /models": ["none", "none", "none", "none"],
  "openai GET /models/{model}": ["none", "none", "none", "none"],
  "openai SOCKET /responses": [
    "response@id item@output.*.id container@output.*.container_id unless_store_false",
    "member:conversation items:input=item member:prompt_cache_options.comparison_response_id=response anywhere:file_id=file anywhere:file_ids=file anywhere:container anywhere:container_id=container",
    "tools.*.model tools.*.svg.model input.*.tools.*.model input.*.tools.*.svg.model moderation.model",
    "none",
  ],
  // Its session says which models its messages name.
  "openai SOCKET /realtime": [
    "none",
    "anywhere:file_id=file anywhere:file_ids=file anywhere:container anywhere:container_id=container",
    "none",
    "none",
  ],
  "openai GET /responses/{response}": [
    "item@output.*.id container@output.*.container_id always in response",
    "path:response",
    "none",
    "none",
  ],
  "openai DELETE /responses/{response}": ["none", "path:response", "none", "none"],
  "openai POST /responses/{response}/cancel": [
    "item@output.*.id container@output.*.container_id always in response",
    "path:response",
    "none",
    "none",
  ],
  "openai GET /responses/{response}/input_items": [
    "item@data.*.id always in response",
    "path:response",
    "none",
    "none",
  ],
  "openai GET /chat/completions": [
    "none",
    "query:after=chat_completion query:before=chat_completion",
    "none",
    "chat_completion",
  ],
  "openai GET /chat/completions/{chat_completion}": ["none", "path:chat_completion", "none", "none"],
  "openai POST /chat/completions/{chat_completion}": ["none", "path:chat_completion", "none", "none"],
  "openai DELETE /chat/completions/{chat_completion}": ["none", "path:chat_completion", "none", "none"],
  "openai GET /chat/completions/{chat_completion}/messages": ["none", "path:chat_completion", "none", "none"],
  "openai POST /conversations": [
    "conversation@id always",
    "items:items=item anywhere:file_id=file anywhere:file_ids=file anywhere:container anywhere:container_id=container",
    "none",
    "none",
  ],
  "openai GET /conversations/{conversation}": ["none", "path:conversation", "none", "none"],
  "openai POST /conversations/{conversation}": ["none", "path:conversation", "none", "none"],
  "openai DELETE /conversations/{conversation}": ["none", "path:conversation", "none", "none"],
  "openai POST /conversations/{conversation}/items": [
    "item@data.*.id always in conversation",
    "path:conversation items:items=item anywhere:file_id=file anywhere:file_ids=file anywhere:container anywhere:container_id=container",
    "none",
    "none",
  ],
  "openai GET /conversations/{conversation}/items": [
    "item@data.*.id always in conversation",
    "path:conversation",
    "none",
    "none",
  ],
  "openai GET /conversations/{conversation}/items/{id}": ["none", "path:conversation", "none", "none"],
  "openai DELETE /conversations/{conversation}/items/{id}": ["none", "path:conversation", "none", "none"],
  "openai POST /files": ["file@id always", "none", "none", "none"],
  "openai GET /files": ["none", "query:after=file query:before=file", "none", "file"],
  "openai GET /files/{file}": ["none", "path:file", "none", "none"],
  "openai GET /files/{file}/content": ["none", "path:file", "none", "none"],
  "openai DELETE /files/{file}": ["none", "path:file", "none", "none"],
  "openai POST /uploads": ["upload@id always", "none", "none", "none"],
  "openai POST /uploads/{upload}/parts": ["none", "path:upload", "none", "none"],
  "openai POST /uploads/{upload}/complete": ["file@file.id always in upload", "path:upload", "none", "none"],
  "openai POST /uploads/{upload}/cancel": ["none", "path:upload", "none", "none"],
  "openai POST /batches": ["batch@id always", "member:input_file_id=file", "none", "none"],
  "openai GET /batches": [
    "file@output_file_id file@error_file_id always in batch",
    "query:after=batch query:before=batch",
    "none",
    "batch",
  ],
  "openai GET /batches/{batch}": [
    "file@output_file_id file@error_file_id always in batch",
    "path:batch",
    "none",
    "none",
  ],
  "openai POST /batches/{batch}/cancel": [
    "file@output_file_id file@error_file_id always in batch",
    "path:batch",
    "none",
    "none",
  ],
  "openai POST /videos": [
    "video@id always",
    "anywhere:file_id=file form:input_reference[file_id]=file",
    "none",
    "none",
  ],
  "openai GET /videos": ["none", "query:after=video query:before=video", "none", "video"],
  "openai GET /videos/{video}": ["none", "path:video", "none", "none"],
  "openai GET /videos/{video}/content": ["none", "path:video", "none", "none"],
  "openai DELETE /videos/{video}": ["none", "path:video", "none", "none"],
  "openai POST /videos/{video}/remix": ["video@id always in video", "path:video", "none", "none"],
  "anthropic POST /messages": [
    "container@container.id file@content.*.content.content.*.file_id always; in a thread message@id container@container.id file@content.*.content.content.*.file_id always",
    "member:thread.previous_message_id=message anywhere:file_id=file anywhere:file_ids=file anywhere:container",
    "tools.*.model fallbacks fallbacks.*.model",
    "none",
  ],
  "anthropic POST /messages/count_tokens": [
    "none",
    "member:thread.previous_message_id=message anywhere:file_id=file anywhere:file_ids=file anywhere:container",
    "tools.*.model fallbacks fallbacks.*.model",
    "none",
  ],
  "anthropic POST /complete": ["none", "none", "none", "none"],
  "anthropic GET /models": ["none", "none", "none", "none"],
  "anthropic GET /models/{model}": ["none", "none", "none", "none"],
  "anthropic POST /messages/batches": [
    "message_batch@id always",
    "anywhere:thread.previous_message_id=message anywhere:file_id=file anywhere:file_ids=file anywhere:container",
    "requests.*.params.model requests.*.params.tools.*.model requests.*.params.fallbacks requests.*.params.fallbacks.*.model",
    "none",
  ],
  "anthropic GET /messages/batches": [
    "none",
    "query:after_id=message_batch query:before_id=message_batch",
    "none",
    "message_batch",
  ],
  "anthropic GET /messages/batches/{message_batch}": ["none", "path:message_batch", "none", "none"],
  "anthropic POST /messages/batches/{message_batch}/cancel": ["none", "path:message_batch", "none", "none"],
  "anthropic DELETE /messages/batches/{message_batch}": ["none", "path:message_batch", "none", "none"],
  "anthropic GET /messages/batches/{message_batch}/results": ["none", "path:message_batch", "none", "none"],
  "anthropic POST /files": ["file@id always", "none", "none", "none"],
  "anthropic GET /files": ["none", "query:after_id=file query:before_id=file", "none", "file"],
  "anthropic GET /files/{file}": ["none", "path:file", "none", "none"],
  "anthropic GET /files/{file}/content": ["none", "path:file", "none", "none"],
  "anthropic DELETE /files/{file}": ["none", "path:file", "none", "none"],
};

function makesText(makes: Makes | "none"): string {
  if (makes === "none") return "none";
  const objects = makes.objects.map(({ kind, at }) => `${kind}@${at.join(".")}`).join(" ");
  return `${objects} ${makes.when}${makes.parent === null ? "" : ` in ${makes.parent}`}`;
}

function placesText(places: readonly ReferencePlace[] | "none"): string {
  if (places === "none") return "none";
  return places
    .map((place) => {
      const name = "idIn" in place && place.idIn !== undefined ? `${place.name}.${place.idIn}` : place.name;
      return `${place.in}:${name}${name === place.kind ? "" : `=${place.kind}`}`;
    })
    .join(" ");
}

function declaredBy({
  makes,
  refersTo,
  modelRefs,
}: SocketProtocol): Pick<OfferedEndpoint, "makes" | "refersTo" | "modelRefs"> {
  return { makes, refersTo, modelRefs };
}

const rows = [openAiDialect, anthropicDialect].flatMap((dialect) =>
  dialect.endpoints.flatMap((endpoint): (readonly [string, OfferedEndpoint])[] =>
    endpoint.offer !== "offered"
      ? []
      : endpoint.socket === undefined
        ? [[`${dialect.name} ${endpoint.method} ${endpoint.path}`, endpoint]]
        : // Its messages refer and make.
          [[`${dialect.name} SOCKET ${endpoint.path}`, { ...endpoint, ...declaredBy(endpoint.socket) }]],
  ),
);

test("every route has been decided about", () => {
  const actual = rows.map(([route, { makes, makesInThread, refersTo, modelRefs, lists }]) => [
    route,
    [
      makesText(makes) + (makesInThread === undefined ? "" : `; in a thread ${makesText(makesInThread)}`),
      placesText(refersTo),
      modelRefs === "none" ? "none" : modelRefs.map((path) => path.join(".")).join(" "),
      lists,
    ],
  ]);
  assert.deepEqual(Object.fromEntries(actual), decided);
});

test("every id in a path is an object's that is checked, but for a model's and a conversation's item", () => {
  for (const [route, { path, refersTo }] of rows) {
    const ids = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
    const checked = refersTo === "none" ? [] : refersTo.filter((place) => place.in === "path");
    assert.deepEqual(
      ids.filter((name) => name !== "model" && name !== "id"),
      checked.map(({ name }) => name),
      route,
    );
    if (ids.includes("id")) assert.deepEqual(ids, ["conversation", "id"], route);
  }
});

test("a list's cursors are objects of the kind that it lists", () => {
  for (const [route, { refersTo, lists, method }] of rows) {
    if (lists === "none") continue;
    assert.equal(method, "GET", route);
    const cursors = refersTo === "none" ? [] : refersTo.filter((place) => place.in === "query");
    assert.equal(cursors.length, 2, route);
    assert.ok(
      cursors.every(({ kind }) => kind === lists),
      route,
    );
  }
});

test("what a request makes is named by its id, and billed on its exchange where it is told later", () => {
  for (const [route, { makes, method, usageReader }] of rows) {
    if (makes === "none" || method !== "POST") continue;
    const own = makes.objects.filter(({ at }) => at.length === 1 && at[0] === "id");
    assert.ok(own.length <= 1, route);
    const kind = own[0]?.kind;
    const billsLater = kind === "batch" || kind === "message_batch" || kind === "video";
    if (billsLater) assert.notEqual(usageReader, null, route);
    const dialect = route.startsWith("openai") ? openAiDialect : anthropicDialect;
    if (billsLater || kind === "response")
      assert.ok(
        dialect.collecting.some((collecting) => collecting.kind === kind),
        `${route}: nobody collects what a ${kind} used`,
      );
  }
});
