/** The `openai` SDK's socket clients, as npm has them; TLS on both sides, and the way through a proxy. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import OpenAI from "openai";
import type { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { ResponsesWS } from "openai/resources/responses/ws";
import { WebSocket } from "ws";
import { type Certificate, makeCertificate } from "./bed/certificate.ts";
import { startConnectProxy } from "./bed/connect-proxy.ts";
import { startFakeProvider } from "./bed/fake-provider.ts";
import { openSocket, refusalOf } from "./bed/socket-caller.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

let directory = "";
let certificate: Certificate;
let gateway: TestGateway;
let client: OpenAI;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "meshagent-tls-"));
  certificate = makeCertificate(directory, "sockets");
  // The simulated provider, so that its own sockets are met, too.
  gateway = await startTestGateway({ tls: certificate });
  client = new OpenAI({ apiKey: await gateway.token(), baseURL: gateway.openaiUrl });
});
after(async () => {
  await gateway.close();
  rmSync(directory, { recursive: true });
});

/** The realtime classes share their events. */
type Realtime = Pick<OpenAIRealtimeWS, "on" | "send" | "close"> | OpenAIRealtimeWebSocket;

/** Says something, and gives what was answered. */
function converse(realtime: Realtime, onOpen: (open: () => void) => void): Promise<string> {
  const done = Promise.withResolvers<string>();
  let text = "";
  realtime.on("error", (error) => done.reject(error));
  realtime.on("response.output_text.delta", ({ delta }) => {
    text += delta;
  });
  realtime.on("response.done", () => done.resolve(text));
  onOpen(() => {
    realtime.send({
      type: "session.update",
      session: { type: "realtime", output_modalities: ["text"] },
    });
    realtime.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text: "Are you there?" }] },
    });
    realtime.send({ type: "response.create" });
  });
  return done.promise;
}

describe("the SDK's socket clients", () => {
  it("ResponsesWS: two turns on one connection", async () => {
    const responses = new ResponsesWS(client, { ca: certificate.cert });
    const ids: string[] = [];
    const done = Promise.withResolvers<void>();
    responses.on("error", (error) => done.reject(error));
    responses.on("response.completed", ({ response }) => {
      ids.push(response.id);
      if (ids.length === 2) done.resolve();
      else
        responses.send({
          type: "response.create",
          model: "gpt-5.5",
          input: "again",
          previous_response_id: response.id,
        });
    });
    responses.send({ type: "response.create", model: "gpt-5.5", input: "hello" });
    await done.promise;
    responses.close();
    const rows = (await gateway.exchanges()).filter((row) => row.intent.endpoint === "/v1/responses");
    assert.deepEqual(
      rows.map(({ intent, result }) => [intent.transport, intent.isSimulated, result?.usage[0]?.response_id]),
      ids.map((id) => ["websocket", true, id]),
    );
    const [first, second] = rows.map(({ result }) => result?.usage[0]?.input_tokens ?? 0);
    assert.ok((second ?? 0) > (first ?? 0), "the second turn has the first one in it");
  });

  it("OpenAIRealtimeWS: a token in the header, always over TLS", async () => {
    const realtime = new OpenAIRealtimeWS(
      { model: "gpt-realtime", options: { ca: certificate.cert } },
      client,
    );
    const text = await converse(realtime, (open) => realtime.socket.on("open", open));
    assert.match(text, /simulated.*Are you there\?/);
    realtime.close();
    const row = (await gateway.exchanges()).find(({ intent }) => intent.endpoint === "/v1/realtime");
    assert.deepEqual(
      [row?.intent.transport, row?.result?.outcome, row?.result?.usageSource, row?.result?.model],
      ["websocket", "ok", "exact", "gpt-realtime"],
    );
    assert.ok((row?.result?.costNanoUsd ?? 0) > 0);
  });

  it("OpenAIRealtimeWebSocket: a token in a subprotocol, as from a browser", async () => {
    const ca = certificate.cert;
    const native = globalThis.WebSocket;
    // The runtime's own cannot be told whom to trust.
    class Trusting extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, { ca });
      }
    }
    globalThis.WebSocket = Trusting as unknown as typeof native;
    try {
      const { OpenAIRealtimeWebSocket: Browsers } = await import("openai/realtime/websocket");
      const realtime = new Browsers({ model: "gpt-realtime", dangerouslyAllowBrowser: true }, client);
      const text = await converse(realtime, (open) => realtime.socket.addEventListener("open", open));
      assert.match(text, /simulated.*Are you there\?/);
      assert.equal(realtime.socket.protocol, "realtime");
      realtime.close();
    } finally {
      globalThis.WebSocket = native;
    }
  });

  it("says that simulated replies are that", async () => {
    const caller = await openSocket(`${gateway.openaiUrl}/responses`, {
      token: await gateway.token(),
      ca: certificate.cert,
    });
    assert.equal(caller.headers["x-meshagent-simulated"], "true");
    await caller.close();
  });
});

describe("the way to the provider", () => {
  it("is verified TLS", async () => {
    const provider = await startFakeProvider({ tls: certificate });
    const trusting = await startTestGateway({ provider, upstreamCa: certificate.cert });
    const distrusting = await startTestGateway({ provider });
    const caller = await openSocket(`${trusting.openaiUrl}/responses`, { token: await trusting.token() });
    assert.equal((await caller.respond({ model: "gpt-5.5", input: "hi" })).type, "response.completed");
    await caller.close();
    const refusal = await refusalOf(`${distrusting.openaiUrl}/responses`, {
      token: await distrusting.token(),
    });
    assert.equal(refusal.status, 502);
    await trusting.close();
    await distrusting.close();
    await provider.close();
  });

  it("leads through HTTPS_PROXY, and past it where NO_PROXY says so", async () => {
    const proxy = await startConnectProxy();
    // A credential with an escape in it.
    const httpsProxy = `http://us%65r:s3cret@127.0.0.1:${proxy.port}`;
    const provider = await startFakeProvider({ tls: certificate });
    for (const noProxy of [null, "127.0.0.1"]) {
      const through = await startTestGateway({
        provider,
        upstreamCa: certificate.cert,
        config: { httpsProxy, noProxy },
      });
      const caller = await openSocket(`${through.openaiUrl}/responses`, { token: await through.token() });
      assert.equal((await caller.respond({ model: "gpt-5.5", input: "hi" })).type, "response.completed");
      await caller.close();
      await through.close();
      assert.deepEqual(proxy.tunnels, [new URL(provider.origin).host], `NO_PROXY ${noProxy}`);
    }
    assert.deepEqual(proxy.credentials, [`Basic ${Buffer.from("user:s3cret").toString("base64")}`]);
    // A proxy that says no, and one that says nothing.
    const config = { httpsProxy, noProxy: null, connectTimeoutMs: 300 };
    const blocked = await startTestGateway({ provider, upstreamCa: certificate.cert, config });
    for (const [mode, status] of [
      ["refuse", 502],
      ["silent", 504],
    ] as const) {
      proxy.mode = mode;
      const token = await blocked.token();
      assert.equal((await refusalOf(`${blocked.openaiUrl}/responses`, { token })).status, status, mode);
    }
    await blocked.close();
    await provider.close();
    await proxy.close();
  });
});
