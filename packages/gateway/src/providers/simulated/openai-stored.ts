/** Stored responses, stored chat completions and conversations of the simulated OpenAI API. */

import type { Ask, SimulatedEndpoint } from "./ask.ts";
import { asArray, asObject, asString, isObject, type JsonObject } from "./json.ts";
import { createdAt, idIn, json, notFound, onKept, pageOf } from "./kept.ts";
import type { EndpointReply } from "./reply.ts";

const openai = { dialect: "openai" } as const;

/** The items of a request's input, with ids of their own. */
export function itemsOf(ask: Ask, input: unknown): readonly JsonObject[] {
  const items = typeof input === "string" ? [{ role: "user", content: input }] : asArray(input).map(asObject);
  return items.map((item) => {
    const { content } = item;
    return {
      id: asString(item["id"]) === "" ? ask.ids.hex("msg_", 50) : item["id"],
      type: item["type"] ?? "message",
      status: "completed",
      ...item,
      ...(typeof content === "string" ? { content: [{ type: "input_text", text: content }] } : {}),
    };
  });
}

const atResponse = { ...openai, collection: "/responses", kind: "response" } as const;

const responses: readonly SimulatedEndpoint[] = [
  onKept({ ...atResponse, method: "GET" }, (object, ask) => {
    if (ask.query.get("stream") !== "true") return json(object.shown);
    const startingAfter = Number(ask.query.get("starting_after") ?? -1);
    const events = object.events.slice(startingAfter + 1);
    return { status: 200, body: { kind: "events", events, errorEvent: () => "" }, bill: null };
  }),
  onKept({ ...atResponse, method: "DELETE" }, (object, ask) => {
    ask.kept.remove("response", object.id);
    return json({ id: object.id, object: "response", deleted: true });
  }),
  onKept({ ...atResponse, method: "POST", rest: "/cancel" }, (object) => json(object.shown)),
  onKept({ ...atResponse, method: "GET", rest: "/input_items" }, (object, ask) => pageOf(ask, object.parts)),
];

const atChat = { ...openai, collection: "/chat/completions", kind: "chat_completion" } as const;

const chat: readonly SimulatedEndpoint[] = [
  {
    ...openai,
    method: "GET",
    path: /^\/chat\/completions$/,
    readPrompt: null,
    required: [],
    answer: (ask) =>
      pageOf(
        ask,
        ask.kept.list("chat_completion").map(({ shown }) => shown),
      ),
  },
  onKept({ ...atChat, method: "GET" }, ({ shown }) => json(shown)),
  onKept({ ...atChat, method: "POST" }, (object, ask) => {
    object.shown = { ...object.shown, metadata: ask.body["metadata"] ?? {} };
    return json(object.shown);
  }),
  onKept({ ...atChat, method: "DELETE" }, (object, ask) => {
    ask.kept.remove("chat_completion", object.id);
    return json({ id: object.id, object: "chat.completion.deleted", deleted: true });
  }),
  onKept({ ...atChat, method: "GET", rest: "/messages" }, (object, ask) => pageOf(ask, object.parts)),
];

const atConversation = { ...openai, collection: "/conversations", kind: "conversation" } as const;

const conversations: readonly SimulatedEndpoint[] = [
  {
    ...openai,
    method: "POST",
    path: /^\/conversations$/,
    readPrompt: null,
    required: [],
    answer: (ask) => {
      const id = ask.ids.hex("conv_", 48);
      const metadata = ask.body["metadata"] ?? {};
      const shown = { id, object: "conversation", created_at: createdAt(ask), metadata };
      ask.kept.put("conversation", { id, shown, parts: itemsOf(ask, ask.body["items"] ?? []) });
      return json(shown);
    },
  },
  onKept({ ...atConversation, method: "GET" }, ({ shown }) => json(shown)),
  onKept({ ...atConversation, method: "POST" }, (object, ask) => {
    object.shown = { ...object.shown, metadata: ask.body["metadata"] ?? {} };
    return json(object.shown);
  }),
  onKept({ ...atConversation, method: "DELETE" }, (object, ask) => {
    ask.kept.remove("conversation", object.id);
    return json({ id: object.id, object: "conversation.deleted", deleted: true });
  }),
  onKept({ ...atConversation, method: "POST", rest: "/items" }, (object, ask) => {
    const added = itemsOf(ask, ask.body["items"]);
    object.parts = [...object.parts, ...added];
    return json({
      object: "list",
      data: added,
      first_id: added[0]?.["id"] ?? null,
      last_id: added.at(-1)?.["id"] ?? null,
      has_more: false,
    });
  }),
  onKept({ ...atConversation, method: "GET", rest: "/items" }, (object, ask) =>
    pageOf(ask, object.parts.toReversed()),
  ),
  onKept({ ...atConversation, method: "GET", rest: "/items/[^/]+" }, (object, ask) => {
    const item = object.parts.find(({ id }) => id === itemId(ask));
    return item === undefined ? notFound(ask, "item", itemId(ask)) : json(item);
  }),
  onKept({ ...atConversation, method: "DELETE", rest: "/items/[^/]+" }, (object, ask) => {
    object.parts = object.parts.filter(({ id }) => id !== itemId(ask));
    return json(object.shown);
  }),
];

function itemId(ask: Ask): string {
  return idIn(ask, `/conversations/${idIn(ask, "/conversations")}/items`);
}

/** What a request says of the conversation or response that it goes on from. null when both are there, or neither is named. */
export function missingContext(ask: Ask): EndpointReply | null {
  const conversation = ask.body["conversation"];
  const id = isObject(conversation) ? asString(conversation["id"]) : asString(conversation);
  if (id === "" || ask.kept.get("conversation", id) !== null) return null;
  return notFound(ask, "Conversation", id);
}

export const openaiStored: readonly SimulatedEndpoint[] = [...responses, ...chat, ...conversations];
