import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { UpstreamClient, UpstreamObserver, UpstreamRequest } from "../upstream/client.ts";
import { createSharedFlights, type SharedFlights } from "./shared-flights.ts";

interface Sent {
  readonly request: UpstreamRequest;
  readonly observer: UpstreamObserver;
  isAborted: boolean;
}

/** Notes what it is told, a word for each. */
class Listener implements UpstreamObserver {
  readonly heard: string[] = [];
  onReply({ status }: { readonly status: number }): void {
    this.heard.push(String(status));
  }
  onChunk(chunk: Uint8Array): boolean {
    this.heard.push(Buffer.from(chunk).toString());
    return false;
  }
  onEnd(): void {
    this.heard.push("end");
  }
  onFailure(failure: { readonly reason: string }): void {
    this.heard.push(failure.reason);
  }
}

const question: UpstreamRequest = {
  method: "POST",
  origin: "https://provider.example",
  path: "/v1/messages/count_tokens?beta=true",
  headers: [["anthropic-version", "2023-06-01"]],
  body: bodyOf("same"),
  timeouts: { connectTimeoutMs: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1 },
};

function bodyOf(...pieces: readonly string[]): NonNullable<UpstreamRequest["body"]> {
  const chunks = pieces.map((piece) => Buffer.from(piece));
  return { byteLength: Buffer.concat(chunks).byteLength, chunks: () => chunks };
}

const lost = { reason: "connection_lost", isUnsent: false, cause: new Error("lost") } as const;

describe("questions in flight", () => {
  let sent: Sent[];
  let client: Pick<UpstreamClient, "send">;
  let flights: SharedFlights;
  beforeEach(() => {
    sent = [];
    client = {
      send: (request, observer) => {
        const one: Sent = { request, observer, isAborted: false };
        sent.push(one);
        return { resume: () => {}, abort: () => (one.isAborted = true) };
      },
    };
    flights = createSharedFlights();
  });
  const ask = (listener: UpstreamObserver, change: Partial<UpstreamRequest> = {}, project = "p") =>
    flights.send(client, project, { ...question, ...change }, listener);
  const reply = (at: number, status = 200): void => {
    const observer = sent[at]?.observer;
    observer?.onReply({ status, statusText: "", headers: [] });
    observer?.onChunk(Buffer.from('{"input_'));
    observer?.onChunk(Buffer.from('tokens":3}'));
    observer?.onEnd();
  };

  it("identical ones are one, however their bytes are cut, and each gets the whole reply, an error too", () => {
    for (const status of [200, 429]) {
      const listeners = Array.from({ length: 13 }, () => new Listener());
      const before = sent.length;
      for (const [at, listener] of listeners.entries())
        ask(listener, { body: at % 2 === 0 ? bodyOf("same") : bodyOf("sa", "me") });
      assert.equal(sent.length, before + 1);
      reply(before, status);
      for (const { heard } of listeners)
        assert.deepEqual(heard, [String(status), '{"input_tokens":3}', "end"]);
    }
  });

  it("what differs in anything is another question", () => {
    ask(new Listener());
    const others: readonly Partial<UpstreamRequest>[] = [
      { method: "PUT" },
      { origin: "https://other.example" },
      { path: "/v1/messages/count_tokens" },
      { headers: [["anthropic-version", "2026-10-21"]] },
      { body: bodyOf("same ") },
      { body: null },
    ];
    for (const other of others) ask(new Listener(), other);
    ask(new Listener(), {}, "another project");
    assert.equal(sent.length, others.length + 2);
  });

  it("nothing is kept after the end: the next one asks again", () => {
    ask(new Listener());
    reply(0);
    const next = new Listener();
    ask(next);
    assert.deepEqual([sent.length, next.heard.length], [2, 0]);
  });

  it("who leaves takes nobody along; the last one ends it, and who comes then begins anew", () => {
    const [first, second] = [new Listener(), new Listener()];
    const calls = [ask(first), ask(second)];
    calls[0]?.abort();
    calls[0]?.abort();
    assert.equal(sent[0]?.isAborted, false);
    calls[1]?.abort();
    assert.equal(sent[0]?.isAborted, true);
    ask(new Listener());
    assert.equal(sent.length, 2);
    assert.deepEqual([first.heard, second.heard], [[], []]);
  });

  it("who began it and leaves while it is dialled does not take the question along", () => {
    let chunks: readonly Uint8Array[] = [Buffer.from("sa"), Buffer.from("me")];
    const first = ask(new Listener(), { body: { byteLength: 4, chunks: () => chunks } });
    ask(new Listener());
    first.abort();
    // Its memory is given back with its exchange.
    chunks = [];
    assert.equal(Buffer.concat([...(sent[0]?.request.body?.chunks() ?? [])]).toString(), "same");
  });

  it("one that left hears nothing, the others all", () => {
    const [gone, staying] = [new Listener(), new Listener()];
    ask(gone).abort();
    ask(gone).abort();
    const call = ask(gone);
    ask(staying);
    call.abort();
    reply(sent.length - 1);
    assert.deepEqual([gone.heard, staying.heard.length], [[], 3]);
  });

  it("a failure is everybody's, and those who repeat after it are together again", () => {
    const repeats = new Listener();
    const listeners = Array.from({ length: 3 }, () => {
      const listener = new Listener();
      listener.onFailure = (failure) => {
        listener.heard.push(failure.reason);
        ask(repeats);
      };
      return listener;
    });
    for (const listener of listeners) ask(listener);
    sent[0]?.observer.onFailure(lost);
    for (const { heard } of listeners) assert.deepEqual(heard, ["connection_lost"]);
    assert.equal(sent.length, 2);
  });

  it("a reply that no token count has is not kept", () => {
    const listener = new Listener();
    ask(listener);
    sent[0]?.observer.onReply({ status: 200, statusText: "", headers: [] });
    for (let mib = 0; mib < 1; mib++) sent[0]?.observer.onChunk(Buffer.alloc(1024 * 1024));
    assert.deepEqual(listener.heard, []);
    sent[0]?.observer.onChunk(Buffer.alloc(1));
    assert.deepEqual([listener.heard, sent[0]?.isAborted], [["invalid_reply"], true]);
  });
});
