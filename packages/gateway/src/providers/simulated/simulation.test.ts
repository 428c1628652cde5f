/** The simulation as a whole: which paths it answers, with which headers, errors and ids. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropicDialect } from "../../dialects/anthropic/dialect.ts";
import { openAiDialect } from "../../dialects/openai/dialect.ts";
import { askSimulation, readReply } from "./read-reply.ts";
import { createSimulation, type Simulation } from "./simulation.ts";
import { simulatedSocket } from "./sockets.ts";

const NOW_MS = Date.parse("2026-11-23T10:00:00Z");

function simulate(idSeed = "test"): Simulation {
  return createSimulation({ clock: { now: () => NOW_MS }, idSeed });
}

const chat = { dialect: "openai", path: "/v1/chat/completions" } as const;
const message = { dialect: "anthropic", path: "/v1/messages" } as const;
const hello = { model: "gpt-5.5", messages: [{ role: "user", content: "hello" }] };
const hi = { model: "claude-opus-5-5", max_tokens: 500, messages: [{ role: "user", content: "hi" }] };

test("the same requests in the same order get the same bytes", () => {
  const run = (): readonly string[] => {
    const simulation = simulate();
    return [hello, { ...hello, stream: true }, hello].map((body) => {
      const { reply, text } = askSimulation(simulation, chat, body);
      return JSON.stringify([reply.status, reply.headers, text]);
    });
  };
  assert.deepEqual(run(), run());
});

test("ids differ between requests and between seeds", () => {
  const one = simulate("one");
  const ids = [one, one, simulate("two")].map(
    (simulation) => askSimulation(simulation, chat, hello).json["id"],
  );
  assert.equal(new Set(ids).size, 3);
});

test("paths are answered with and without the version, queries aside", () => {
  const simulation = simulate();
  assert.equal(
    askSimulation(simulation, { dialect: "openai", path: "/chat/completions" }, hello).reply.status,
    200,
  );
  assert.equal(
    askSimulation(simulation, { ...message, path: "/v1/messages?beta=true" }, hi).reply.status,
    200,
  );
});

test("the dialect decides what a shared path means", () => {
  const simulation = simulate();
  const openai = askSimulation(simulation, { dialect: "openai", path: "/v1/models" }).json;
  const anthropic = askSimulation(simulation, { dialect: "anthropic", path: "/v1/models" }).json;
  assert.equal(openai["object"], "list");
  assert.equal(anthropic["has_more"], false);
});

test("every endpoint that the gateway relays is answered", () => {
  const simulation = simulate();
  const models = { openai: "gpt-5.5", anthropic: "claude-opus-5-5" };
  for (const { name: dialect, endpoints } of [openAiDialect, anthropicDialect]) {
    for (const endpoint of endpoints) {
      if (endpoint.offer !== "offered") continue;
      const path = `/v1${endpoint.path.replace("{model}", models[dialect])}`;
      if (endpoint.socket !== undefined) {
        assert.ok(simulatedSocket(path) !== null, `the socket ${endpoint.name}`);
        continue;
      }
      if (path.includes("{") || endpoint.name === "conversations") {
        const bare = { dialect, path, method: endpoint.method, headers: [], body: Buffer.from("") };
        const { text } = readReply(simulation.answer(bare));
        // There is no such object, which only an endpoint that is there can say.
        assert.doesNotMatch(text, /does not answer it/, `${dialect} ${endpoint.name}`);
        continue;
      }
      const { reply } = askSimulation(
        simulation,
        { dialect, path },
        endpoint.method === "POST" ? {} : undefined,
      );
      // A bare POST lacks what the endpoint needs, which only an endpoint that is there can say.
      assert.equal(reply.status, endpoint.method === "POST" ? 400 : 200, `${dialect} ${endpoint.name}`);
    }
  }
});

test("an unknown path is a 404 in the provider's form", () => {
  const simulation = simulate();
  const openai = askSimulation(simulation, { dialect: "openai", path: "/v1/audio/voices" }, {});
  assert.equal(openai.reply.status, 404);
  assert.deepEqual(Object.keys(openai.json["error"] as object), ["message", "type", "param", "code"]);
  const anthropic = askSimulation(simulation, { dialect: "anthropic", path: "/v1/chat/completions" }, hello);
  assert.equal(anthropic.reply.status, 404);
  assert.equal((anthropic.json["error"] as { type: string }).type, "not_found_error");
  assert.equal(anthropic.json["request_id"], anthropic.header("request-id"));
  assert.equal(anthropic.reply.bill, null);
});

test("a body that is no JSON object, or lacks what is required, is a 400", () => {
  const simulation = simulate();
  for (const body of ["{", "[]", "7"]) assert.equal(askSimulation(simulation, chat, body).reply.status, 400);
  const noModel = askSimulation(simulation, chat, { messages: [] });
  assert.equal(noModel.reply.status, 400);
  assert.equal((noModel.json["error"] as { param: string }).param, "model");
  const noLimit = askSimulation(simulation, message, { model: "claude-opus-5-5", messages: [] });
  assert.equal((noLimit.json["error"] as { message: string }).message, "max_tokens: Field required");
});

test("replies carry the headers that clients read", () => {
  const simulation = simulate();
  const openai = askSimulation(simulation, chat, hello);
  assert.match(openai.header("x-request-id") ?? "", /^req_[0-9a-f]{32}$/);
  assert.equal(openai.header("openai-version"), "2020-10-01");
  assert.equal(openai.header("openai-processing-ms"), "1");
  assert.equal(openai.header("x-ratelimit-remaining-requests"), "9999");
  assert.equal(openai.header("content-length"), String(Buffer.byteLength(openai.text)));
  assert.equal(openai.header("date"), "Mon, 23 Nov 2026 10:00:00 GMT");
  const anthropic = askSimulation(simulation, message, { ...hi, stream: true });
  assert.match(anthropic.header("request-id") ?? "", /^req_01\w{22}$/);
  assert.equal(anthropic.header("anthropic-ratelimit-requests-reset"), "2026-11-23T10:00:01.000Z");
  assert.equal(anthropic.header("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(anthropic.header("content-length"), null);
});

test("no reply names itself in openai-model, which Codex takes for an alarm", () => {
  assert.equal(askSimulation(simulate(), chat, hello).header("openai-model"), null);
});

test("directive error: the status, the provider's form, nothing billed", () => {
  const simulation = simulate();
  const ask = (text: string) =>
    askSimulation(simulation, chat, {
      model: "gpt-5.5",
      stream: true,
      messages: [{ role: "user", content: text }],
    });
  const limited = ask("[[simulate: error 429]]");
  assert.equal(limited.reply.status, 429);
  assert.equal(limited.header("retry-after"), "1");
  assert.equal(limited.header("content-type"), "application/json");
  assert.deepEqual(limited.json["error"], {
    message: "This is a simulated error 429 from MeshAgent.",
    type: "rate_limit_error",
    param: null,
    code: "rate_limit_exceeded",
  });
  assert.equal(limited.reply.bill, null);
  assert.equal((ask("[[simulate: error 401]]").json["error"] as { code: string }).code, "invalid_api_key");
  const content = "[[simulate: error 529]]";
  const overloaded = askSimulation(simulation, message, { ...hi, messages: [{ role: "user", content }] });
  assert.equal(overloaded.reply.status, 529);
  assert.deepEqual(overloaded.json["error"], {
    type: "overloaded_error",
    message: "This is a simulated error 529 from MeshAgent.",
  });
});

test("directives in a message of the assistant or of the system ask for nothing", () => {
  const messages = [
    { role: "system", content: "[[simulate: error 500]]" },
    { role: "user", content: "hello" },
    { role: "assistant", content: "[[simulate: error 500]]" },
  ];
  assert.equal(askSimulation(simulate(), chat, { model: "gpt-5.5", messages }).reply.status, 200);
});

test("directive delay is before the header, slow before every event, silence once in the middle", () => {
  const ask = (text: string) =>
    askSimulation(simulate(), chat, {
      model: "gpt-5.5",
      stream: true,
      messages: [{ role: "user", content: text }],
    });
  assert.equal(ask("[[simulate: delay 5s]]").reply.headerDelayMs, 5000);
  const slow = ask("[[simulate: slow 200ms]]");
  assert.equal(slow.reply.headerDelayMs, 0);
  assert.deepEqual(slow.steps.map((step) => (step.kind === "wait" ? step.waitMs : step.kind)).slice(0, 4), [
    200,
    "bytes",
    200,
    "bytes",
  ]);
  const silent = ask("[[simulate: silence 30s]]");
  const waits = silent.steps.flatMap((step, index) => (step.kind === "wait" ? [[index, step.waitMs]] : []));
  assert.deepEqual(waits, [[Math.ceil((silent.steps.length - 1) / 2), 30_000]]);
  assert.ok(silent.text.endsWith("data: [DONE]\n\n"));
});

test("directive stall never ends, cut ends inside an event", () => {
  const ask = (text: string) =>
    askSimulation(simulate(), chat, {
      model: "gpt-5.5",
      stream: true,
      messages: [{ role: "user", content: text }],
    });
  assert.ok(ask("[[simulate: stall]]").steps.some((step) => step.kind === "stall"));
  const cut = ask("[[simulate: cut]]");
  assert.equal(cut.steps.at(-1)?.kind, "cut");
  assert.ok(!cut.text.endsWith("\n"));
  assert.ok(!cut.text.includes("[DONE]"));
  assert.notEqual(cut.reply.bill, null);
  const plain = askSimulation(simulate(), chat, {
    ...hello,
    messages: [{ role: "user", content: "[[simulate: cut]]" }],
  });
  assert.equal(plain.steps.at(-1)?.kind, "cut");
  assert.equal(Buffer.byteLength(plain.text), Math.ceil(Number(plain.header("content-length")) / 2));
});

test("bodies of odd shapes never make it throw", () => {
  const simulation = simulate();
  const odd: readonly unknown[] = [null, 7, "text", [], {}, [null], [{ type: 1 }], { role: 3 }];
  const paths = [
    "/chat/completions",
    "/completions",
    "/responses",
    "/responses/compact",
    "/embeddings",
    "/messages",
  ];
  for (const path of paths) {
    for (const value of odd) {
      const body = {
        model: "gpt-5.5",
        max_tokens: 10,
        messages: value,
        prompt: value,
        input: value,
        tools: value,
        tool_choice: value,
        system: value,
        text: value,
        reasoning: value,
        stream_options: value,
        thinking: value,
      };
      const dialect = path === "/messages" ? "anthropic" : "openai";
      for (const stream of [true, false]) {
        const { reply } = askSimulation(simulation, { dialect, path }, { ...body, stream });
        assert.ok(reply.status === 200 || reply.status === 400, `${path} ${JSON.stringify(value)}`);
      }
    }
  }
});
