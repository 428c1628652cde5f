/**
 * Caps inside a participant token, the whole way: signed offline by our CLI or by the official client, made nowhere on
 * the server, counted for the token's identity alone, and never more than what the project allows.
 */

import assert from "node:assert/strict";
import { createHash, createHmac, randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import type { ApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import type { LlmCaps } from "@meshagent/llm-proxy-protocol/llm-caps";
import { newUuid } from "@meshagent/llm-proxy-gateway/ids";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type * as OfficialPackage from "@meshagent/meshagent";
import { Machine } from "../packages/cli/src/test-bed/command.ts";
import { type FakeProvider, startFakeProvider } from "./bed/fake-provider.ts";
import {
  ask,
  answerOf,
  billed,
  costOf,
  everything,
  gated,
  greedyBooks,
  HandClock,
  inputPrice,
  type LimitedGateway,
  mostOf,
  outputPrice,
  startLimitedGateway,
  until,
  withLimits,
} from "./bed/limits.ts";
import { openSocket, refusalOf } from "./bed/socket-caller.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

// Its ESM build cannot be loaded.
const official = createRequire(import.meta.url)("@meshagent/meshagent") as typeof OfficialPackage;

let provider: FakeProvider;
before(async () => {
  provider = await startFakeProvider();
});
after(() => provider.close());

const none: LlmCaps = {
  maxBudgetNanoUsd: null,
  maxBudgetPerDayNanoUsd: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  maxConcurrency: null,
};

/** A token as the CLI signs it, with these caps. */
function capped(
  gateway: LimitedGateway,
  caps: Partial<LlmCaps>,
  rest: Parameters<LimitedGateway["token"]>[0] & { readonly models?: readonly string[] } = {},
): Promise<string> {
  const { models = null, ...options } = rest;
  return gateway.token({ ...options, llm: { models, caps: { ...none, ...caps } } });
}

/** Signs whatever is given, as any holder of the key could. */
function signRaw(apiKey: ApiKey, payload: string): string {
  const header = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url");
  const signed = `${header}.${Buffer.from(payload).toString("base64url")}`;
  return `${signed}.${createHmac("sha256", apiKey.secret).update(signed).digest("base64url")}`;
}

/** The claims of a token for `llm`, a JSON text. */
function payloadWith({ apiKey }: LimitedGateway, llm: string, more = ""): string {
  const grants = `[{"name":"room","scope":"my-room"},{"name":"api","scope":{"llm":${llm}}}]`;
  return `{"name":"cli-agent","grants":${grants},"kid":"${apiKey.id}","sub":"${apiKey.projectId}","version":"0.36.3"${more}}`;
}

/** What is spent in the accounts of a token's caps, by period. */
async function spentOf(gateway: LimitedGateway, tokenId: string): Promise<Record<string, number>> {
  const accounts = await gateway.accounts(`token:${gateway.projectId}:${tokenId}`);
  return Object.fromEntries(accounts.map(({ key, spentNanoUsd }) => [key.split("|")[1], spentNanoUsd]));
}

/** 1,000 tokens of output: $0.03, and a little input. */
const thousand = { max_output_tokens: 1_000 };

describe("max_budget", () => {
  it("is spent once over the token's life, by the provider's own books, and survives a restart", () =>
    withLimits({ provider }, async (gateway) => {
      const { script, billedNanoUsd } = greedyBooks();
      provider.script(script);
      // $0.10 is room for 3 answers of $0.03 and their input, whoever asks for them, and at $0.0004 of input no fourth.
      const jti = randomUUID();
      const token = await capped(gateway, { maxBudgetNanoUsd: 100_000_000 }, { jti });
      const first = [await gateway.respond(token, thousand), await gateway.respond(token, thousand)];
      assert.deepEqual(
        first.map(({ status }) => status),
        [200, 200],
      );
      await gateway.stop();
      const again = await startLimitedGateway({
        provider,
        dataDir: gateway.dataDir,
        masterKey: gateway.masterKey,
      });
      try {
        assert.equal((await again.respond(token, thousand)).status, 200);
        const refused = await again.respond(token, { max_output_tokens: 1_500 });
        assert.deepEqual([refused.status, refused.code], [402, "budget_exceeded"]);
        assert.equal(refused.headers.get("x-should-retry"), "false");
        assert.match(
          refused.message,
          /^This token's budget of \$0\.10 over its whole life has \$0\.00\d+ left/,
        );
        assert.match(refused.message, /Ask who signed the token for one with more\.$/);
        assert.deepEqual(await spentOf(again, jti), { total: billedNanoUsd() });
        assert.ok(billedNanoUsd() <= 100_000_000);
        // Another token of the same participant, made from the same spec, has a budget of its own.
        const other = await capped(again, { maxBudgetNanoUsd: 100_000_000 });
        assert.equal((await again.respond(other, thousand)).status, 200);
      } finally {
        await again.stop();
      }
    }));

  it("holds against fifty at once", () =>
    withLimits({ provider }, async (gateway) => {
      const { script, billedNanoUsd } = greedyBooks();
      provider.script(script);
      const token = await capped(gateway, { maxBudgetNanoUsd: 500_000_000 });
      const answers = await Promise.all(Array.from({ length: 50 }, () => gateway.respond(token, thousand)));
      // $0.50 / ($0.03 + 94 bytes at most x $0.000005) = 16.4.
      assert.equal(answers.filter(({ status }) => status === 200).length, 16);
      assert.ok(answers.every(({ status }) => status === 200 || status === 402));
      assert.ok(billedNanoUsd() <= 500_000_000);
    }));

  it("of 0 lets nothing through, and blocks nothing that is not billed", () =>
    withLimits({ provider }, async (gateway) => {
      const token = await capped(gateway, { maxBudgetNanoUsd: 0 });
      const refused = await gateway.respond(token, { max_output_tokens: 1 });
      assert.equal(refused.status, 402);
      assert.match(refused.message, /^This token's budget of \$0 over its whole life is spent/);
      const count = await gateway.post(
        "/anthropic/v1/messages/count_tokens",
        { model: "claude-opus-4-6", messages: [{ role: "user", content: "hello" }] },
        token,
      );
      assert.equal(count.status, 200);
    }));
});

describe("max_budget_per_day", () => {
  it("begins anew at midnight UTC, beside a max_budget that does not", async () => {
    const clock = new HandClock(Date.parse("2026-11-25T23:50:00Z"));
    await withLimits({ provider, clock }, async (gateway) => {
      const { script, billedNanoUsd } = greedyBooks();
      provider.script(script);
      const jti = randomUUID();
      const caps = { maxBudgetNanoUsd: 70_000_000, maxBudgetPerDayNanoUsd: 40_000_000 };
      const token = await capped(gateway, caps, { jti });
      const only = { max_output_tokens: 1_000 };
      assert.equal((await gateway.respond(token, only)).status, 200);
      const today = await gateway.respond(token, only);
      assert.equal(today.status, 402);
      assert.match(
        today.message,
        /^This token's budget of \$0\.04 a day \(UTC\) has \$0\.009\d+ left.*It begins anew at 2026-11-26T00:00Z/,
      );
      clock.pass(10 * 60_000 - 1);
      assert.equal((await gateway.respond(token, only)).status, 402, "the last millisecond of the day");
      clock.pass(1);
      assert.equal((await gateway.respond(token, only)).status, 200);
      const each = billedNanoUsd() / 2;
      assert.deepEqual(await spentOf(gateway, jti), {
        "2026-11-25": each,
        "2026-11-26": each,
        total: 2 * each,
      });
      clock.pass(24 * 3_600_000);
      const third = await gateway.respond(token, only);
      assert.equal(third.status, 402);
      assert.match(third.message, /^This token's budget of \$0\.07 over its whole life has/);
    });
  });
});

describe("requests_per_minute, tokens_per_minute, max_concurrency", () => {
  it("count for the token alone, and say when there is room again: then there is", async () => {
    const clock = new HandClock();
    await withLimits({ provider, clock }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      const token = await capped(gateway, { requestsPerMinute: 2 });
      assert.equal((await gateway.respond(token)).status, 200);
      clock.pass(20_000);
      assert.equal((await gateway.respond(token)).status, 200);
      const refused = await gateway.respond(token);
      assert.deepEqual([refused.status, refused.code], [429, "rate_limit_exceeded"]);
      assert.match(
        refused.message,
        /^This token's limit of 2 requests a minute is reached\. Try again in \d+ s\./,
      );
      const seconds = Number(refused.headers.get("retry-after"));
      assert.ok(seconds >= 40 && seconds <= 41, String(seconds));
      assert.equal((await gateway.respond(await capped(gateway, { requestsPerMinute: 2 }))).status, 200);
      clock.pass(seconds * 1_000 - 2_000);
      assert.equal((await gateway.respond(token)).status, 429, "not before it");
      clock.pass(2_000);
      assert.equal((await gateway.respond(token)).status, 200);
    });
  });

  it("count input and output together, by the hold while it runs and by the bill afterwards", async () => {
    const clock = new HandClock();
    await withLimits({ provider, clock }, async (gateway) => {
      const token = await capped(gateway, { tokensPerMinute: 3_000 });
      const gate = Promise.withResolvers<void>();
      provider.script(() => gated(billed({ input: 100, output: 50 }), gate.promise));
      const seen = provider.requests.length;
      // At most 1,000 of output, and of input at most its bytes and what a template adds: under 1,200.
      const running = gateway.respond(token, thousand);
      await provider.untilRequests(seen + 1);
      const refused = await gateway.respond(token, thousand);
      assert.equal(refused.status, 429);
      assert.match(refused.message, /^This token's limit of 3000 tokens a minute is reached/);
      gate.resolve();
      assert.equal((await running).status, 200);
      // 150 are used: there is room for another 2,200.
      assert.equal((await gateway.respond(token, thousand)).status, 200);
    });
  });

  it("let so many run at once, and the next when one has ended", () =>
    withLimits({ provider }, async (gateway) => {
      const token = await capped(gateway, { maxConcurrency: 2 });
      const gate = Promise.withResolvers<void>();
      provider.script((request) => gated(billed(mostOf(request)), gate.promise));
      const seen = provider.requests.length;
      const running = [gateway.respond(token, thousand), gateway.respond(token, thousand)];
      await provider.untilRequests(seen + 2);
      const refused = await gateway.respond(token, thousand);
      assert.equal(refused.status, 429);
      assert.match(refused.message, /^This token's limit of 2 requests at once is reached/);
      assert.ok(Number(refused.headers.get("retry-after")) >= 1);
      gate.resolve();
      assert.deepEqual(
        (await Promise.all(running)).map(({ status }) => status),
        [200, 200],
      );
      assert.equal((await gateway.respond(token, thousand)).status, 200);
    }));
});

describe("the identity of a token", () => {
  it("is its `jti`: the same token in another spelling shares, whatever else it says differently", () =>
    withLimits({ provider }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      const llm = '{"requests_per_minute":2}';
      const texts = [
        payloadWith(gateway, llm, ',"jti":"one"'),
        payloadWith(gateway, llm, ',"jti":"one","iat":1000000000'),
        ` ${payloadWith(gateway, '{ "requests_per_minute" : 2 }', ',"jti":"\\u006fne"')}`,
      ];
      const statuses: number[] = [];
      for (const text of texts) statuses.push((await gateway.respond(signRaw(gateway.apiKey, text))).status);
      assert.deepEqual(statuses, [200, 200, 429]);
      const other = signRaw(gateway.apiKey, payloadWith(gateway, llm, ',"jti":"two"'));
      assert.equal((await gateway.respond(other)).status, 200);
    }));

  it("without a `jti` is the hash of what is signed, in whatever header it comes; a signature has one spelling", () =>
    withLimits({ provider }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      const token = signRaw(gateway.apiKey, payloadWith(gateway, '{"requests_per_minute":2}'));
      assert.equal((await gateway.respond(token)).status, 200);
      const byKey = await fetch(`${gateway.openaiUrl}/responses`, {
        method: "POST",
        headers: { "x-api-key": token, "content-type": "application/json" },
        body: JSON.stringify(ask()),
      });
      assert.equal(byKey.status, 200);
      await byKey.arrayBuffer();
      assert.equal((await gateway.respond(token)).status, 429);
      // The last character of 32 bytes has two bits that say nothing: another one decodes to the same signature.
      const last = token.at(-1) ?? "";
      const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
      const respelled = token.slice(0, -1) + alphabet[alphabet.indexOf(last) + 1];
      assert.deepEqual(
        Buffer.from(respelled.split(".")[2] ?? "", "base64url"),
        Buffer.from(token.split(".")[2] ?? "", "base64url"),
      );
      assert.equal((await gateway.respond(respelled)).status, 401);
      // Other claims are another token.
      const later = signRaw(gateway.apiKey, payloadWith(gateway, '{"requests_per_minute":2}', ',"iat":1'));
      assert.equal((await gateway.respond(later)).status, 200);
    }));

  it("is its project's own: a `jti` of another project is another token", () =>
    withLimits({ provider }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      const { directory } = gateway.gateway.store;
      const project = await directory.as(systemAuthor).createProject("other");
      const [account] = await directory.listServiceAccounts(project.id);
      const apiKey: ApiKey = { id: newUuid(), projectId: project.id, secret: "x".repeat(40) };
      await directory.as(systemAuthor).createApiKey({
        id: apiKey.id,
        projectId: project.id,
        serviceAccountId: account?.id ?? "",
        name: "k",
        description: "",
        createdAtMs: 1,
        deletedAtMs: null,
        secret: new Secret(apiKey.secret),
      });
      const caps = { maxBudgetNanoUsd: 40_000_000, requestsPerMinute: 1 };
      const ours = await capped(gateway, caps, { jti: "same" });
      const theirs = await capped(gateway, caps, { jti: "same", apiKey });
      assert.equal((await gateway.respond(ours, thousand)).status, 200);
      assert.equal((await gateway.respond(theirs, thousand)).status, 200);
      assert.equal((await gateway.respond(ours, { max_output_tokens: 10 })).status, 429);
      assert.equal((await gateway.respond(ours, thousand)).status, 402, "no minute makes room for this one");
    }));

  it("signed anew with other caps goes on counting, and each token is bound by its own", () =>
    withLimits({ provider }, async (gateway) => {
      const { script, billedNanoUsd } = greedyBooks();
      provider.script(script);
      const jti = randomUUID();
      const large = await capped(gateway, { maxBudgetNanoUsd: 100_000_000 }, { jti });
      const small = await capped(gateway, { maxBudgetNanoUsd: 40_000_000 }, { jti });
      assert.equal((await gateway.respond(large, thousand)).status, 200);
      const refused = await gateway.respond(small, thousand);
      assert.equal(refused.status, 402);
      // $0.04 less the $0.03 and the input of the first.
      assert.match(
        refused.message,
        /^This token's budget of \$0\.04 over its whole life has \$0\.009\d+ left/,
      );
      assert.equal((await gateway.respond(large, thousand)).status, 200);
      const spent = await gateway.respond(small, { max_output_tokens: 1 });
      assert.match(spent.message, /^This token's budget of \$0\.04 over its whole life is spent \(\$0\.06/);
      assert.deepEqual(await spentOf(gateway, jti), { total: billedNanoUsd() });
    }));
});

describe("a cap only narrows", () => {
  it("the project's budgets and limits hold beside it: all or nothing, and the one that refuses is named", () =>
    withLimits({ provider }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      await gateway.limit({
        name: "Team Lab",
        amountNanoUsd: 40_000_000,
        scope: { ...everything, room: "my-room" },
      });
      await gateway.limit({ id: "wide", amountNanoUsd: 10_000_000_000, period: "month" });
      const jti = randomUUID();
      const token = await capped(gateway, { maxBudgetNanoUsd: 10_000_000_000, maxConcurrency: 1 }, { jti });
      const lowered = await gateway.respond(token, { max_output_tokens: 1_500 });
      // 1,500 x $0.00003 are $0.045: lowered to what the room has, which is less than what the token has.
      assert.deepEqual(
        [lowered.status, Number(lowered.headers.get("x-meshagent-max-output-tokens")) <= 1_333],
        [200, true],
      );
      const second = await gateway.respond(token, { max_output_tokens: 1_500 });
      assert.equal(second.status, 402);
      assert.match(second.message, /^The budget "Team Lab" of \$0\.04 in all for room "my-room" /);
      const bookings = [
        ...(await gateway.accounts("b")),
        ...(await gateway.accounts("wide")),
        ...(await gateway.accounts(`token:${gateway.projectId}:${jti}`)),
      ];
      assert.equal(bookings.length, 3);
      const spentNanoUsd = bookings[0]?.spentNanoUsd ?? 0;
      assert.ok(spentNanoUsd > 30_000_000);
      for (const account of bookings)
        assert.deepEqual([account.heldNanoUsd, account.spentNanoUsd], [0, spentNanoUsd], account.key);
    }));

  it("the models stay narrowed, and what is not granted takes nothing", () =>
    withLimits({ provider }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      const token = await capped(gateway, { requestsPerMinute: 1 }, { models: ["openai/gpt-5.5"] });
      assert.equal((await gateway.respond(token, { model: "gpt-5.4" })).status, 404);
      assert.equal((await gateway.respond(token)).status, 200);
      assert.equal((await gateway.respond(token)).status, 429);
    }));

  it("an API key has none", () =>
    withLimits({ provider }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      await gateway.respond(await capped(gateway, { requestsPerMinute: 1 }));
      for (let count = 0; count < 3; count++)
        assert.equal((await gateway.respond(gateway.apiKeyText)).status, 200);
    }));
});

describe("a cap that cannot be read", () => {
  const bad: readonly string[] = [
    '{"max_budget":-1}',
    '{"max_budget":"-1"}',
    '{"max_budget":"ten"}',
    '{"max_budget":"NaN"}',
    '{"max_budget":null}',
    '{"max_budget":1e999}',
    '{"max_budget":"4000000.000000001"}',
    '{"max_budget":"0.0000000001"}',
    '{"max_budget":true}',
    '{"max_budget_per_day":[]}',
    '{"max_budget_per_day":" 1"}',
    '{"requests_per_minute":0}',
    '{"requests_per_minute":"60"}',
    '{"requests_per_minute":1.5}',
    '{"requests_per_minute":null}',
    '{"tokens_per_minute":-5}',
    '{"tokens_per_minute":1e300}',
    '{"tokens_per_minute":1e999}',
    '{"max_concurrency":{}}',
    '{"max_concurrency":9007199254740993}',
    '{"max_concurency":4}',
    "[]",
  ];
  it("is a 401 that names it, never no cap, in each dialect and before an upgrade", () =>
    withLimits({ provider }, async (gateway) => {
      const seen = provider.requests.length;
      for (const llm of bad) {
        const token = signRaw(gateway.apiKey, payloadWith(gateway, llm));
        const openai = await gateway.respond(token);
        assert.deepEqual([openai.status, openai.code], [401, "invalid_api_key"], llm);
        const member = /"(\w+)"/.exec(llm)?.[1] ?? "llm";
        assert.match(openai.message, new RegExp(member), llm);
        const anthropic = await answerOf(await gateway.post("/anthropic/v1/messages", {}, token));
        assert.deepEqual([anthropic.status, anthropic.code], [401, "authentication_error"], llm);
        const socket = await refusalOf(`${gateway.openaiUrl}/responses`, { token });
        assert.equal(socket.status, 401, llm);
      }
      const twice = signRaw(gateway.apiKey, payloadWith(gateway, '{"max_budget":1,"max_budget":1000000}'));
      const refused = await gateway.respond(twice);
      assert.deepEqual([refused.status, refused.message], [401, "The token's payload names a member twice."]);
      assert.equal(provider.requests.length, seen);
    }));
});

describe("who signs", () => {
  it("our command, from a spec that names every cap; the official client reads such a token", () =>
    withLimits({ provider }, async (gateway) => {
      provider.script((request) => billed(mostOf(request)));
      const machine = new Machine();
      try {
        const spec = [
          "version: v1",
          "kind: ParticipantToken",
          "room: my-room",
          "identity: ci-job",
          "api:",
          "  llm:",
          '    models: ["openai/gpt-5.5"]',
          '    max_budget: "0.5"',
          "    max_budget_per_day: 0.04",
          "    requests_per_minute: 3",
          "    tokens_per_minute: 200000",
          "    max_concurrency: 2",
        ].join("\n");
        const signed = await machine.run(["token", "--input", "-", "--key", gateway.apiKeyText], {
          stdin: spec,
        });
        assert.equal(signed.code, 0, signed.stderr);
        const token = signed.stdout.trim();
        const read = await official.ParticipantToken.fromJwt(token, { token: gateway.apiKey.secret });
        assert.equal(read.name, "ci-job");
        const llm = read.getApiGrant()?.llm;
        assert.deepEqual(llm?.models, ["openai/gpt-5.5"]);
        assert.deepEqual(
          [llm?.canUseModel("openai", "gpt-5.5"), llm?.canUseModel("openai", "gpt-5.4")],
          [true, false],
        );
        const told = await machine.run(["token", "inspect", token]);
        for (const words of [
          "at most $0.5 over its whole life",
          "at most $0.04 a day (UTC)",
          "at most 3 requests a minute",
          "at most 200000 tokens a minute",
          "at most 2 at once",
        ])
          assert.ok(told.stdout.includes(words), `${words} in ${told.stdout}`);
        assert.equal((await gateway.respond(token, thousand)).status, 200);
        const refused = await gateway.respond(token, thousand);
        assert.match(refused.message, /^This token's budget of \$0\.04 a day \(UTC\) has/);
        assert.equal((await gateway.respond(token, { max_output_tokens: 10 })).status, 200);
      } finally {
        machine.remove();
      }
    }));

  it("the official client, which knows no caps and gives no `jti`, with them in the grant's JSON", () =>
    withLimits({ provider }, async (gateway) => {
      const { script, billedNanoUsd } = greedyBooks();
      provider.script(script);
      const llm = Object.assign(new official.LLMGrant({ models: ["openai/*"] }), {
        toJSON: () => ({ models: ["openai/*"], max_budget: 0.05, requests_per_minute: 10 }),
      });
      const made = new official.ParticipantToken({ name: "theirs" });
      made.addRoomGrant("my-room");
      made.addApiGrant(new official.ApiScope({ llm }));
      const token = await made.toJwt({ apiKey: gateway.apiKeyText });
      assert.equal((await gateway.respond(token, thousand)).status, 200);
      const refused = await gateway.respond(token, thousand);
      assert.equal(refused.status, 402);
      assert.match(refused.message, /^This token's budget of \$0\.05 over its whole life has/);
      const hash = createHash("sha256")
        .update(token.slice(0, token.lastIndexOf(".")))
        .digest("hex");
      assert.deepEqual(await spentOf(gateway, hash), { total: billedNanoUsd() });
    }));
});

describe("a WebSocket", () => {
  it("is refused before the upgrade under a cap of money, so that clients use plain HTTP", () =>
    withLimits({ provider }, async (gateway) => {
      const token = await capped(gateway, { maxBudgetNanoUsd: 1_000_000_000 });
      const refusal = await refusalOf(`${gateway.openaiUrl}/responses`, { token });
      assert.equal(refusal.status, 426);
      assert.match(refusal.body, /This token's budget of \$1 over its whole life takes no WebSockets/);
      const realtime = await refusalOf(`${gateway.openaiUrl}/realtime?model=gpt-realtime`, { token });
      assert.equal(realtime.status, 402);
      assert.match(realtime.body, /budget_unboundable/);
    }));

  it("counts each response in it against the caps on requests, over every socket of the token", () =>
    withLimits({ provider }, async (gateway) => {
      const token = await capped(gateway, { requestsPerMinute: 2 });
      const [one, two] = [
        await openSocket(`${gateway.openaiUrl}/responses`, { token }),
        await openSocket(`${gateway.openaiUrl}/responses`, { token }),
      ];
      const message = { model: "gpt-5.5", input: "hello" };
      assert.equal((await one.respond(message)).type, "response.completed");
      assert.equal((await two.respond(message)).type, "response.completed");
      const refused = await one.respond(message);
      assert.equal(refused.type, "error");
      const error = refused["error"] as { code: string; message: string };
      assert.equal(error.code, "rate_limit_exceeded");
      assert.match(error.message, /^This token's limit of 2 requests a minute is reached/);
      assert.equal((await gateway.respond(token)).status, 429, "and plain HTTP counts with them");
      await one.close();
      await two.close();
    }));

  it("counts what runs in it against the cap on what runs at once", () =>
    withLimits({ provider }, async (gateway) => {
      const token = await capped(gateway, { maxConcurrency: 1 });
      const caller = await openSocket(`${gateway.openaiUrl}/responses`, { token });
      caller.send({
        type: "response.create",
        model: "gpt-5.5",
        input: "[[simulate: slow 20ms, length 100]]",
        stream_id: "a",
      });
      await caller.untilType("response.created");
      assert.equal((await gateway.respond(token)).status, 429);
      caller.send({ type: "response.create", model: "gpt-5.5", input: "x", stream_id: "b" });
      const refused = await caller.until((each) => each.type === "error");
      assert.equal((refused["error"] as { code: string }).code, "rate_limit_exceeded");
      await caller.untilType("response.completed");
      await until(async () => (await gateway.respond(token)).status === 200);
      await caller.close();
    }));
});

// What the figures above rest on.
it("an answer of 1,000 tokens costs $0.03 and its input", () => {
  const bytes = JSON.stringify(ask(thousand)).length;
  assert.ok(bytes < 94);
  assert.equal(costOf({ input: bytes, output: 1_000 }), bytes * inputPrice + 1_000 * outputPrice);
});
