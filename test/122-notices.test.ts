/**
 * What budgets tell, on the whole path: a percentage that is reached is in the log, in the metrics and at a receiver,
 * once, whoever races, fails or is killed meanwhile. And what a spent budget never blocks.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it, type TestContext } from "node:test";
import { newMasterKey } from "@meshagent/llm-proxy-gateway/data-dir";
import type { Webhook } from "@meshagent/llm-proxy-gateway/notify/deliver";
import { newWebhookSecret } from "@meshagent/llm-proxy-gateway/notify/signature";
import type { BudgetDefinition } from "@meshagent/llm-proxy-gateway/store/limit-definition";
import type { Notices } from "@meshagent/llm-proxy-gateway/store/notices";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { root } from "../scripts/docs/pages.ts";
import { makeCertificate } from "./bed/certificate.ts";
import { startConnectProxy } from "./bed/connect-proxy.ts";
import { type FakeProvider, type RecordedRequest, startFakeProvider } from "./bed/fake-provider.ts";
import { killSpawnedGateways, spawnGateway } from "./bed/gateway-process.ts";
import { rawJson } from "./bed/raw-reply.ts";
import { startTestGateway, type TestGateway, type TestGatewayOptions } from "./bed/test-gateway.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
  provider.script(billed);
});
after(async () => {
  killSpawnedGateways();
  await provider.close();
});

/** What a request costs: 100 tokens of output of gpt-5.5, at $30 for a million. $0.003. */
const costNanoUsd = 100 * 30_000;
const path = "/hooks/budgets?key=hidden-7";

/** Bills that for a response, and leaves everything else to the simulated provider. */
function billed(request: RecordedRequest): ReturnType<typeof rawJson> | null {
  if (!request.path.endsWith("/responses")) return null;
  const usage = { input_tokens: 0, output_tokens: 100, total_tokens: 100 };
  const reply = { id: "resp_1", object: "response", status: "completed", model: "gpt-5.5", usage };
  return rawJson(200, JSON.stringify(reply));
}

/** Twice what a request costs, for each participant. */
function budgetOf(projectId: string, rest: Partial<BudgetDefinition> = {}): BudgetDefinition {
  return {
    kind: "budget",
    id: "team",
    projectId,
    name: "Team Lab",
    scope: { room: null, participant: "*", apiKeyId: null, sessionId: null, model: null },
    createdAtMs: 1,
    amountNanoUsd: 2 * costNanoUsd,
    toleranceNanoUsd: 0,
    period: "total",
    timeZone: "UTC",
    mode: "soft",
    notifyAtPercent: [50, 100],
    ...rest,
  };
}

interface Bed {
  readonly gateway: TestGateway;
  readonly receiver: FakeProvider;
  readonly webhook: Webhook;
  ask(token: string): Promise<number>;
  /** Waits until nothing is left to tell. */
  untilTold(): Promise<void>;
}

async function bed(
  context: TestContext,
  {
    budget = {},
    tls,
    ...options
  }: { budget?: Partial<BudgetDefinition>; tls?: { key: string; cert: string } } & Omit<
    TestGatewayOptions,
    "tls"
  > = {},
): Promise<Bed> {
  const receiver = await startFakeProvider(tls === undefined ? {} : { tls });
  receiver.script(() => rawJson(200, "{}"));
  const webhook = { url: `${receiver.origin}${path}`, secret: new Secret(newWebhookSecret()) };
  const gateway = await startTestGateway({ provider, webhook, ...options });
  context.after(async () => {
    await gateway.close();
    await receiver.close();
  });
  const { store } = gateway.gateway;
  await store.directory.as(systemAuthor).setLimit(budgetOf(gateway.projectId, budget));
  const lastingMs = 100 * 24 * 3_600_000;
  return {
    gateway,
    receiver,
    webhook,
    ask: (token) => askOnce(gateway.url, token),
    untilTold: () =>
      until(async () => {
        const ofState = (state: "new" | "waiting"): ReturnType<Notices["due"]> =>
          store.notices.due(state, Date.now() + lastingMs, 1);
        return (await ofState("new")).length + (await ofState("waiting")).length === 0;
      }, "it was told"),
  };
}

/** What `meshagent serve` is started on: a budget, a token, and a receiver that takes everything. */
async function prepare(
  context: TestContext,
  { openaiBaseUrl }: FakeProvider,
  budget: Partial<BudgetDefinition> = {},
): Promise<{
  readonly receiver: FakeProvider;
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly token: string;
}> {
  const receiver = await startFakeProvider();
  context.after(() => receiver.close());
  receiver.script(() => rawJson(200, "{}"));
  const dataDir = mkdtempSync(join(tmpdir(), "meshagent-notices-"));
  context.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const masterKey = newMasterKey();
  const first = await startTestGateway({ dataDir, masterKey: new Secret(masterKey) });
  await first.gateway.store.directory.as(systemAuthor).setLimit(budgetOf(first.projectId, budget));
  const token = await first.token();
  await first.stop();
  const env = {
    MESHAGENT_MASTER_KEY: masterKey,
    MESHAGENT_WEBHOOK_URL: `${receiver.origin}${path}`,
    OPENAI_API_KEY: "sk-test-1",
    MESHAGENT_OPENAI_BASE_URL: openaiBaseUrl,
  };
  return { receiver, dataDir, env, token };
}

async function askOnce(url: string, token: string): Promise<number> {
  const response = await fetch(`${url}/openai/v1/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5.5", input: "hello", max_output_tokens: 100 }),
  });
  await response.arrayBuffer();
  return response.status;
}

async function until(isThere: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline;) {
    if (await isThere()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`It never came that ${what}.`);
}

function headerOf(request: RecordedRequest, name: string): string {
  return request.headers.find(([each]) => each.toLowerCase() === name)?.[1] ?? "";
}

interface Told {
  readonly type: string;
  readonly data: { readonly percent: number; readonly subject: object; readonly spent_usd: string };
}

/** What a receiver reads, its signature checked by the words of the specification. */
function read(request: RecordedRequest | undefined, secret: string): Told & { readonly id: string } {
  assert.ok(request !== undefined);
  assert.equal(`${request.method} ${request.path}`, `POST ${path}`);
  const id = headerOf(request, "webhook-id");
  const seconds = headerOf(request, "webhook-timestamp");
  assert.ok(Math.abs(Date.now() / 1000 - Number(seconds)) < 60, seconds);
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${seconds}.${request.body}`).digest("base64");
  assert.equal(headerOf(request, "webhook-signature"), `v1,${signature}`);
  return { id, ...(JSON.parse(request.body.toString("utf8")) as Told) };
}

function entries(logs: readonly string[], event: string): readonly Record<string, unknown>[] {
  return logs
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((entry) => entry["event"] === event);
}

describe("a percentage of a budget that is reached", () => {
  it("is in the log, in the metrics, and at a receiver that fails first and then takes it", async (context) => {
    const { gateway, receiver, webhook, ask, untilTold } = await bed(context);
    receiver.script(() => rawJson(receiver.requests.length < 3 ? 503 : 200, "{}"));
    assert.equal(await ask(await gateway.token({ identity: "ada" })), 200);
    await untilTold();

    const read1 = receiver.requests.map((request) => read(request, webhook.secret.reveal()));
    assert.equal(read1.length, 3, "two that failed, and one that was taken");
    assert.equal(new Set(read1.map(({ id }) => id)).size, 1);
    assert.deepEqual(
      read1.map(({ type, data }) => [type, data.percent, data.subject, data.spent_usd]),
      Array(3).fill(["budget.threshold", 50, { participant: "ada" }, "0.003"]),
    );
    const [entry, ...more] = entries(gateway.logs, "budget.threshold");
    assert.deepEqual(more, []);
    assert.deepEqual(
      [entry?.["level"], entry?.["budget"], entry?.["percent"], entry?.["subject"], entry?.["notice_id"]],
      ["warn", "Team Lab", 50, "participant=ada", read1[0]?.id],
    );
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    assert.match(metrics, /^meshagent_budget_notices_total\{percent="50"\} 1$/m);
    assert.match(metrics, /^meshagent_webhook_deliveries_total\{outcome="failed"\} 2$/m);
    assert.match(metrics, /^meshagent_webhook_deliveries_total\{outcome="delivered"\} 1$/m);
    const said = gateway.logs.join("\n");
    assert.ok(!said.includes("hidden-7") && !said.includes(webhook.secret.reveal()));
  });

  it("is told once for each participant, however many requests race over it", async (context) => {
    const { gateway, receiver, webhook, ask, untilTold } = await bed(context, {
      budget: { amountNanoUsd: 20 * costNanoUsd, notifyAtPercent: [10, 50, 90, 200] },
    });
    const tokens = await Promise.all(["ada", "bob"].map((identity) => gateway.token({ identity })));
    const statuses = await Promise.all(
      Array.from({ length: 60 }, (_, index) => ask(tokens[index % 2] ?? "")),
    );
    assert.deepEqual([...new Set(statuses)], [200]);
    await untilTold();
    const told = receiver.requests
      .map((request) => read(request, webhook.secret.reveal()))
      .map(({ data }) => `${JSON.stringify(data.subject)} ${data.percent}`);
    assert.deepEqual(
      told.toSorted(),
      ["ada", "bob"].flatMap((name) => [10, 50, 90].map((percent) => `{"participant":"${name}"} ${percent}`)),
    );
  });

  it("reaches its receiver over a kill -9 between the two, under the same id, signed with the same secret", async (context) => {
    const { receiver, dataDir, env, token } = await prepare(context, provider);
    receiver.script(() => ({ pieces: [], end: "hang" }));
    const killed = await spawnGateway({ dataDir, env });
    assert.equal(await askOnce(killed.url, token), 200);
    await receiver.untilRequests(1);
    await killed.kill();

    receiver.script(() => rawJson(200, "{}"));
    const next = await spawnGateway({ dataDir, env });
    await receiver.untilRequests(2);
    const file = join(dataDir, "webhook-secret");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const secret = readFileSync(file, "utf8").trim();
    const [before, again] = receiver.requests.map((request) => read(request, secret));
    assert.ok(before !== undefined && again !== undefined);
    assert.deepEqual(again, before);
    assert.equal(await askOnce(next.url, token), 200);
    await receiver.untilRequests(3);
    assert.equal(read(receiver.requests[2], secret).data.percent, 100);
    assert.equal(await next.terminate(), 0);
    assert.equal(receiver.requests.length, 3);
    assert.equal(entries(killed.logs, "budget.threshold").length, 1);
    assert.equal(entries(next.logs, "budget.threshold").length, 1, "of the second percentage alone");
  });

  it("is told by the next process where an exchange died with its own and its hold is charged", async (context) => {
    const silent = await startFakeProvider();
    context.after(() => silent.close());
    silent.script(() => ({ pieces: [], end: "hang" }));
    const { receiver, dataDir, env, token } = await prepare(context, silent, {
      mode: "hard",
      // The hold is at the dearest tier, and the input has a bound, not a count.
      amountNanoUsd: 10 * costNanoUsd,
      notifyAtPercent: [10],
    });
    const killed = await spawnGateway({ dataDir, env });
    const cut = assert.rejects(askOnce(killed.url, token));
    await silent.untilRequests(1);
    await killed.kill();
    await cut;
    assert.equal(receiver.requests.length, 0, "nothing was spent yet");
    const next = await spawnGateway({ dataDir, env });
    await receiver.untilRequests(1);
    const { data } = read(receiver.requests[0], readFileSync(join(dataDir, "webhook-secret"), "utf8").trim());
    assert.equal(data.percent, 10);
    assert.ok(Number(data.spent_usd) >= 0.003, data.spent_usd);
    await next.terminate();
  });

  it("is told once by several processes that serve together, whichever spends it", async (context) => {
    const { receiver, dataDir, env, token } = await prepare(context, provider, {
      amountNanoUsd: 20 * costNanoUsd,
      notifyAtPercent: [10, 50, 90],
    });
    const gateway = await spawnGateway({ dataDir, env, flags: ["--workers", "2"] });
    const statuses = await Promise.all(Array.from({ length: 24 }, () => askOnce(gateway.url, token)));
    assert.deepEqual([...new Set(statuses)], [200]);
    await receiver.untilRequests(3);
    const owner = createClient({
      baseUrl: gateway.url,
      token: readFileSync(join(dataDir, "owner-token"), "utf8").trim(),
    });
    const [project] = (await owner.listProjects({})).projects;
    const tried = await owner.testWebhook({ project: project?.id ?? "" });
    assert.ok(tried.ok, tried.message);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    assert.match(metrics, /^meshagent_budget_notices_total\{percent="90"\} 1$/m);
    assert.equal(await gateway.terminate(), 0);
    const secret = readFileSync(join(dataDir, "webhook-secret"), "utf8").trim();
    const told = receiver.requests.map((request) => read(request, secret));
    assert.deepEqual(
      told.map(({ type, data }) => (type === "webhook.test" ? type : `${data.percent} %`)).toSorted(),
      ["10 %", "50 %", "90 %", "webhook.test"],
    );
    assert.equal(entries(gateway.logs, "budget.threshold").length, 3);
  });

  it("is taken by the example receiver, which takes nothing that is not genuine", async (context) => {
    const secret = newWebhookSecret();
    const example = spawn(process.execPath, [join(root, "examples", "webhook-receiver.mjs")], {
      env: { PORT: "0", MESHAGENT_WEBHOOK_SECRET: secret },
      stdio: ["ignore", "pipe", "inherit"],
    });
    context.after(() => example.kill());
    const lines = createInterface({ input: example.stdout })[Symbol.asyncIterator]();
    const { value: port } = await lines.next();
    const url = `http://127.0.0.1:${port}/`;
    const { gateway, ask, untilTold } = await bed(context, { webhook: { url, secret: new Secret(secret) } });
    await ask(await gateway.token());
    await untilTold();
    assert.equal((await lines.next()).value, "Team Lab: 50 % of $0.006 reached, $0.003 spent");
    assert.deepEqual(
      (await gateway.gateway.store.notices.listOf("team", 9)).map(({ state }) => state),
      ["delivered"],
    );
    const owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
    assert.ok((await owner.testWebhook({ project: gateway.projectId })).ok);
    assert.equal((await lines.next()).value, "webhook.test");
    const id = "bn_1";
    const body = "{}";
    const send = async (seconds: number, key: string): Promise<number> => {
      const bytes = Buffer.from(key.slice("whsec_".length), "base64");
      const signature = createHmac("sha256", bytes).update(`${id}.${seconds}.${body}`).digest("base64");
      const headers = {
        "webhook-id": id,
        "webhook-timestamp": String(seconds),
        "webhook-signature": `v1,${signature}`,
      };
      return (await fetch(url, { method: "POST", headers, body })).status;
    };
    const nowS = Math.floor(Date.now() / 1000);
    assert.equal(await send(nowS, newWebhookSecret()), 401, "another secret");
    assert.equal(await send(nowS - 600, secret), 401, "an old one");
    assert.equal((await fetch(url, { method: "POST", body })).status, 401, "no signature at all");
    example.kill();
    await once(example, "exit");
  });

  it("goes through HTTPS_PROXY to a receiver with TLS, whose certificate is verified", async (context) => {
    const directory = mkdtempSync(join(tmpdir(), "meshagent-notices-tls-"));
    context.after(() => rmSync(directory, { recursive: true, force: true }));
    const certificate = makeCertificate(directory, "receiver");
    const proxy = await startConnectProxy();
    context.after(() => proxy.close());
    const { gateway, receiver, webhook, ask, untilTold } = await bed(context, {
      tls: certificate,
      upstreamCa: certificate.cert,
      config: { httpsProxy: `http://127.0.0.1:${proxy.port}` },
    });
    await ask(await gateway.token());
    await untilTold();
    assert.equal(read(receiver.requests[0], webhook.secret.reveal()).data.percent, 50);
    assert.deepEqual(proxy.tunnels, [new URL(receiver.origin).host]);
  });
});

describe("an operator", () => {
  it("sees what was told, and tries the webhook", async (context) => {
    const { gateway, receiver, webhook, ask, untilTold } = await bed(context);
    const owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
    const project = gateway.projectId;
    await ask(await gateway.token({ identity: "ada" }));
    await untilTold();
    const { notices } = await owner.getBudget({ project, budget: "team" });
    const { id } = read(receiver.requests[0], webhook.secret.reveal());
    assert.deepEqual(
      notices.map((each) => [each.id, each.percent, each.subject, each.delivery, each.attempts]),
      [[id, 50, { participant: "ada" }, "delivered", 1]],
    );
    const tried = await owner.testWebhook({ project });
    assert.deepEqual([tried.ok, receiver.requests.length], [true, 2]);
    const test = read(receiver.requests[1], webhook.secret.reveal());
    assert.deepEqual([test.type, test.data], ["webhook.test", {}]);
    assert.equal(tried.message, `${receiver.origin} took the test ${test.id}.`);
    receiver.script(() => rawJson(302, "", [["location", `${receiver.origin}/elsewhere`]]));
    const refused = await owner.testWebhook({ project });
    assert.ok(!refused.ok);
    assert.match(
      refused.message,
      /did not take the test .*: status 302\. It must answer 2xx within 10 seconds/,
    );
    assert.equal(receiver.requests.length, 3, "a redirect is not followed");
  });

  it("without a webhook is told how to get one", async (context) => {
    const gateway = await startTestGateway({ provider });
    context.after(() => gateway.close());
    const owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
    const { ok, message } = await owner.testWebhook({ project: gateway.projectId });
    assert.ok(!ok);
    assert.match(message, /^There is no webhook\. Set MESHAGENT_WEBHOOK_URL/);
  });
});

describe("a budget that is spent to the last", () => {
  it("blocks what bills, and nothing that does not", async (context) => {
    const { gateway, ask } = await bed(context);
    const token = await gateway.token();
    await ask(token);
    const { directory } = gateway.gateway.store;
    await directory
      .as(systemAuthor)
      .setLimit(budgetOf(gateway.projectId, { mode: "hard", amountNanoUsd: costNanoUsd }));
    const call = async (method: string, target: string, body?: object): Promise<number> => {
      const response = await fetch(`${gateway.url}${target}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      await response.arrayBuffer();
      return response.status;
    };
    const messages = [{ role: "user", content: "hello" }];
    const claude = "claude-sonnet-5-5";
    for (const [target, body] of [
      ["/openai/v1/responses", { model: "gpt-5.5", input: "hello", max_output_tokens: 16 }],
      ["/openai/v1/chat/completions", { model: "gpt-5.5", messages, max_completion_tokens: 16 }],
      ["/openai/v1/embeddings", { model: "text-embedding-3-small", input: "hello" }],
      ["/anthropic/v1/messages", { model: claude, max_tokens: 16, messages }],
    ] as const) {
      assert.equal(await call("POST", target, body), 402, target);
    }
    for (const [method, target, body] of [
      ["POST", "/anthropic/v1/messages/count_tokens", { model: claude, messages }],
      ["POST", "/openai/v1/responses/input_tokens", { model: "gpt-5.5", input: "hello" }],
      ["POST", "/openai/v1/moderations", { model: "omni-moderation-latest", input: "hello" }],
      ["GET", "/openai/v1/models", undefined],
      ["GET", "/openai/v1/models/gpt-5.5", undefined],
      ["GET", "/anthropic/v1/models", undefined],
      ["GET", `/anthropic/v1/models/${claude}`, undefined],
      ["GET", "/openai/v1/files", undefined],
      ["GET", "/openai/v1/batches", undefined],
      ["GET", "/anthropic/v1/messages/batches", undefined],
      ["HEAD", "/anthropic/api/hello", undefined],
      ["HEAD", "/openai/v1/anything", undefined],
      ["GET", "/openai/v1", undefined],
    ] as const) {
      assert.equal(await call(method, target, body), 200, `${method} ${target}`);
    }
    // What the room has made can be fetched and ended, too: a 404 is the answer to an object that is not there.
    assert.equal(await call("GET", "/openai/v1/responses/resp_none"), 404);
    assert.equal(await call("POST", "/openai/v1/responses/resp_none/cancel"), 404);
  });
});
