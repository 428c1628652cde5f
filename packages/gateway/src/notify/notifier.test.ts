/** What the duty does with a notice, on a clock that is held and with a receiver that says what it is told to. */

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { createLog } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import type { BudgetNotice, NoticeProgress, Notices } from "../store/notices.ts";
import type { UpstreamClient, UpstreamRequest } from "../upstream/client.ts";
import { type Notifier, pauseMs, startNotifier } from "./notifier.ts";
import { newWebhookSecret, signatureOf } from "./signature.ts";

const hourMs = 3_600_000;
const startMs = Date.parse("2026-11-25T12:00:00Z");
const webhook = {
  url: "https://hooks.example.com/budgets?key=hidden-7",
  secret: new Secret(newWebhookSecret()),
};

function sampleNotice(id: string, rest: Partial<BudgetNotice> = {}): BudgetNotice {
  return {
    id,
    budget: {
      kind: "budget",
      id: "b",
      projectId: "p",
      name: "Team Lab",
      scope: { room: "lab", participant: "*", apiKeyId: null, sessionId: null, model: null },
      createdAtMs: 1,
      amountNanoUsd: 10_000_000_000,
      toleranceNanoUsd: 0,
      period: "day",
      timeZone: "UTC",
      mode: "hard",
      notifyAtPercent: [80],
    },
    accountKey: "b|2026-11-25|ada%20l%7C",
    percent: 80,
    amountNanoUsd: 10_000_000_000,
    spentNanoUsd: 8_100_000_000,
    resetsAtMs: Date.parse("2026-11-26T00:00:00Z"),
    madeAtMs: startMs,
    state: "new",
    attempts: 0,
    ...rest,
  };
}

/** `Notices` in memory. */
class Outbox implements Notices {
  readonly #due = new Map<string, number | null>();
  readonly #rows = new Map<string, BudgetNotice>();
  isBroken = false;
  alsoWaiting = 0;

  add(notice: BudgetNotice): void {
    this.#rows.set(notice.id, notice);
    this.#due.set(notice.id, notice.madeAtMs);
  }

  get(id: string): BudgetNotice | undefined {
    return this.#rows.get(id);
  }

  /** When it is due; null for never. */
  dueAtMs(id: string): number | null {
    return this.#due.get(id) ?? null;
  }

  async due(state: BudgetNotice["state"], nowMs: number, limit: number): Promise<readonly BudgetNotice[]> {
    if (this.isBroken) throw new Error("the disk is gone");
    const isDue = (row: BudgetNotice): boolean =>
      row.state === state && (this.dueAtMs(row.id) ?? Infinity) <= nowMs;
    return [...this.#rows.values()].filter(isDue).slice(0, limit);
  }

  async record(id: string, { state, attempts, dueAtMs }: NoticeProgress): Promise<void> {
    const row = this.#rows.get(id);
    assert.ok(row !== undefined, id);
    this.#rows.set(id, { ...row, state, attempts });
    this.#due.set(id, dueAtMs);
  }

  async countWaiting(): Promise<number> {
    return this.alsoWaiting;
  }

  async listOf(): Promise<readonly BudgetNotice[]> {
    return [...this.#rows.values()];
  }
}

/** What a receiver answers, or `silence`. */
type Answer = number | { readonly status: number; readonly retryAfter: string } | "silence" | "refused";

interface Bed {
  readonly time: { nowMs: number };
  readonly outbox: Outbox;
  readonly requests: UpstreamRequest[];
  readonly notifier: Notifier;
  readonly aborted: () => number;
  /** Level and message of each line, and all of their text. */
  readonly lines: () => readonly string[];
  readonly logText: () => string;
  readonly counts: () => readonly string[];
}

function bed(
  context: TestContext,
  {
    answer = () => 200,
    hasWebhook = true,
  }: { answer?: (attempt: number) => Answer; hasWebhook?: boolean } = {},
): Bed {
  const time = { nowMs: startMs };
  const clock = { now: () => time.nowMs };
  const requests: UpstreamRequest[] = [];
  const logged: string[] = [];
  let aborted = 0;
  const client: Pick<UpstreamClient, "send"> = {
    send: (request, observer) => {
      requests.push(request);
      const given = answer(requests.length);
      const abort = (): void => void (aborted += 1);
      if (given === "silence") return { resume: () => {}, abort };
      queueMicrotask(() => {
        if (given === "refused") {
          const cause = new Error("connect ECONNREFUSED");
          observer.onFailure({ reason: "connect_failed", isUnsent: true, cause });
          return;
        }
        const { status, retryAfter } =
          typeof given === "number" ? { status: given, retryAfter: null } : given;
        const headers = retryAfter === null ? [] : ([["Retry-After", retryAfter]] as const);
        observer.onReply({ status, statusText: "", headers });
        observer.onEnd();
      });
      return { resume: () => {}, abort };
    },
  };
  const metrics = createMetrics({
    runningExchanges: () => 0,
    keptBytes: () => 0,
    drains: () => 0,
    sockets: () => 0,
    waiting: () => 0,
    droppedLogLines: () => 0,
  });
  const outbox = new Outbox();
  const notifier = startNotifier({
    notices: outbox,
    clock,
    log: createLog({ clock, minLevel: "debug", form: "json", write: (line) => logged.push(line) }),
    metrics,
    webhook: hasWebhook ? webhook : null,
    client,
    version: "0.0.0-test",
    random: () => 0.5,
  });
  context.after(() => notifier.stop());
  return {
    time,
    outbox,
    requests,
    notifier,
    aborted: () => aborted,
    lines: () =>
      logged.map((line) => {
        const { level, message } = JSON.parse(line) as { level: string; message: string };
        return `${level} ${message}`;
      }),
    logText: () => logged.join(""),
    counts: () =>
      metrics
        .render()
        .split("\n")
        .filter((line) => /^meshagent_(?:budget|webhook)/.test(line)),
  };
}

const header = (request: UpstreamRequest | undefined, name: string): string =>
  request?.headers.find(([each]) => each === name)?.[1] ?? "";
const bodyOf = (request: UpstreamRequest | undefined): string =>
  Buffer.concat([...(request?.body?.chunks() ?? [])]).toString("utf8");

const reached = "warn a budget has reached a percentage of its amount";
const refused = "warn the webhook did not take a notice; it is tried again";
const again = "debug the webhook did not take a notice; it is tried again";
const lost = "error a notice was not delivered and is given up";

test("without a webhook a notice is one line and one count", async (context) => {
  const { outbox, notifier, requests, lines, logText, counts } = bed(context, { hasWebhook: false });
  outbox.add(sampleNotice("bn_1"));
  await notifier.pass();
  await notifier.pass();
  assert.deepEqual(lines(), [reached]);
  assert.deepEqual(JSON.parse(logText()), {
    time: "2026-11-25T12:00:00.000Z",
    level: "warn",
    message: "a budget has reached a percentage of its amount",
    event: "budget.threshold",
    notice_id: "bn_1",
    project_id: "p",
    budget_id: "b",
    budget: "Team Lab",
    scope: "room=lab participant=*",
    subject: "participant=ada l|",
    percent: 80,
    spent_usd: "8.1",
    amount_usd: "10",
    period: "day",
    resets_at: "2026-11-26T00:00:00.000Z",
  });
  assert.deepEqual(counts(), ['meshagent_budget_notices_total{percent="80"} 1']);
  assert.equal(outbox.get("bn_1")?.state, "unsent");
  assert.equal(requests.length, 0);
});

test("a delivery says all of it, signed, and ends with a 2xx", async (context) => {
  const { outbox, notifier, requests, lines, logText, counts } = bed(context, { answer: () => 204 });
  outbox.add(sampleNotice("bn_1"));
  await notifier.pass();
  await notifier.pass();
  const [request, ...others] = requests;
  assert.deepEqual(others, []);
  assert.equal(`${request?.method} ${request?.origin}${request?.path}`, `POST ${webhook.url}`);
  assert.equal(header(request, "content-type"), "application/json");
  assert.equal(header(request, "user-agent"), "meshagent/0.0.0-test");
  assert.equal(header(request, "webhook-id"), "bn_1");
  assert.equal(header(request, "webhook-timestamp"), String(startMs / 1000));
  const body = bodyOf(request);
  const signed = { id: "bn_1", timestampS: startMs / 1000, body };
  assert.equal(header(request, "webhook-signature"), signatureOf(webhook.secret, signed));
  assert.deepEqual(JSON.parse(body), {
    type: "budget.threshold",
    timestamp: "2026-11-25T12:00:00.000Z",
    data: {
      project_id: "p",
      budget_id: "b",
      budget_name: "Team Lab",
      mode: "hard",
      period: "day",
      time_zone: "UTC",
      scope: { room: "lab", participant: "*", api_key_id: null, session_id: null, model: null },
      subject: { participant: "ada l|" },
      percent: 80,
      spent_usd: "8.1",
      amount_usd: "10",
      resets_at: "2026-11-26T00:00:00.000Z",
    },
  });
  assert.deepEqual([outbox.get("bn_1")?.state, outbox.get("bn_1")?.attempts], ["delivered", 1]);
  assert.deepEqual(lines(), [reached]);
  assert.ok(!logText().includes("hidden-7"));
  assert.deepEqual(counts(), [
    'meshagent_budget_notices_total{percent="80"} 1',
    'meshagent_webhook_deliveries_total{outcome="delivered"} 1',
  ]);
});

test("a receiver that is away is asked for a day, with pauses that double up to an hour, and then no more", async (context) => {
  const { time, outbox, notifier, requests, lines } = bed(context, {
    answer: (attempt) => (attempt % 2 === 1 ? "refused" : 503),
  });
  outbox.add(sampleNotice("bn_1"));
  const atMs: number[] = [];
  for (let dueAtMs: number | null = startMs; dueAtMs !== null; dueAtMs = outbox.dueAtMs("bn_1")) {
    time.nowMs = dueAtMs - 1;
    await notifier.pass();
    assert.equal(requests.length, atMs.length, "not a moment too early");
    time.nowMs = dueAtMs;
    await notifier.pass();
    assert.equal(requests.length, atMs.push(dueAtMs));
  }
  const pauses = atMs.slice(1).map((each, index) => (each - (atMs[index] ?? 0)) / 1000);
  assert.deepEqual(pauses.slice(0, 13), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600]);
  assert.ok(pauses.slice(12).every((each) => each === 3600));
  const lastMs = (atMs.at(-1) ?? 0) - startMs;
  assert.ok(lastMs <= 24 * hourMs && lastMs > 23 * hourMs, `${lastMs / hourMs} h`);
  assert.equal(outbox.get("bn_1")?.state, "given_up");
  assert.deepEqual(lines(), [reached, refused, ...Array(requests.length - 2).fill(again), lost]);
  assert.deepEqual([...new Set(requests.map((each) => header(each, "webhook-id")))], ["bn_1"]);
  assert.equal(new Set(requests.map(bodyOf)).size, 1);
  for (const [index, request] of requests.entries()) {
    const timestampS = Math.floor((atMs[index] ?? 0) / 1000);
    const signed = { id: "bn_1", timestampS, body: bodyOf(request) };
    assert.equal(header(request, "webhook-signature"), signatureOf(webhook.secret, signed));
  }
});

test("pauses are a fifth more or less, and never without end", () => {
  assert.deepEqual([pauseMs(1, 0), pauseMs(1, 0.5), pauseMs(1, 1)], [800, 1_000, 1_200]);
  assert.deepEqual([pauseMs(4, 0), pauseMs(4, 1)], [6_400, 9_600]);
  assert.deepEqual([pauseMs(10_000, 0), pauseMs(10_000, 1)], [0.8 * hourMs, 1.2 * hourMs]);
});

test("a notice of a process that was down for days gets its attempts all the same", async (context) => {
  const { time, outbox, notifier } = bed(context, { answer: (attempt) => (attempt < 5 ? 500 : 200) });
  outbox.add(sampleNotice("bn_1", { madeAtMs: startMs - 50 * hourMs }));
  for (let pass = 0; pass < 5; pass++) {
    await notifier.pass();
    time.nowMs += 60_000;
  }
  assert.deepEqual([outbox.get("bn_1")?.state, outbox.get("bn_1")?.attempts], ["delivered", 5]);
});

test("`retry-after` makes a pause longer, within reason", async (context) => {
  const answers: readonly Answer[] = [
    { status: 429, retryAfter: "90" },
    { status: 503, retryAfter: "999999999" },
    { status: 503, retryAfter: "Fri, 31 Dec 1999 23:59:59 GMT" },
  ];
  const { time, outbox, notifier } = bed(context, { answer: (attempt) => answers[attempt - 1] ?? 200 });
  outbox.add(sampleNotice("bn_1"));
  for (const expected of [90_000, hourMs, 4_000]) {
    await notifier.pass();
    assert.equal((outbox.dueAtMs("bn_1") ?? 0) - time.nowMs, expected);
    time.nowMs += expected;
  }
});

test("a redirect is not followed: it is no delivery", async (context) => {
  const { outbox, notifier, requests } = bed(context, { answer: () => 307 });
  outbox.add(sampleNotice("bn_1"));
  await notifier.pass();
  assert.equal(requests.length, 1);
  assert.equal(outbox.get("bn_1")?.state, "waiting");
});

test("410 ends it: this notice, those that wait and those that come", async (context) => {
  const { outbox, notifier, requests, lines } = bed(context, { answer: () => 410 });
  outbox.add(sampleNotice("bn_1"));
  await notifier.pass();
  outbox.add(sampleNotice("bn_2"));
  await notifier.pass();
  assert.equal(requests.length, 1);
  assert.deepEqual([outbox.get("bn_1")?.state, outbox.get("bn_2")?.state], ["given_up", "given_up"]);
  assert.deepEqual(lines(), [reached, lost, reached, lost]);
});

test("an attempt that a stop ends counts as none", async (context) => {
  const { outbox, notifier, requests, aborted } = bed(context, { answer: () => "silence" });
  outbox.add(sampleNotice("bn_1"));
  const passing = notifier.pass();
  while (requests.length === 0) await new Promise(setImmediate);
  await notifier.stop();
  await passing;
  assert.equal(aborted(), 1);
  assert.deepEqual([outbox.get("bn_1")?.state, outbox.get("bn_1")?.attempts], ["waiting", 0]);
});

test("an attempt has ten seconds in all", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { outbox, notifier, requests, aborted, lines, logText } = bed(context, { answer: () => "silence" });
  outbox.add(sampleNotice("bn_1"));
  const passing = notifier.pass();
  while (requests.length === 0) await new Promise(setImmediate);
  context.mock.timers.tick(9_999);
  assert.equal(aborted(), 0);
  context.mock.timers.tick(1);
  await passing;
  assert.equal(aborted(), 1);
  assert.deepEqual(lines(), [reached, refused]);
  assert.match(logText(), /no answer within 10 s/);
});

test("a receiver that says nothing keeps no notice from the log", async (context) => {
  const { outbox, notifier, requests, lines } = bed(context, { answer: () => "silence" });
  outbox.add(sampleNotice("bn_1"));
  void notifier.pass();
  while (requests.length === 0) await new Promise(setImmediate);
  outbox.add(sampleNotice("bn_2"));
  void notifier.pass();
  while (outbox.get("bn_2")?.state === "new") await new Promise(setImmediate);
  assert.deepEqual(lines(), [reached, reached]);
  assert.equal(requests.length, 1);
});

test("the outbox is bounded: what comes when too many wait is told in the log alone", async (context) => {
  const { outbox, notifier, requests, lines } = bed(context);
  outbox.alsoWaiting = 10_000;
  outbox.add(sampleNotice("bn_1"));
  await notifier.pass();
  assert.equal(outbox.get("bn_1")?.state, "given_up");
  assert.equal(requests.length, 0);
  assert.deepEqual(lines(), [reached, lost]);
});

test("a notice that waited for a webhook that is no more is not kept", async (context) => {
  const { outbox, notifier, lines } = bed(context, { hasWebhook: false });
  outbox.add(sampleNotice("bn_1", { state: "waiting", attempts: 3 }));
  await notifier.pass();
  assert.deepEqual([outbox.get("bn_1")?.state, outbox.get("bn_1")?.attempts], ["unsent", 3]);
  assert.deepEqual(lines(), [], "it was told when it was new");
});

test("a store that fails is said once, and the notices are told when it is back", async (context) => {
  const { outbox, notifier, lines } = bed(context);
  outbox.add(sampleNotice("bn_1"));
  outbox.isBroken = true;
  await notifier.pass();
  await notifier.pass();
  assert.deepEqual(lines(), ["error notices of budgets cannot be told"]);
  outbox.isBroken = false;
  await notifier.pass();
  assert.equal(outbox.get("bn_1")?.state, "delivered");
});

test("more than one batch is told in one pass, a few at a time", async (context) => {
  const { outbox, notifier, requests } = bed(context);
  for (let index = 0; index < 150; index++) outbox.add(sampleNotice(`bn_${index}`));
  await notifier.pass();
  assert.equal(requests.length, 150);
  assert.equal(new Set(requests.map((each) => header(each, "webhook-id"))).size, 150);
});
