import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { responsesSocket } from "../dialects/openai/socket-responses.ts";
import { realtimeSocket } from "../dialects/openai/socket-realtime.ts";
import type { SocketProtocol } from "../dialects/socket-protocol.ts";
import type { Observation } from "../observation.ts";
import { sampleCall, sampleNowMs, sampleRouted } from "../sample-routed.ts";
import { SocketExchanges } from "./socket-exchanges.ts";
import type { BegunExchange } from "./socket-settings.ts";

interface Row {
  readonly id: string;
  readonly seen: Observation;
}

interface Bench {
  readonly exchanges: SocketExchanges;
  readonly rows: Row[];
  readonly running: Set<unknown>;
  readonly logged: string[];
  /** An exchange that was asked for. */
  begin(id: string, lane?: string, eventId?: string | null): void;
  /** The provider says this. Resolves when its last byte may pass. */
  say(message: object): Promise<void>;
}

interface Options {
  readonly protocol?: SocketProtocol;
  readonly settle?: (row: Row) => Promise<void>;
  readonly failUnasked?: boolean;
  readonly isCallerGone?: boolean;
}

function bench(options: Options = {}): Bench {
  const rows: Row[] = [];
  const logged: string[] = [];
  const running = new Set<{ stop(): void }>();
  const session = (options.protocol ?? responsesSocket).open("?model=gpt-realtime");
  const log = (message: string): void => void logged.push(message);
  const begun = (id: string): BegunExchange => ({
    routed: sampleRouted({ call: sampleCall({ exchangeId: id }) }),
    settle: async (seen) => {
      const row = { id, seen };
      await options.settle?.(row);
      rows.push(row);
    },
  });
  const exchanges = new SocketExchanges({
    deps: {
      clock: { now: () => sampleNowMs },
      log: { debug: log, info: log, warn: log, error: log },
      running,
      settings: { settleTimeoutMs: 50 },
    },
    session,
    providerRequestId: "req_1",
    isCallerGone: () => options.isCallerGone ?? false,
    beginUnasked: async (model) => {
      if (options.failUnasked === true) throw new Error("no ledger");
      return begun(`unasked ${model}`);
    },
    onUnrecorded: () => log("unrecorded"),
    stop: () => {},
  });
  return {
    exchanges,
    rows,
    running,
    logged,
    begin: (id, lane = "", eventId = null) => exchanges.begin(begun(id), { lane, eventId }),
    say: async (message) => {
      const data = Buffer.from(JSON.stringify(message));
      const read = session.readProvider(data);
      if (read === null) exchanges.count(data);
      else await exchanges.take(read, data);
    },
  };
}

const created = (id: string, lane?: string): object => ({
  type: "response.created",
  response: { id, model: "gpt-5.5" },
  ...(lane === undefined ? {} : { stream_id: lane }),
});
const completed = (id: string, outputTokens: number, lane?: string): object => ({
  type: "response.completed",
  response: {
    id,
    model: "gpt-5.5",
    status: "completed",
    usage: { input_tokens: 10, output_tokens: outputTokens, total_tokens: 10 + outputTokens },
  },
  ...(lane === undefined ? {} : { stream_id: lane }),
});
const failed = (more: object = {}): object => ({ type: "error", status: 429, error: { code: "x" }, ...more });

/** Who got which response, how it ended, and with how much output. */
const told = ({ rows }: Bench): readonly unknown[] =>
  rows.map(({ id, seen }) => [
    id,
    seen.ending,
    seen.reading?.outcome ?? null,
    seen.reading?.usage[0]?.response_id ?? null,
    seen.reading?.usage[0]?.output_tokens ?? null,
  ]);

describe("the exchanges of a socket", () => {
  it("two of one lane are answered in their order, and each is over with its own end", async () => {
    const it = bench();
    it.begin("first");
    it.begin("second");
    assert.equal(it.running.size, 2);
    await it.say(created("resp_1"));
    await it.say(completed("resp_1", 1));
    assert.equal(it.exchanges.isIdle, false);
    await it.say(created("resp_2"));
    await it.say(completed("resp_2", 2));
    assert.deepEqual(told(it), [
      ["first", "complete", "ok", "resp_1", 1],
      ["second", "complete", "ok", "resp_2", 2],
    ]);
    assert.deepEqual([it.exchanges.isIdle, it.running.size], [true, 0]);
    assert.ok(it.exchanges.hasMade("resp_1") && !it.exchanges.hasMade("resp_3"));
  });

  it("lanes that interleave keep apart, their bytes too", async () => {
    const it = bench();
    it.begin("a", "a");
    it.begin("b", "b");
    await it.say(created("resp_b", "b"));
    await it.say(created("resp_a", "a"));
    await it.say({ type: "response.output_text.delta", delta: "x".repeat(1_000), stream_id: "b" });
    await it.say(completed("resp_a", 1, "a"));
    await it.say(completed("resp_b", 2, "b"));
    assert.deepEqual(told(it), [
      ["a", "complete", "ok", "resp_a", 1],
      ["b", "complete", "ok", "resp_b", 2],
    ]);
    const [a = 0, b = 0] = it.rows.map(({ seen }) => seen.responseBytes);
    assert.ok(b > a + 1_000);
  });

  it("an error before a response has begun ends it, with the provider's status and nothing billed", async () => {
    const it = bench();
    it.begin("refused");
    await it.say(failed());
    assert.deepEqual(told(it), [["refused", "complete", null, null, null]]);
    assert.equal(it.rows[0]?.seen.status, 429);
    assert.ok(it.exchanges.isIdle);
  });

  it("an error inside one writes its row, and the end that comes all the same corrects it", async () => {
    const it = bench();
    it.begin("first");
    await it.say(created("resp_1"));
    await it.say(failed());
    assert.ok(it.exchanges.isIdle, "nobody waits for it");
    it.begin("second");
    await it.say(created("resp_2"));
    await it.say(completed("resp_1", 7));
    await it.say(completed("resp_2", 8));
    assert.deepEqual(told(it), [
      ["first", "complete", "stream_error", "resp_1", null],
      ["first", "complete", "ok", "resp_1", 7],
      ["second", "complete", "ok", "resp_2", 8],
    ]);
  });

  it("an error that names another message is not about this one", async () => {
    const it = bench({ protocol: realtimeSocket });
    it.begin("mine", "", "event_1");
    await it.say(failed({ error: { event_id: "event_of_an_item" } }));
    assert.deepEqual(told(it), []);
    await it.say(failed({ error: { event_id: "event_1" } }));
    assert.deepEqual(told(it), [["mine", "complete", null, null, null]]);
  });

  it("what nobody asked for is an exchange, begun by its first message or whole in one", async () => {
    const it = bench({ protocol: realtimeSocket });
    await it.say({ type: "response.created", response: { id: "resp_1" } });
    assert.equal(it.exchanges.isIdle, false);
    await it.say({
      type: "response.done",
      response: { id: "resp_1", status: "cancelled", usage: { input_tokens: 1, output_tokens: 2 } },
    });
    await it.say({
      type: "response.done",
      response: { id: "resp_2", status: "completed", usage: { input_tokens: 1, output_tokens: 3 } },
    });
    assert.deepEqual(told(it), [
      ["unasked gpt-realtime", "complete", "cancelled", "resp_1", 2],
      ["unasked gpt-realtime", "complete", "ok", "resp_2", 3],
    ]);
  });

  it("and where the ledger takes no intent for it, whoever relays is told", async () => {
    const it = bench({ failUnasked: true });
    await it.say(created("resp_1"));
    assert.deepEqual(it.logged, ["an exchange inside a WebSocket could not be recorded", "unrecorded"]);
    assert.ok(it.exchanges.isIdle);
  });

  it("at the socket's end each gets the row that is known", async () => {
    const it = bench();
    it.begin("begun");
    await it.say(created("resp_1"));
    it.begin("waiting");
    const failure = { reason: "connection_lost", isUnsent: false, cause: new Error("gone") } as const;
    await it.exchanges.settleAll("cut", failure);
    assert.deepEqual(told(it), [
      ["begun", "cut", "truncated", "resp_1", null],
      ["waiting", "no_reply", null, null, null],
    ]);
    assert.ok(it.rows.every(({ seen }) => seen.failure === failure));
    assert.deepEqual([it.exchanges.isIdle, it.running.size], [true, 0]);
  });

  it("whose caller has left are drained", async () => {
    const it = bench({ isCallerGone: true });
    it.begin("left");
    await it.say(created("resp_1"));
    await it.say(completed("resp_1", 1));
    assert.deepEqual([it.rows[0]?.seen.ending, it.rows[0]?.seen.isCallerGone], ["drained", true]);
  });

  it("a row that cannot be written is tried again, and one that takes too long holds nobody up", async () => {
    let tries = 0;
    const broken = bench({
      settle: async () => {
        tries += 1;
        if (tries === 1) throw new Error("busy");
      },
    });
    broken.begin("retried");
    await broken.say(completed("resp_1", 1));
    assert.deepEqual([tries, broken.rows.length, broken.logged.length], [2, 1, 0]);
    const stuck = bench({ settle: () => new Promise(() => {}) });
    stuck.begin("stuck");
    await stuck.say(completed("resp_1", 1));
    assert.deepEqual(stuck.logged, ["an exchange's result could not be written"]);
    assert.ok(stuck.exchanges.isIdle);
  });
});
