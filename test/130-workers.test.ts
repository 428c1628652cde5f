/**
 * `serve --workers`: real processes on one directory. What one process promises, all of them promise together: budgets
 * and limits, revocations, metrics, a graceful stop; whichever of them is killed, and when.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { after, afterEach, before, describe, it } from "node:test";
import { newMasterKey } from "@meshagent/llm-proxy-gateway/data-dir";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";
import type { LlmCaps } from "@meshagent/llm-proxy-protocol/llm-caps";
import type { LimitDefinition, LimitScope } from "@meshagent/llm-proxy-gateway/store/limit-definition";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { type Certificate, makeCertificate } from "./bed/certificate.ts";
import { type ConnectionCaller, connectionCaller } from "./bed/connection-callers.ts";
import { type FakeProvider, type RecordedRequest, startFakeProvider } from "./bed/fake-provider.ts";
import {
  type GatewayProcess,
  GatewayStartError,
  killSpawnedGateways,
  spawnGateway,
} from "./bed/gateway-process.ts";
import { rawJson, type RawReply } from "./bed/raw-reply.ts";
import { openSocket } from "./bed/socket-caller.ts";
import { startTestGateway } from "./bed/test-gateway.ts";

const WORKERS = 3;
const everything: LimitScope = {
  room: null,
  participant: null,
  apiKeyId: null,
  sessionId: null,
  model: null,
};

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(async () => {
  killSpawnedGateways();
  await provider.close();
});
afterEach(() => provider.script(null));

interface Place {
  readonly dataDir: string;
  readonly masterKey: string;
  readonly projectId: string;
  readonly apiKeyId: string;
  /** Of room `my-room`. */
  readonly token: string;
  readonly otherToken: string;
}

const ownerToken = "mo-an-owner-of-several-processes-0123456789";
const places: string[] = [];
after(() => {
  for (const dataDir of places) rmSync(dataDir, { recursive: true, force: true });
});

/** A directory with a project, a key, tokens and these limits. */
async function prepare(
  limits: readonly Partial<LimitDefinition>[] = [],
  caps: Partial<LlmCaps> = {},
): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), "meshagent-workers-"));
  places.push(dataDir);
  const masterKey = newMasterKey();
  const first = await startTestGateway({ dataDir, masterKey: new Secret(masterKey) });
  const { projectId } = first;
  for (const limit of limits) {
    const common = { id: "b", projectId, scope: everything, createdAtMs: 1 };
    const whole =
      limit.kind === "rate" ? { ...noRate, ...common, ...limit } : { ...noBudget, ...common, ...limit };
    await first.gateway.store.directory.as(systemAuthor).setLimit(whole as LimitDefinition);
  }
  const llm = Object.keys(caps).length === 0 ? {} : { llm: { models: null, caps: { ...noCaps, ...caps } } };
  const [token, otherToken] = [await first.token(llm), await first.token({ identity: "another", ...llm })];
  await first.stop();
  return { dataDir, masterKey, projectId, apiKeyId: first.apiKey.id, token, otherToken };
}

const noCaps: LlmCaps = {
  maxBudgetNanoUsd: null,
  maxBudgetPerDayNanoUsd: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  maxConcurrency: null,
};
const noRate = {
  requestsPerMinute: null,
  inputTokensPerMinute: null,
  outputTokensPerMinute: null,
  tokensPerMinute: null,
  maxConcurrency: null,
};
const noBudget = {
  kind: "budget",
  toleranceNanoUsd: 0,
  period: "total",
  timeZone: "UTC",
  mode: "hard",
  notifyAtPercent: [],
} as const;

function serve(place: Place, env: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  return spawnGateway({
    dataDir: place.dataDir,
    flags: ["--workers", String(WORKERS)],
    env: {
      MESHAGENT_MASTER_KEY: place.masterKey,
      MESHAGENT_ADMIN_TOKEN: ownerToken,
      OPENAI_API_KEY: "sk-test-1",
      MESHAGENT_OPENAI_BASE_URL: provider.openaiBaseUrl,
      ...env,
    },
  });
}

interface LogLine {
  readonly message: string;
  readonly worker?: number;
  readonly pid?: number;
  readonly signal?: string;
}

function logged(gateway: GatewayProcess, message: string): readonly LogLine[] {
  return gateway.logs.map((line) => JSON.parse(line) as LogLine).filter((line) => line.message === message);
}

/** The process of each worker that serves now, by its number. */
function workerPids(gateway: GatewayProcess): ReadonlyMap<number, number> {
  return new Map(logged(gateway, "a worker serves").map(({ worker = 0, pid = 0 }) => [worker, pid]));
}

async function until(isThere: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isThere())) {
    if (Date.now() > deadline) throw new Error(`It never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A caller for each worker: connections are handed to them in turn. */
async function callerOfEach(gateway: GatewayProcess): Promise<ReadonlyMap<number, ConnectionCaller>> {
  const found = new Map<number, ConnectionCaller>();
  await until(async () => {
    const caller = connectionCaller(gateway.url);
    // Its worker tells who it is in the line about the refusal.
    const path = `/openai/v1/nothing-${Math.random()}`;
    await caller.ask(path);
    const isAbout = (line: string): boolean => line.includes(path);
    await until(() => gateway.logs.some(isAbout), "a line about the refusal");
    const { worker = 0 } = JSON.parse(gateway.logs.find(isAbout) ?? "{}") as LogLine;
    if (found.has(worker)) caller.close();
    else found.set(worker, caller);
    return found.size === WORKERS;
  }, "a connection to each worker");
  return found;
}

const ask = (maxOutputTokens: number): object => ({
  model: "gpt-5.5",
  input: "hello",
  service_tier: "default",
  max_output_tokens: maxOutputTokens,
});

/** gpt-5.5: $5 and $30 for a million tokens, 5,000 and 30,000 nano-dollars each. */
const costOf = (input: number, output: number): number => input * 5_000 + output * 30_000;

/** A provider that bills all that it may: every byte a token, and the whole output limit. */
function greedy(request: RecordedRequest): { readonly nanoUsd: number; readonly reply: RawReply } {
  const body = JSON.parse(request.body.toString("utf8")) as { max_output_tokens: number };
  const [input, output] = [request.body.byteLength, body.max_output_tokens];
  const reply = {
    id: "resp_1",
    object: "response",
    status: "completed",
    model: "gpt-5.5",
    service_tier: "default",
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      total_tokens: input + output,
    },
  };
  return { nanoUsd: costOf(input, output), reply: rawJson(200, JSON.stringify(reply)) };
}

/** Callers that ask, on connections of their own, until not even the least request fits into the budget any more. */
interface Load {
  /** Replies that came whole. */
  readonly whole: number;
  /** Connections that broke. */
  readonly broken: number;
  readonly isSpent: boolean;
  /** Resolves when it is spent. */
  run(callers: number): Promise<void>;
}

function load(place: Place, urlNow: () => string): Load {
  const least = 50;
  const state = { whole: 0, broken: 0, isSpent: false };
  const post = async (caller: ConnectionCaller, outputTokens: number): Promise<number> => {
    const body = ask(outputTokens);
    const { status } = await caller.ask("/openai/v1/responses", { token: place.token, body });
    if (status === 200) state.whole += 1;
    return status;
  };
  const one = async (index: number): Promise<void> => {
    for (let round = 0; !state.isSpent; round++) {
      const caller = connectionCaller(urlNow());
      try {
        for (let calls = 0; calls < 6 && !state.isSpent; calls++) {
          const status = await post(caller, least + ((index * 37 + round * 11 + calls) % 350));
          assert.ok([200, 402, 429, 503].includes(status), String(status));
          // Spent: not even the least request fits any more, and nothing that runs is in its way.
          if (status === 402 && (await post(caller, least)) === 402) state.isSpent = true;
        }
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        state.broken += 1;
        // Nobody may be there for a while.
        await new Promise((resolve) => setTimeout(resolve, 5));
      } finally {
        caller.close();
      }
    }
  };
  const run = async (callers: number): Promise<void> => {
    await Promise.all(Array.from({ length: callers }, (_, index) => one(index)));
  };
  return Object.assign(state, { run });
}

/** What the provider bills, all that it may; whoever asks and goes is billed all the same. */
function keepBooks(): { readonly billedNanoUsd: number; readonly requests: number } {
  const books = { billedNanoUsd: 0, requests: 0 };
  provider.script((request) => {
    const { nanoUsd, reply } = greedy(request);
    books.billedNanoUsd += nanoUsd;
    books.requests += 1;
    return { ...reply, pieces: [{ waitMs: 5 + (books.requests % 40) }, ...(reply.pieces as string[])] };
  });
  return books;
}

/** After the end of all: nothing is over, nothing is held, every request has a row and every row an outcome. */
async function assertHeld(
  place: Place,
  books: { readonly billedNanoUsd: number; readonly requests: number },
  { budgets, whole }: { readonly budgets: Readonly<Record<string, number>>; readonly whole: number },
): Promise<void> {
  const ledger = await startTestGateway({ dataDir: place.dataDir, masterKey: new Secret(place.masterKey) });
  const { billedNanoUsd } = books;
  for (const [id, amount] of Object.entries(budgets)) {
    const [account] = await ledger.gateway.store.limits.budgetAccounts(id);
    assert.ok(account !== undefined);
    assert.ok(billedNanoUsd <= amount, `${id}: the provider bills ${billedNanoUsd} of ${amount}`);
    assert.ok(account.spentNanoUsd >= billedNanoUsd, "nothing that is billed is not charged");
    assert.ok(account.spentNanoUsd <= amount, `${account.spentNanoUsd} of ${amount}`);
    assert.equal(account.heldNanoUsd, 0, "nothing runs, so nothing is held");
  }
  assert.equal(ledger.gateway.interrupted, 0, "the keeper left nothing to the next start");
  const rows = await ledger.exchanges();
  assert.ok(
    rows.every(({ result }) => result !== null),
    "every row has an outcome",
  );
  assert.ok(rows.length >= books.requests, "every request that went up has a row");
  assert.ok(rows.filter(({ result }) => result?.outcome === "ok").length >= whole);
  assert.ok(rows.some(({ result }) => result?.outcome === "interrupted"));
  await ledger.close();
}

/** It may be dead already, and another be started in its place. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ESRCH");
  }
}

/** In the certificate that a new connection is shown. */
async function organisationShown(url: string, ca: readonly string[]): Promise<string> {
  const port = Number(new URL(url).port);
  const socket = tlsConnect({ port, host: "127.0.0.1", servername: "localhost", ca: [...ca] });
  await once(socket, "secureConnect");
  const { O } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(O);
}

describe("several workers", () => {
  it("spend one budget to its end and not a nano-dollar over, killed over and over", async () => {
    const kills = 8;
    const budgets = { project: 4_000_000_000, room: 3_000_000_000 };
    const place = await prepare([
      { id: "project", amountNanoUsd: budgets.project },
      { id: "room", amountNanoUsd: budgets.room, scope: { ...everything, room: "my-room" } },
    ]);
    const gateway = await serve(place, { MESHAGENT_HOLD_WAIT: "2s" });
    const books = keepBooks();
    const callers = load(place, () => gateway.url);
    const killing = (async () => {
      for (let kill = 1; kill <= kills && !callers.isSpent; kill++) {
        await until(() => books.requests >= kill * 25 || callers.isSpent, "requests to kill between");
        const pids = [...workerPids(gateway).values()];
        killIfThere(pids[kill % pids.length] ?? 0);
      }
    })();
    await Promise.all([killing, callers.run(24)]);
    assert.equal(await gateway.terminate(), 0);
    const deaths = logged(gateway, "a worker has ended and is started again");
    assert.ok(
      deaths.length >= kills / 2 && deaths.every(({ signal }) => signal === "SIGKILL"),
      gateway.stderr(),
    );
    assert.ok(books.requests > 200 && callers.broken > 0, `${books.requests} requests`);
    assert.ok(books.billedNanoUsd > 2_000_000_000, `what fits is let in: ${books.billedNanoUsd}`);
    await assertHeld(place, books, { budgets, whole: callers.whole });
  });

  it("spend no more when their keeper is killed, too, and the next gateway goes on", async () => {
    const budgets = { project: 2_000_000_000 };
    const place = await prepare([{ id: "project", amountNanoUsd: budgets.project }]);
    // Those that are left end soon: the next one waits for them.
    const env = { MESHAGENT_HOLD_WAIT: "2s", MESHAGENT_SHUTDOWN_TIMEOUT: "1s" };
    let gateway = await serve(place, env);
    const books = keepBooks();
    const callers = load(place, () => gateway.url);
    const killing = (async () => {
      for (let kill = 1; kill <= 2; kill++) {
        await until(() => books.requests >= kill * 40, "requests to kill between");
        // One of its workers with it, in the middle of what it runs.
        killIfThere(workerPids(gateway).get(1) ?? 0);
        await gateway.kill();
        gateway = await serve(place, env);
      }
    })();
    await Promise.all([killing, callers.run(16)]);
    assert.equal(await gateway.terminate(), 0);
    assert.ok(books.billedNanoUsd > 1_000_000_000, `what fits is let in: ${books.billedNanoUsd}`);
    await assertHeld(place, books, { budgets, whole: callers.whole });
  });

  it("let who waits for money of a budget go on when it is freed in another process", async () => {
    const place = await prepare([{ id: "b", amountNanoUsd: 200_000_000, mode: "hard-no-edit" }]);
    const gateway = await serve(place);
    const callers = await callerOfEach(gateway);
    const gate = Promise.withResolvers<void>();
    const before = provider.requests.length;
    provider.script((request) => {
      // It bills 10 tokens of the 5,000 that it may: $0.15 of the $0.20 are held until then.
      const body = JSON.parse(request.body.toString("utf8")) as { max_output_tokens: number };
      const billed = { ...request, body: Buffer.from(JSON.stringify({ ...body, max_output_tokens: 10 })) };
      const { reply } = greedy(billed);
      return { ...reply, pieces: [{ until: gate.promise }, ...(reply.pieces as string[])] };
    });
    const post = async (worker: number): Promise<number> =>
      (await callers.get(worker)?.ask("/openai/v1/responses", { token: place.token, body: ask(5_000) }))
        ?.status ?? 0;
    const first = post(1);
    await provider.untilRequests(before + 1);
    const second = post(2);
    await until(async () => {
      const { body } = (await callers.get(3)?.ask("/metrics")) ?? { body: "" };
      return /^meshagent_waiting_requests 1$/m.test(body);
    }, "who waits");
    gate.resolve();
    assert.deepEqual([await first, await second], [200, 200]);
    for (const caller of callers.values()) caller.close();
    assert.equal(await gateway.terminate(), 0);
  });

  it("count the caps of one token together, and those of another apart", async () => {
    // $0.10 is room for 3 answers of 1,000 tokens at $30 a million and their input.
    const place = await prepare([], { maxBudgetNanoUsd: 100_000_000, requestsPerMinute: 10 });
    const gateway = await serve(place);
    const callers = [...(await callerOfEach(gateway)).values()];
    provider.script((request) => greedy(request).reply);
    const inTurn = async (token: string, requests: number, output: number): Promise<readonly number[]> => {
      const statuses: number[] = [];
      for (let index = 0; index < requests; index++) {
        const caller = callers[index % callers.length] ?? assert.fail();
        statuses.push((await caller.ask("/openai/v1/responses", { token, body: ask(output) })).status);
      }
      return statuses;
    };
    assert.deepEqual(await inTurn(place.token, 5, 1_000), [200, 200, 200, 402, 402]);
    // 3 of 10 requests were let in; of small ones 7 more are.
    assert.deepEqual(await inTurn(place.token, 8, 1), [200, 200, 200, 200, 200, 200, 200, 429]);
    assert.deepEqual(await inTurn(place.otherToken, 3, 1_000), [200, 200, 200]);
    for (const caller of callers) caller.close();
    assert.equal(await gateway.terminate(), 0);
  });

  it("hold a rate and what runs at once together", async () => {
    const place = await prepare([
      { kind: "rate", id: "rate", requestsPerMinute: 20 },
      { kind: "rate", id: "lanes", maxConcurrency: 4 },
    ]);
    const gateway = await serve(place);
    const callers = await callerOfEach(gateway);
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    const before = provider.requests.length;
    provider.script((request) => {
      running += 1;
      most = Math.max(most, running);
      const { reply } = greedy(request);
      return {
        ...reply,
        pieces: [{ until: gate.promise.then(() => running--) }, ...(reply.pieces as string[])],
      };
    });
    const post = async (caller: ConnectionCaller): Promise<number> =>
      (await caller.ask("/openai/v1/responses", { token: place.token, body: ask(20) })).status;
    const four = [...callers.values(), connectionCaller(gateway.url)].map(post);
    await provider.untilRequests(before + 4);
    const more = Array.from({ length: 9 }, () => connectionCaller(gateway.url));
    assert.deepEqual(
      await Promise.all(more.map(post)),
      Array.from({ length: 9 }, () => 429),
    );
    gate.resolve();
    assert.deepEqual(await Promise.all(four), [200, 200, 200, 200]);
    assert.equal(most, 4);
    // 4 of 20 are used. One at a time, so that only the rate is in the way.
    const statuses: number[] = [];
    for (let index = 0; index < 20; index++) {
      const caller = [...callers.values()][index % WORKERS];
      assert.ok(caller !== undefined);
      statuses.push(await post(caller));
    }
    assert.equal(statuses.filter((status) => status === 200).length, 16, statuses.join());
    assert.equal(statuses.filter((status) => status === 429).length, 4);
    for (const caller of [...callers.values(), ...more]) caller.close();
    assert.equal(await gateway.terminate(), 0);
  });

  it("refuse a deleted key and a revoked token at once, wherever it was used, in caches and in running sockets", async () => {
    const place = await prepare();
    const gateway = await serve(place, { MESHAGENT_SIMULATED: "1" });
    const owner = createClient({ baseUrl: gateway.url, token: ownerToken });
    const callers = [...(await callerOfEach(gateway)).values()];
    const statuses = (token: string): Promise<number[]> =>
      Promise.all(callers.map(async (caller) => (await caller.ask("/openai/v1/models", { token })).status));
    assert.deepEqual(await statuses(place.token), [200, 200, 200]);
    assert.deepEqual(await statuses(place.otherToken), [200, 200, 200]);
    // More than one on each worker.
    const sockets = await Promise.all(
      Array.from({ length: 2 * WORKERS }, () =>
        openSocket(`${gateway.url}/openai/v1/responses`, { token: place.token }),
      ),
    );
    await owner.createRevocation({ project: place.projectId, participant: "cli-agent", room: "my-room" });
    assert.deepEqual(await statuses(place.token), [401, 401, 401]);
    for (const socket of sockets) {
      const { code, reason } = await socket.ended;
      assert.equal(code, 1008);
      assert.match(reason, /revoked/);
    }
    assert.deepEqual(await statuses(place.otherToken), [200, 200, 200]);
    await owner.deleteApiKey({ project: place.projectId, api_key: place.apiKeyId });
    assert.deepEqual(await statuses(place.otherToken), [401, 401, 401]);
    for (const caller of callers) caller.close();
    assert.equal(await gateway.terminate(), 0);
  });

  it("keep that promise with one that hears nothing: it is killed, and another takes its place", async () => {
    const place = await prepare();
    const gateway = await serve(place, { MESHAGENT_SIMULATED: "1" });
    const callers = await callerOfEach(gateway);
    for (const caller of callers.values()) {
      assert.equal((await caller.ask("/openai/v1/models", { token: place.token })).status, 200);
    }
    const deaf = workerPids(gateway).get(2) ?? 0;
    process.kill(deaf, "SIGSTOP");
    const { status } = (await callers
      .get(1)
      ?.ask(`/accounts/projects/${place.projectId}/api-keys/${place.apiKeyId}`, {
        method: "DELETE",
        token: ownerToken,
      })) ?? { status: 0 };
    assert.ok(status >= 200 && status < 300, String(status));
    assert.equal(logged(gateway, "a worker did not hear of a change in time and is killed").length, 1);
    assert.throws(() => process.kill(deaf, 0), "it is gone before the deletion is answered");
    for (const worker of [1, 3]) {
      const reply = await callers.get(worker)?.ask("/openai/v1/models", { token: place.token });
      assert.equal(reply?.status, 401);
    }
    await until(() => workerPids(gateway).get(2) !== deaf, "another worker in its place");
    for (const caller of callers.values()) caller.close();
    for (const caller of (await callerOfEach(gateway)).values()) {
      assert.equal((await caller.ask("/openai/v1/models", { token: place.token })).status, 401);
      caller.close();
    }
    assert.equal(await gateway.terminate(), 0);
  });

  it("are one gateway to who looks: one sum of metrics, one directory, one stop that lets running requests finish", async () => {
    const place = await prepare();
    const gateway = await serve(place);
    const callers = [...(await callerOfEach(gateway)).values()];
    provider.script((request) => greedy(request).reply);
    for (const caller of callers) {
      assert.equal(
        (await caller.ask("/openai/v1/responses", { token: place.token, body: ask(10) })).status,
        200,
      );
    }
    for (const caller of callers) {
      const { body } = await caller.ask("/metrics");
      assert.match(body, /^meshagent_workers 3$/m);
      assert.match(body, /^meshagent_exchanges_total\{[^}]*outcome="ok"[^}]*\} 3$/m);
      assert.match(body, /^meshagent_tokens_total\{[^}]*type="output"\} 30$/m);
    }
    await assert.rejects(serve(place), (error) => {
      assert.ok(error instanceof GatewayStartError);
      assert.equal(error.exitCode, 1);
      assert.match(error.message, /in use by another gateway/);
      return true;
    });
    const gate = Promise.withResolvers<void>();
    const before = provider.requests.length;
    provider.script((request) => {
      const { reply } = greedy(request);
      return { ...reply, pieces: [{ until: gate.promise }, ...(reply.pieces as string[])] };
    });
    const running = callers.map((caller) =>
      caller.ask("/openai/v1/responses", { token: place.token, body: ask(10) }),
    );
    await provider.untilRequests(before + callers.length);
    const stopped = gateway.terminate();
    await until(() => logged(gateway, "stopping: running exchanges may finish").length > 0, "the stop");
    gate.resolve();
    assert.deepEqual(
      (await Promise.all(running)).map(({ status }) => status),
      [200, 200, 200],
    );
    assert.equal(await stopped, 0);
    assert.ok(!existsSync(join(place.dataDir, "gateway.json")));
    for (const caller of callers) caller.close();
  });

  it("without their keeper finish what runs and end; the next gateway begins after them, and knows all rows", async () => {
    const place = await prepare();
    const gateway = await serve(place);
    const callers = [...(await callerOfEach(gateway)).values()];
    const gate = Promise.withResolvers<void>();
    const before = provider.requests.length;
    provider.script((request) => {
      const { reply } = greedy(request);
      return { ...reply, pieces: [{ until: gate.promise }, ...(reply.pieces as string[])] };
    });
    const running = callers.map((caller) =>
      caller.ask("/openai/v1/responses", { token: place.token, body: ask(10) }),
    );
    await provider.untilRequests(before + callers.length);
    await gateway.kill();
    const next = serve(place);
    // It waits for them; what they run is not cut off by it.
    gate.resolve();
    assert.deepEqual(
      (await Promise.all(running)).map(({ status }) => status),
      [200, 200, 200],
    );
    const after = await next;
    const owner = createClient({ baseUrl: after.url, token: ownerToken });
    const { exchanges } = await owner.listExchanges({ project: place.projectId });
    assert.deepEqual(
      exchanges.map(({ outcome }) => outcome),
      ["ok", "ok", "ok"],
    );
    for (const caller of callers) caller.close();
    assert.equal(await after.terminate(), 0);
  });

  it("have background runs collected, whoever began them, asks for them or has died since", async () => {
    const place = await prepare();
    const state = { isDone: false, polls: 0 };
    const response = (id: string, status: string): string =>
      JSON.stringify({
        id,
        object: "response",
        status,
        model: "gpt-5.5",
        output: [],
        usage: status === "completed" ? { input_tokens: 1000, output_tokens: 100, total_tokens: 1100 } : null,
      });
    let begun = 0;
    provider.script((request) => {
      if (request.method === "POST") return rawJson(200, response(`resp_${++begun}`, "queued"));
      const id = /resp_\d+/.exec(request.path)?.[0] ?? "";
      if (request.method === "DELETE") return rawJson(200, JSON.stringify({ id, deleted: true }));
      state.polls += 1;
      return rawJson(200, response(id, state.isDone ? "completed" : "in_progress"));
    });
    const gateway = await serve(place, { MESHAGENT_COLLECT_INTERVAL: "50ms" });
    const callers = await callerOfEach(gateway);
    const begin = async (worker: number): Promise<void> => {
      const body = { model: "gpt-5.5", input: "hello", background: true };
      const reply = await callers.get(worker)?.ask("/openai/v1/responses", { token: place.token, body });
      assert.equal(reply?.status, 200, reply?.body);
    };
    await begin(1);
    await begin(2);
    await until(() => state.polls >= 2, "questions about both");
    const killed = workerPids(gateway).get(1) ?? 0;
    killIfThere(killed);
    await until(() => workerPids(gateway).get(1) !== killed, "another worker in its place");
    state.isDone = true;
    const owner = createClient({ baseUrl: gateway.url, token: ownerToken });
    const collected = async (): Promise<readonly (readonly [string | null, number | null])[]> => {
      const { exchanges } = await owner.listExchanges({ project: place.projectId });
      return exchanges
        .filter(({ usage }) => usage.length > 0)
        .map(({ outcome, cost_nano_usd }) => [outcome, cost_nano_usd] as const);
    };
    // 1,000 tokens of $5 and 100 of $30 for a million.
    const settled = ["ok", costOf(1000, 100)] as const;
    await until(async () => (await collected()).length === 2, "the usage of both");
    assert.deepEqual(await collected(), [settled, settled]);
    // What is deleted through one worker is collected before, though another began it.
    state.isDone = false;
    await begin(2);
    state.isDone = true;
    const reply = await callers
      .get(3)
      ?.ask("/openai/v1/responses/resp_3", { method: "DELETE", token: place.token });
    assert.equal(reply?.status, 200, reply?.body);
    assert.deepEqual(await collected(), [settled, settled, settled]);
    for (const caller of callers.values()) caller.close();
    assert.equal(await gateway.terminate(), 0);
  });

  it("show callers one certificate, also a renewed one, and end together when all are told to", async () => {
    const place = await prepare();
    const [first, second] = [
      makeCertificate(place.dataDir, "first"),
      makeCertificate(place.dataDir, "second"),
    ];
    const [cert, key] = [join(place.dataDir, "live.cert.pem"), join(place.dataDir, "live.key.pem")];
    const use = (certificate: Certificate): void => {
      copyFileSync(certificate.certFile, cert);
      copyFileSync(certificate.keyFile, key);
    };
    use(first);
    const gateway = await serve(place, { MESHAGENT_TLS_CERT: cert, MESHAGENT_TLS_KEY: key });
    assert.match(gateway.url, /^https:/);
    const shown = async (): Promise<readonly string[]> => {
      const organisations: string[] = [];
      // In turn, so twice each.
      for (let index = 0; index < 2 * WORKERS; index++) {
        organisations.push(await organisationShown(gateway.url, [first.cert, second.cert]));
      }
      return [...new Set(organisations)];
    };
    assert.deepEqual(await shown(), ["first"]);
    use(second);
    process.kill(gateway.pid, "SIGHUP");
    await until(async () => (await shown()).join() === "second", "the renewed certificate");
    const killed = workerPids(gateway).get(1) ?? 0;
    // On the disk is one that does not fit: who begins now takes what the others have.
    copyFileSync(first.certFile, cert);
    process.kill(killed, "SIGKILL");
    await until(() => workerPids(gateway).get(1) !== killed, "another worker in its place");
    assert.deepEqual(await shown(), ["second"]);
    // As a supervisor does that knows all processes of a service.
    for (const pid of workerPids(gateway).values()) process.kill(pid, "SIGTERM");
    assert.equal(await gateway.terminate(), 0);
  });

  it("answer a request that comes in one piece with its connection, and one that comes in several", async () => {
    const place = await prepare();
    const gateway = await serve(place);
    const head = "POST /openai/v1/responses HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    const body = JSON.stringify(ask(10));
    provider.script((request) => {
      const { reply } = greedy(request);
      return { ...reply, pieces: [{ waitMs: 100 }, ...(reply.pieces as string[])] };
    });
    const request = `${head}authorization: Bearer ${place.token}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
    for (const pieces of [[request], [request.slice(0, 40), request.slice(40, 300), request.slice(300)]]) {
      const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
      const chunks: Buffer[] = [];
      socket.on("data", (chunk) => chunks.push(chunk));
      for (const [index, piece] of pieces.entries()) {
        if (index > 0) await new Promise((resolve) => setTimeout(resolve, 50));
        socket.write(piece);
      }
      await once(socket, "close");
      const text = Buffer.concat(chunks).toString();
      assert.match(text, /^HTTP\/1\.1 200 /);
      assert.match(text, /"output_tokens":10/);
    }
    assert.equal(await gateway.terminate(), 0);
  });

  it("that cannot begin say why, once, and leave nothing behind", async () => {
    const place = await prepare();
    const gateway = await serve(place);
    const port = new URL(gateway.url).port;
    const other = await prepare();
    await assert.rejects(
      spawnGateway({
        dataDir: other.dataDir,
        flags: ["--workers", "2", "--port", port],
        env: { MESHAGENT_MASTER_KEY: other.masterKey },
      }),
      /The port is taken/,
    );
    assert.equal(await gateway.terminate(), 0);
    const again = await serve(other);
    assert.equal(await again.terminate(), 0);
  });
});
