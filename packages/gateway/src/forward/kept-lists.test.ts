import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { HeaderLines, UpstreamClient, UpstreamObserver, UpstreamRequest } from "../upstream/client.ts";
import { createKeptLists, type KeptLists } from "./kept-lists.ts";

interface Sent {
  readonly observer: UpstreamObserver;
  isAborted: boolean;
}

/** Notes what it is told, a word for each. */
class Listener implements UpstreamObserver {
  readonly heard: string[] = [];
  headers: HeaderLines = [];
  onReply({ status, headers }: { readonly status: number; readonly headers: HeaderLines }): void {
    this.heard.push(String(status));
    this.headers = headers;
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

const request: UpstreamRequest = {
  method: "GET",
  origin: "https://provider.example",
  path: "/v1/models?client_version=0.169.0",
  headers: [["authorization", "Bearer sk-1"]],
  body: null,
  timeouts: { connectTimeoutMs: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1 },
};
const json = ["content-type", "application/json; charset=utf-8"] as const;
const lost = { reason: "connection_lost", isUnsent: false, cause: new Error("lost") } as const;

describe("kept model lists", () => {
  let sent: Sent[];
  let nowMs: number;
  let lists: KeptLists;
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout"] });
    sent = [];
    nowMs = 1_000_000;
    lists = createKeptLists({ now: () => nowMs });
  });
  const client: Pick<UpstreamClient, "send"> = {
    send: (_request, observer) => {
      const one: Sent = { observer, isAborted: false };
      sent.push(one);
      return { resume: () => {}, abort: () => (one.isAborted = true) };
    },
  };
  const ask = (
    listener: UpstreamObserver,
    change: { project?: string; upstream?: string; path?: string } = {},
  ) =>
    lists.send(
      client,
      { projectId: change.project ?? "p", upstream: change.upstream ?? "openai key-1" },
      { ...request, path: change.path ?? request.path },
      listener,
    );
  const tell = (at: number, status: number, text: string, headers: HeaderLines = [json]): void => {
    const observer = sent[at]?.observer;
    observer?.onReply({ status, statusText: "", headers });
    for (const half of [text.slice(0, 3), text.slice(3)]) observer?.onChunk(Buffer.from(half));
    observer?.onEnd();
  };
  /** What one that asks now is told before the provider says anything more. */
  const heardNow = async (change?: Parameters<typeof ask>[1]): Promise<readonly string[]> => {
    const listener = new Listener();
    ask(listener, change);
    await nextTurn();
    await nextTurn();
    return listener.heard;
  };
  const keepOne = (text = '{"data":[]}'): void => {
    ask(new Listener());
    tell(sent.length - 1, 200, text);
  };

  it("those who ask at once ask once, and each is told all of it", () => {
    const listeners = [new Listener(), new Listener()];
    for (const listener of listeners) ask(listener);
    assert.equal(sent.length, 1);
    tell(0, 200, '{"data":[]}');
    for (const { heard } of listeners) assert.deepEqual(heard, ["200", '{"data":[]}', "end"]);
  });

  it("one that is fresh answers by itself, after its caller has got its call, and with its own header alone", async () => {
    ask(new Listener());
    tell(0, 200, '{"data":[]}', [
      json,
      ["Content-Encoding", "gzip"],
      ["x-request-id", "r1"],
      ["date", "today"],
    ]);
    nowMs += 5 * 60_000 - 1;
    const listener = new Listener();
    ask(listener);
    assert.deepEqual(listener.heard, []);
    await nextTurn();
    assert.deepEqual(listener.heard, ["200", '{"data":[]}', "end"]);
    assert.deepEqual(listener.headers, [json, ["Content-Encoding", "gzip"], ["age", "299"]]);
    assert.equal(sent.length, 1);
    nowMs += 1;
    assert.deepEqual(await heardNow(), []);
    assert.equal(sent.length, 2);
  });

  it("a caller that has left is told nothing", async () => {
    keepOne();
    const listener = new Listener();
    ask(listener).abort();
    await nextTurn();
    assert.deepEqual(listener.heard, []);
  });

  it("is the project's, the account's and the path's", async () => {
    keepOne();
    for (const change of [{ project: "q" }, { upstream: "openai key-2" }, { path: "/v1/models" }])
      assert.deepEqual(await heardNow(change), []);
    assert.equal(sent.length, 4);
  });

  it("that is old steps in after a second, and the answer that comes later is kept", async () => {
    keepOne("old list");
    nowMs += 3_600_000;
    const listener = new Listener();
    const call = ask(listener);
    mock.timers.tick(999);
    assert.deepEqual(listener.heard, []);
    mock.timers.tick(1);
    assert.deepEqual(listener.heard, ["200", "old list", "end"]);
    call.abort();
    assert.equal(sent[1]?.isAborted, false);
    tell(1, 200, "new list");
    assert.equal(listener.heard.length, 3, "it was told already");
    assert.deepEqual(await heardNow(), ["200", "new list", "end"]);
  });

  it("with none a caller waits, and the list that comes after it has left is kept", async () => {
    const listener = new Listener();
    const call = ask(listener);
    mock.timers.tick(2499);
    assert.deepEqual(listener.heard, []);
    call.abort();
    mock.timers.tick(20_000);
    assert.deepEqual([listener.heard, sent[0]?.isAborted], [[], false]);
    tell(0, 200, "late list");
    assert.deepEqual(await heardNow(), ["200", "late list", "end"]);
  });

  it("with none and not a word of the provider, a caller goes on with an empty list, which nobody keeps", () => {
    const empty = ["200", '{"object":"list","data":[]}', "end"];
    const [first, second, third, fourth] = [new Listener(), new Listener(), new Listener(), new Listener()];
    ask(first);
    mock.timers.tick(2000);
    ask(second);
    mock.timers.tick(500);
    assert.deepEqual([first.heard, second.heard], [empty, empty]);
    assert.deepEqual(first.headers, [["content-type", "application/json"]]);
    ask(third);
    mock.timers.tick(999);
    assert.deepEqual(third.heard, []);
    mock.timers.tick(1);
    assert.deepEqual(third.heard, empty);
    assert.equal(sent.length, 1, "all asked once");
    mock.timers.tick(26_000);
    ask(fourth);
    mock.timers.tick(500);
    assert.deepEqual([fourth.heard, sent[0]?.isAborted], [empty, true], "half a minute is over");
    ask(new Listener());
    assert.equal(sent.length, 2, "who comes now asks anew");
  });

  it("stands in for a provider in trouble, without which the trouble is told", () => {
    const trouble: readonly [(at: number) => void, readonly string[]][] = [
      [(at) => tell(at, 503, "busy"), ["503", "busy", "end"]],
      [(at) => tell(at, 429, "slow"), ["429", "slow", "end"]],
      [(at) => sent[at]?.observer.onFailure(lost), ["connection_lost"]],
    ];
    for (const [say, told] of trouble) {
      const listener = new Listener();
      ask(listener);
      say(sent.length - 1);
      assert.deepEqual(listener.heard, told);
    }
    keepOne("a list");
    for (const [say] of trouble) {
      nowMs += 3_600_000;
      const listener = new Listener();
      ask(listener);
      say(sent.length - 1);
      assert.deepEqual(listener.heard, ["200", "a list", "end"]);
    }
  });

  it("is void after any other error, and no other reply is kept", async () => {
    for (const reply of [
      () => tell(sent.length - 1, 401, "refused"),
      () => tell(sent.length - 1, 200, "<html>", [["content-type", "text/html"]]),
      () => tell(sent.length - 1, 200, "x".repeat(1024 * 1024 + 1)),
    ]) {
      keepOne();
      nowMs += 3_600_000;
      ask(new Listener());
      reply();
      assert.deepEqual(await heardNow(), []);
      sent.at(-1)?.observer.onFailure(lost);
    }
  });

  it("a reply without end ends the question", () => {
    const listener = new Listener();
    ask(listener);
    sent[0]?.observer.onReply({ status: 200, statusText: "", headers: [json] });
    for (let mb = 0; mb <= 16; mb++) sent[0]?.observer.onChunk(Buffer.alloc(1024 * 1024));
    assert.equal(sent[0]?.isAborted, true);
    assert.deepEqual(listener.heard, ["invalid_reply"]);
  });

  it("there are never more than 32, and the oldest goes first", async () => {
    for (let version = 0; version <= 32; version++) {
      ask(new Listener(), { path: `/v1/models?client_version=0.${version}.0` });
      tell(version, 200, "list");
    }
    assert.deepEqual(await heardNow({ path: "/v1/models?client_version=0.1.0" }), ["200", "list", "end"]);
    assert.deepEqual(await heardNow({ path: "/v1/models?client_version=0.0.0" }), []);
  });
});
