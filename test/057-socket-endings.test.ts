/** How WebSockets end: by either side, by a credential, by a limit, by the gateway's own stop; and what the rows say. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, describe, it } from "node:test";
import { newMasterKey } from "@meshagent/llm-proxy-gateway/data-dir";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { Exchange } from "@meshagent/llm-proxy-gateway/store/store";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import { spawnFakeProvider } from "./bed/fake-provider-process.ts";
import { killSpawnedGateways, spawnGateway } from "./bed/gateway-process.ts";
import { op, rawFrame, takeSockets } from "./bed/raw-socket.ts";
import { openSocket, refusalOf, type SocketCaller } from "./bed/socket-caller.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./bed/test-gateway.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

interface Bed {
  readonly provider: FakeProvider;
  readonly gateway: TestGateway;
  readonly url: string;
  open(): Promise<SocketCaller>;
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
after(killSpawnedGateways);

async function start(config: TestGatewayOptions["config"] = {}): Promise<Bed> {
  const provider = await startFakeProvider();
  const gateway = await startTestGateway({ provider, config });
  closing.push(
    () => provider.close(),
    () => gateway.close(),
  );
  const url = `${gateway.openaiUrl}/responses`;
  return { provider, gateway, url, open: async () => openSocket(url, { token: await gateway.token() }) };
}

const slow = (tokens: number): object => ({
  type: "response.create",
  model: "gpt-5.5",
  input: `Tell me [[simulate: slow 10ms, length ${tokens}]]`,
});

/** Resolves once a slow reply is on its way. */
async function begin(caller: SocketCaller, tokens = 200): Promise<void> {
  caller.send(slow(tokens));
  await caller.untilType("response.output_text.delta");
}

const finished = (rows: readonly Exchange[]): boolean =>
  rows.length > 0 && rows.every((row) => row.result !== null);

describe("the caller leaves in the middle of a response", () => {
  for (const [how, leave] of [
    ["without a word", (caller: SocketCaller): void => caller.socket.terminate()],
    ["with a close frame", (caller: SocketCaller): void => caller.socket.close(1000, "enough")],
  ] as const) {
    it(`${how}: the reply is read to its end, and the row is exact`, async () => {
      const { provider, gateway, open } = await start();
      const caller = await open();
      await begin(caller);
      leave(caller);
      const { code } = await caller.ended;
      assert.equal(code, how === "without a word" ? 1006 : 1000);
      const [row] = await gateway.untilExchanges(finished);
      await provider.untilIdle();
      const [entry] = provider.books;
      assert.deepEqual([row?.result?.outcome, row?.result?.usageSource], ["client_closed", "drained"]);
      assert.deepEqual(row?.result?.usage[0]?.raw, entry?.bill?.usage);
      assert.equal(entry?.state, "complete");
      await gateway.untilDrains(0);
    });
  }

  it("and where the policy is to cancel: the provider's end is closed, and the row is an estimate", async () => {
    const { gateway, open } = await start({ disconnectPolicy: "cancel" });
    const caller = await open();
    await begin(caller, 2_000);
    caller.socket.terminate();
    const [row] = await gateway.untilExchanges(finished);
    assert.deepEqual([row?.result?.outcome, row?.result?.usageSource], ["client_closed", "estimated"]);
    assert.ok((row?.result?.costNanoUsd ?? 0) > 0);
  });

  it("a drain that takes too long is given up", async () => {
    const { gateway, open } = await start({ drainMaxMs: 100 });
    const caller = await open();
    await begin(caller, 5_000);
    caller.socket.terminate();
    const [row] = await gateway.untilExchanges(finished);
    assert.deepEqual([row?.result?.outcome, row?.result?.usageSource], ["client_closed", "estimated"]);
    await gateway.untilDrains(0);
  });

  it("after the end it has left nothing: the row was there before", async () => {
    const { gateway, open } = await start();
    const caller = await open();
    await caller.respond({ model: "gpt-5.5", input: "hi" });
    caller.socket.terminate();
    const [row] = await gateway.exchanges();
    assert.deepEqual([row?.result?.outcome, row?.result?.usageSource], ["ok", "exact"]);
  });
});

describe("the provider leaves in the middle of a response", () => {
  it("the caller's connection is cut, too, and the row says that nothing is known", async () => {
    const { gateway, open } = await start();
    const caller = await open();
    caller.send({ type: "response.create", model: "gpt-5.5", input: "[[simulate: cut]]" });
    assert.equal((await caller.ended).code, 1006);
    const [row] = await gateway.exchanges();
    assert.deepEqual(
      [row?.result?.outcome, row?.result?.usageSource, row?.result?.status, row?.result?.costNanoUsd],
      ["truncated", "none", 200, null],
    );
    assert.match(row?.result?.usage[0]?.response_id ?? "", /^resp_/);
  });

  it("before a word of it: it may have been billed, so its usage is missing and not zero", async () => {
    const { provider, gateway, open } = await start();
    const caller = await open();
    caller.send({ type: "response.create", model: "gpt-5.5", input: "[[simulate: stall, delay 60s]]" });
    await gateway.untilExchanges((rows) => rows.length === 1);
    provider.resetConnections();
    assert.equal((await caller.ended).code, 1006);
    const [row] = await gateway.exchanges();
    assert.deepEqual(
      [
        row?.result?.outcome,
        row?.result?.status,
        row?.result?.usage[0]?.completeness,
        row?.result?.costNanoUsd,
      ],
      ["truncated", 502, "missing", null],
    );
  });

  it("an error inside the reply is passed, and the socket lives on", async () => {
    const { gateway, open } = await start();
    const caller = await open();
    assert.equal(
      (await caller.respond({ model: "gpt-5.5", input: "[[simulate: stream-error]]" })).type,
      "error",
    );
    assert.equal((await caller.respond({ model: "gpt-5.5", input: "hi" })).type, "response.completed");
    await caller.close();
    const rows = await gateway.untilExchanges(finished);
    assert.deepEqual(
      rows.map(({ result }) => result?.outcome),
      ["stream_error", "ok"],
    );
  });

  it("that cannot be reached is a 502 before the upgrade", async () => {
    const { provider, gateway, url } = await start();
    await provider.close();
    const refusal = await refusalOf(url, { token: await gateway.token() });
    assert.equal(refusal.status, 502);
    assert.match(refusal.body, /upstream_unreachable/);
  });
});

describe("the credential ends while the socket lives", () => {
  it("a deleted key closes an idle socket at once, with the reason", async () => {
    const { gateway, open } = await start();
    const caller = await open();
    await gateway.gateway.store.directory.as(systemAuthor).deleteApiKey(gateway.projectId, gateway.apiKey.id);
    const { code, reason } = await caller.ended;
    assert.equal(code, 1008);
    assert.match(reason, /The API key .* was deleted/);
  });

  it("a deleted room, while a response runs: it may end, nothing begins, then the socket is closed", async () => {
    const { gateway, open } = await start();
    const caller = await open();
    await begin(caller, 60);
    await gateway.gateway.store.directory.as(systemAuthor).deleteRoom(gateway.projectId, "my-room");
    caller.send(slow(20));
    const refusal = await caller.untilType("error");
    // By whichever the gateway saw first, the room's end or the message.
    const { code } = refusal["error"] as { code: string };
    assert.ok(["token_revoked", "websocket_connection_limit_reached"].includes(code), code);
    await caller.untilType("response.completed");
    assert.equal((await caller.ended).code, 1008);
    const rows = await gateway.exchanges();
    assert.deepEqual(
      rows.map(({ result }) => result?.outcome),
      ["ok"],
    );
  });

  it("an expired token closes it when its time has come", async () => {
    const { gateway, url } = await start();
    const exp = Math.floor(Date.now() / 1000) + 2;
    const caller = await openSocket(url, { token: await gateway.token({ exp }) });
    const { code, reason } = await caller.ended;
    assert.equal(code, 1008);
    assert.match(reason, /expired/);
    assert.ok(Date.now() >= exp * 1000);
  });

  it("another key's end is no affair of this socket", async () => {
    const { gateway, open } = await start();
    const caller = await open();
    await gateway.gateway.store.directory.as(systemAuthor).createRoom(gateway.projectId, "other");
    await gateway.gateway.store.directory.as(systemAuthor).deleteRoom(gateway.projectId, "other");
    assert.equal((await caller.respond({ model: "gpt-5.5", input: "hi" })).type, "response.completed");
    await caller.close();
  });
});

describe("what the provider began by itself", () => {
  it("has its row although the credential has ended since", async () => {
    const { provider, gateway } = await start();
    const sockets = takeSockets(provider);
    const caller = await openSocket(`${gateway.openaiUrl}/realtime?model=gpt-realtime`, {
      token: await gateway.token(),
    });
    const theirs = await sockets();
    const say = (message: object): void =>
      void theirs.socket.write(rawFrame(op.text, JSON.stringify(message)));
    say({ type: "response.created", response: { id: "resp_1" } });
    await caller.untilType("response.created");
    await gateway.gateway.store.directory.as(systemAuthor).deleteApiKey(gateway.projectId, gateway.apiKey.id);
    const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
    say({
      type: "conversation.item.input_audio_transcription.completed",
      item_id: "item_1",
      usage: { type: "tokens", input_tokens: 20, output_tokens: 5, total_tokens: 25 },
    });
    say({ type: "response.done", response: { id: "resp_1", status: "completed", usage } });
    await caller.untilType("response.done");
    assert.equal((await caller.ended).code, 1008);
    const rows = await gateway.exchanges();
    assert.deepEqual(
      rows.map(({ intent, result }) => [
        intent.requestedModel,
        result?.outcome,
        result?.usage[0]?.response_id,
      ]),
      [
        ["gpt-realtime", "ok", "resp_1"],
        ["", "ok", "item_1"],
      ],
    );
    // gpt-realtime per million: text $4 in, $16 out. 10 x 4000 + 5 x 16,000 nano-dollars.
    assert.equal(rows[0]?.result?.costNanoUsd, 120_000);
    assert.equal(rows[1]?.result?.costNanoUsd, null, "nobody said which model transcribed");
    theirs.socket.destroy();
  });
});

describe("limits", () => {
  it("a socket on which nothing moves is closed, and one on which something does is not", async () => {
    const { open } = await start({ socketIdleTimeoutMs: 300 });
    const caller = await open();
    await begin(caller, 300);
    await caller.untilType("response.completed");
    const { code, reason } = await caller.ended;
    assert.equal(code, 1001);
    assert.match(reason, /Nothing moved/);
  });

  it("a provider that falls silent in a response: the caller is told, and the row says so", async () => {
    const { gateway, open } = await start({ socketIdleTimeoutMs: 300 });
    const caller = await open();
    caller.send({ type: "response.create", model: "gpt-5.5", input: "[[simulate: stall]]" });
    await caller.untilType("error");
    assert.equal((await caller.ended).code, 1001);
    const [row] = await gateway.exchanges();
    assert.deepEqual([row?.result?.outcome, row?.result?.usageSource], ["truncated", "none"]);
  });

  it("at the end of its life a socket finishes what runs and is closed", async () => {
    const { open } = await start({ socketMaxLifetimeMs: 300 });
    const caller = await open();
    await begin(caller, 150);
    await caller.untilType("response.completed");
    const { code, reason } = await caller.ended;
    assert.equal(code, 1001);
    assert.match(reason, /time limit/);
  });

  it("as many sockets as are allowed, and one more when one has gone", async () => {
    const { gateway, url, open } = await start({ maxSockets: 2 });
    const [one] = [await open(), await open()];
    const refusal = await refusalOf(url, { token: await gateway.token() });
    assert.equal(refusal.status, 503);
    assert.equal(refusal.headers["retry-after"], "5");
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    assert.match(metrics, /\nmeshagent_sockets 2\n/);
    await one.close();
    await (await open()).close();
  });
});

describe("the gateway stops", () => {
  it("idle sockets are closed with 1001 at once, and a running response ends first", async () => {
    const { gateway, open } = await start({ shutdownTimeoutMs: 20_000 });
    const [idle, busy] = [await open(), await open()];
    await begin(busy, 80);
    const stopped = gateway.stop();
    assert.equal((await idle.ended).code, 1001);
    await busy.untilType("response.completed");
    assert.equal((await busy.ended).code, 1001);
    await stopped;
    closing.pop();
    rmSync(gateway.dataDir, { recursive: true, force: true });
  });

  it("what runs longer than the bound is told, closed with 1001, and its row says interrupted", async () => {
    const { gateway, open } = await start({ shutdownTimeoutMs: 200 });
    const caller = await open();
    await begin(caller, 5_000);
    const stopped = gateway.stop();
    const told = await caller.untilType("error");
    assert.deepEqual([told["status"], (await caller.ended).code], [400, 1001]);
    await stopped;
    closing.pop();
    const again = await startTestGateway({ dataDir: gateway.dataDir, masterKey: gateway.masterKey });
    const [row] = await again.exchanges();
    await again.close();
    assert.deepEqual([row?.result?.outcome, row?.result?.usageSource], ["interrupted", "estimated"]);
  });
});

describe("kill -9", () => {
  it("loses no response that a caller has whole, and leaves none open, over and over", async () => {
    const provider = await spawnFakeProvider();
    const dataDir = mkdtempSync(join(tmpdir(), "meshagent-sockets-"));
    const masterKey = newMasterKey();
    const first = await startTestGateway({ dataDir, masterKey: new Secret(masterKey) });
    const token = await first.token();
    await first.stop();
    const whole = new Map<string, number>();
    for (let round = 0; round < 4; round++) {
      const gateway = await spawnGateway({
        dataDir,
        env: {
          MESHAGENT_MASTER_KEY: masterKey,
          OPENAI_API_KEY: "sk-test-1",
          MESHAGENT_OPENAI_BASE_URL: provider.openaiBaseUrl,
        },
      });
      const callers = await Promise.all(
        Array.from({ length: 8 }, () => openSocket(`${gateway.url}/openai/v1/responses`, { token })),
      );
      let turns = 0;
      const loads = callers.map(async (caller, n) => {
        for (let turn = 0; ; turn++) {
          const input = `${round} ${n} ${turn} [[simulate: slow 2ms, length ${20 + 5 * n}]]`;
          const { response } = (await caller.respond({ model: "gpt-5.5", input })) as unknown as {
            response: { id: string; usage: { output_tokens: number } };
          };
          whole.set(response.id, response.usage.output_tokens);
          turns += 1;
          // In the middle of things: every caller has had a turn or two, and the others run.
          if (turns === 30 + round) await gateway.kill();
        }
      });
      const ends = await Promise.allSettled(loads);
      assert.ok(ends.every(({ status }) => status === "rejected"));
    }
    await provider.untilIdle();
    const books = (await provider.books()).filter((entry) => entry.bill !== null);
    const ledger = await startTestGateway({ dataDir, masterKey: new Secret(masterKey) });
    const rows = await ledger.exchanges();
    await ledger.close();
    await provider.stop();
    assert.ok(whole.size >= 120, `${whole.size} responses came whole`);
    const byResponse = new Map(rows.map((row) => [row.result?.usage[0]?.response_id, row]));
    for (const [id, outputTokens] of whole) {
      const result = byResponse.get(id)?.result;
      assert.deepEqual([result?.outcome, result?.usageSource], ["ok", "exact"], id);
      assert.equal(result?.usage[0]?.output_tokens, outputTokens);
    }
    const interrupted = rows.filter((row) => row.result?.outcome === "interrupted");
    for (const row of rows) assert.notEqual(row.result, null, `${row.intent.id} was left open`);
    for (const row of interrupted) assert.equal(row.result?.usageSource, "estimated");
    assert.ok(interrupted.length > 0, "some were killed in the middle");
    assert.ok(books.length <= rows.length, "whatever was billed has a row");
    assert.ok(rows.every((row) => row.intent.transport === "websocket" && row.intent.connectionId !== null));
  });
});
