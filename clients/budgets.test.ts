/**
 * Codex, Claude Code and opencode under budgets and rates: what a person reads when the money is spent, that a session
 * under a hard budget lacks nothing and is accounted for to the nano-dollar, and that the clients wait where waiting
 * helps.
 */

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { BookEntry } from "../test/bed/provider-books.ts";
import { runClaude } from "./bed/claude.ts";
import type { ClientOutput } from "./bed/client-process.ts";
import { runCodex } from "./bed/codex.ts";
import { budgetState, runOther, setBudget, setUsedUpRate } from "./bed/limits.ts";
import { hasOpencode, runOpencode } from "./bed/opencode.ts";
import { literal } from "./bed/refusals.ts";
import { assertNoStackTrace, openScene, refusedIds, type Scene } from "./bed/scene.ts";

interface Client {
  readonly name: string;
  run(scene: Scene, token: string, prompt: string): Promise<ClientOutput>;
  /** Goes on with the last session. */
  goOn(scene: Scene, token: string, prompt: string): Promise<ClientOutput>;
  /** Its main model. */
  readonly model: string;
  /** The most that a token of its main model's output can cost: the tier, speed and region that it could reach. */
  readonly mostPerOutputToken: number;
  readonly mostPerInputToken: number;
  /** The line of a refusal, from its beginning to its end; `message` is a regular expression. */
  refusal(message: string): RegExp;
  readonly exitCode: number;
  /** How often it asks when the money is spent. */
  readonly requestsWhenSpent: number;
  /** What one prompt takes. */
  readonly requests: number;
  /** More than its turn can cost with its whole output limit, less than that and $1.20. */
  readonly budgetForOne: number;
  /** When a minute's requests were made: the client has started before the minute is over. */
  readonly rateAgoMs: number;
}

const codex: Client = {
  name: "Codex",
  run: (scene, token, prompt) => runCodex(scene, { token, isSearchOff: true, args: [prompt] }),
  goOn: (scene, token, prompt) =>
    runCodex(scene, { token, isSearchOff: true, args: ["resume", "--last", prompt] }),
  model: "gpt-5.5",
  // $5 and $30 a million; it names no tier, so the account's may be priority: 2.5 times that.
  mostPerInputToken: 12_500,
  mostPerOutputToken: 75_000,
  refusal: (message) =>
    new RegExp(
      `^ERROR: unexpected status 402 Payment Required: ${message}, url: \\S+, request id: ex_\\w+$`,
      "m",
    ),
  exitCode: 1,
  requestsWhenSpent: 6,
  requests: 1,
  // 128,000 x 75,000 = $9.60, and $0.49 for at most 39,000 tokens of input.
  budgetForOne: 10_500_000_000,
  rateAgoMs: 54_000,
};

const claude: Client = {
  name: "Claude Code",
  run: (scene, token, prompt) =>
    runClaude(scene, { token, args: [prompt, "--allowedTools", "Bash(echo:*)"] }),
  goOn: (scene, token, prompt) => runClaude(scene, { token, args: ["--continue", prompt] }),
  model: "claude-opus-5-5",
  // $5 for a cache write and $20 a million, and a tenth more for a region.
  mostPerInputToken: 5_500,
  mostPerOutputToken: 22_000,
  refusal: (message) => new RegExp(`^API Error: 402 ${message}$`, "m"),
  exitCode: 1,
  requestsWhenSpent: 1,
  requests: 1,
  // 128,000 x 22,000 = $2.82, and $0.30 of input.
  budgetForOne: 3_500_000_000,
  rateAgoMs: 54_000,
};

const opencode: Client = {
  name: "opencode",
  run: (scene, token, prompt) => runOpencode(scene, { token, model: "openai/gpt-5.5", args: [prompt] }),
  goOn: (scene, token, prompt) =>
    runOpencode(scene, { token, model: "openai/gpt-5.5", args: ["--continue", prompt] }),
  model: "gpt-5.5",
  mostPerInputToken: 12_500,
  mostPerOutputToken: 75_000,
  refusal: (message) => new RegExp(`^Error: ${message}$`, "m"),
  exitCode: 1,
  requestsWhenSpent: 2,
  // Its title, by a small model, and the turn.
  requests: 2,
  // It sets no limit for this model: 128,000 x 75,000 = $9.60, and $0.39 of input.
  budgetForOne: 10_500_000_000,
  rateAgoMs: 52_000,
};

/** Nano-dollars a token: input, what was read from the cache, what was written to it (5 minutes), output. */
const listPrices: Readonly<Record<string, readonly [number, number, number, number]>> = {
  "gpt-5.5": [5_000, 500, 0, 30_000],
  "gpt-5.4-nano": [200, 20, 0, 1_250],
  "claude-opus-5-5": [4_000, 200, 5_000, 20_000],
};

/** What the provider's own books come to. */
function billNanoUsd(books: readonly BookEntry[]): number {
  let sum = 0;
  for (const { bill } of books) {
    assert.ok(bill !== null);
    const name = Object.keys(listPrices).find((model) => bill.model.startsWith(model));
    const [input, read, write, output] = listPrices[name ?? ""] ?? assert.fail(bill.model);
    const usage = bill.usage as Readonly<Record<string, number>> & {
      readonly input_tokens_details?: { readonly cached_tokens: number };
    };
    const of = (member: string): number => usage[member] ?? 0;
    const cached = usage.input_tokens_details?.cached_tokens ?? 0;
    sum +=
      (of("input_tokens") - cached) * input +
      (cached + of("cache_read_input_tokens")) * read +
      of("cache_creation_input_tokens") * write +
      of("output_tokens") * output;
  }
  return sum;
}

/** Without colours. */
function plain(screen: string): string {
  // oxlint-disable-next-line no-control-regex -- the escapes are what is looked for
  return screen.replace(/\u001b\[[\d;]*m/g, "");
}

/** The turn was billed once; whatever else the client asked was answered or refused. opencode leaves without a title. */
function assertTurnCameThrough({ tap, provider }: Scene, { model }: Client, refused: number): void {
  const asked = provider.requests.filter(({ body }) => !body.includes("somebody else"));
  assert.equal(tap.requests.length, asked.length + refused);
  const turns = asked.filter(
    ({ body }) => (JSON.parse(body.toString()) as { model: string }).model === model,
  );
  assert.equal(turns.length, 1);
}

function skipped(client: Client, context: TestContext): boolean {
  if (client !== opencode || hasOpencode) return false;
  context.skip("opencode is pinned for Linux on x64 alone");
  return true;
}

/** `$0.0001`: the figures in these tests need no more. */
function usd(nanoUsd: number): string {
  return `$${String((nanoUsd / 1e9).toFixed(9)).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}

/** A request that costs something, before there is a budget. */
async function spendSome({ gateway }: Scene): Promise<number> {
  const response = await fetch(`${gateway.openaiUrl}/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${await gateway.token()}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-5.5", input: "hello" }),
  });
  await response.arrayBuffer();
  const [row] = await gateway.untilExchanges((rows) => rows.every(({ result }) => result !== null));
  return row?.result?.costNanoUsd ?? assert.fail("It cost nothing.");
}

function firstOfNextMonth(): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)).toISOString().slice(0, 10);
}

for (const client of [codex, claude, opencode]) {
  // Several opencode at once take half a minute each to start on a small machine.
  describe(`${client.name} under a limit`, { concurrency: client !== opencode }, () => {
    it("that is spent: one message with the budget, its amount and its reset", async (context) => {
      if (skipped(client, context)) return;
      await using scene = await openScene();
      const spent = await spendSome(scene);
      await setBudget(scene, 100_000);
      const output = await client.run(scene, await scene.gateway.token(), "say hi");
      assert.equal(output.exitCode, client.exitCode, output.screen);
      assertNoStackTrace(output);
      const message =
        literal(
          `The budget of $0.0001 a month for room "my-room" is spent (${usd(spent)}). ` +
            `It begins anew at ${firstOfNextMonth()}T00:00Z`,
        ) + "(?: \\(in \\d+ days\\))?; until then ask its owner to raise it\\.";
      assert.match(plain(output.screen), client.refusal(message));
      assert.equal(scene.tap.requests.length, client.requestsWhenSpent);
      assert.equal(refusedIds(scene, "budget_exceeded").length, client.requestsWhenSpent);
      assert.equal(scene.provider.requests.length, 1, "only what was spent before");
      assert.equal((await budgetState(scene)).spentNanoUsd, spent);
    });

    it("a hard budget: a whole session, exact to the nano-dollar, held by the provider's own counts", async (context) => {
      if (skipped(client, context)) return;
      await using scene = await openScene();
      const { gateway, provider, tap } = scene;
      await setBudget(scene, 4_000_000_000);
      const held: Promise<number>[] = [];
      provider.script(() => {
        held.push(budgetState(scene).then(({ heldNanoUsd }) => heldNanoUsd));
        return null;
      });
      const token = await gateway.token();
      const first = await client.run(scene, token, "run: echo hello");
      assert.equal(first.exitCode, 0, first.screen);
      assert.match(plain(first.stdout), /The tool answered: "/);
      const second = await client.goOn(scene, token, "say it again");
      assert.equal(second.exitCode, 0, second.screen);
      assert.match(second.stdout, /You wrote: .*say it again/);

      const rows = await gateway.untilExchanges((all) => all.every(({ result }) => result !== null));
      assert.equal(rows.length, provider.requests.length);
      for (const { result } of rows)
        assert.deepEqual([result?.outcome, result?.usageSource], ["ok", "exact"]);
      const bill = billNanoUsd(provider.books);
      assert.equal(
        rows.reduce((sum, { result }) => sum + (result?.costNanoUsd ?? 0), 0),
        bill,
      );
      assert.deepEqual(
        { ...(await budgetState(scene)), key: "" },
        {
          ...(await budgetState(scene)),
          key: "",
          spentNanoUsd: bill,
          heldNanoUsd: 0,
          freeNanoUsd: 4_000_000_000 - bill,
        },
      );

      const turns = await Promise.all(
        provider.requests.map(async ({ body }, at) => {
          const asked = JSON.parse(body.toString()) as {
            readonly model: string;
            readonly max_tokens?: number;
            readonly max_output_tokens?: number;
          };
          const limit = asked.max_tokens ?? asked.max_output_tokens ?? 0;
          const inputNanoUsd = ((await held[at]) ?? 0) - limit * client.mostPerOutputToken;
          return { model: asked.model, limit, bytes: body.byteLength, inputNanoUsd };
        }),
      );
      const mine = turns.filter(({ model }) => model === client.model);
      assert.equal(mine.length, 3);
      const [cold, ...warm] = mine;
      assert.ok(cold !== undefined);
      for (const { limit } of mine)
        assert.ok(tap.wasSent(`x-meshagent-max-output-tokens: ${limit}\r\n`), String(limit));
      // The first is held by its bytes, each for a token; the others by what the provider counted before them.
      assert.ok(cold.inputNanoUsd >= cold.bytes * client.mostPerInputToken, JSON.stringify(turns));
      for (const { inputNanoUsd } of warm)
        assert.ok(inputNanoUsd < cold.inputNanoUsd * 0.4, JSON.stringify(turns));
    });

    it("money that another request holds: it asks again and gets through", async (context) => {
      if (skipped(client, context)) return;
      await using scene = await openScene({ holdWaitMs: 50 });
      await setBudget(scene, client.budgetForOne, "hard-no-edit");
      const other = await runOther(scene);
      const running = client.run(scene, await scene.gateway.token(), "say hi");
      await Promise.race([scene.tap.untilSent("retry-after: 2\r\n"), running]);
      other.letGo();
      const output = await running;
      assert.equal(output.exitCode, 0, output.screen);
      assert.match(output.stdout, /You wrote: .*say hi/);
      assert.equal(await other.status, 200);
      assert.ok(scene.tap.wasSent("but running requests hold what is left of it"));
      const refused = refusedIds(scene, "budget_held").length;
      assert.ok(refused >= 1);
      assertTurnCameThrough(scene, client, refused);
    });

    it("a rate: it waits as long as it is told and gets through", async (context) => {
      if (skipped(client, context)) return;
      await using scene = await openScene();
      await setUsedUpRate(scene, { requestsPerMinute: client.requests, agoMs: client.rateAgoMs });
      const output = await client.run(scene, await scene.gateway.token(), "say hi");
      assert.equal(output.exitCode, 0, output.screen);
      assert.match(output.stdout, /You wrote: .*say hi/);
      const refused = refusedIds(scene, "rate_limit_exceeded").length;
      assert.ok(refused >= 1, "It was too early at first.");
      assertTurnCameThrough(scene, client, refused);
    });
  });
}

describe("Codex as it is set up by default", () => {
  it("brings a search that nothing bounds: the refusal says how to leave it out", async () => {
    await using scene = await openScene();
    await setBudget(scene, 100_000_000_000);
    const output = await runCodex(scene, { token: await scene.gateway.token(), args: ["say hi"] });
    assert.equal(output.exitCode, 1);
    const message = literal(
      'The hard budget of $100 a month for room "my-room" takes only requests whose cost has a bound, which a request ' +
        "with the hosted tool `web_search` and no `max_tool_calls` has not. Codex sends no search with " +
        "`web_search = 'disabled'` at the top of its config.toml. Leave that out, bound it, or ask the budget's owner " +
        "for a soft one.",
    );
    assert.match(output.screen, codex.refusal(message));
    assert.equal(refusedIds(scene, "budget_unboundable").length, 6);
    assert.deepEqual(scene.provider.requests, []);
  });
});
