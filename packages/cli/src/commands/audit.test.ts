import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { AuditEntry } from "@meshagent/llm-proxy-protocol/api";
import { Machine } from "../test-bed/command.ts";
import type { Outcome } from "../test-bed/command.ts";
import { OWNER_TOKEN, StubGateway } from "../test-bed/stub-gateway.ts";
import { version } from "../version.ts";

const machine = new Machine();
const gateway = new StubGateway();
let env: Readonly<Record<string, string>>;
let project: string;

before(async () => {
  project = gateway.addProject("Acme").id;
  env = { MESHAGENT_API_URL: await gateway.start(), MESHAGENT_TOKEN: OWNER_TOKEN };
});
after(() => {
  gateway.stop();
  machine.remove();
});
beforeEach(() => {
  gateway.calls.length = 0;
  gateway.verdict = { ok: true, entries: 4, head: `4:${"a".repeat(64)}`, broken: null };
});

const run = (...args: readonly string[]): Promise<Outcome> => machine.run(["audit", ...args], { env });

async function succeed(...args: readonly string[]): Promise<Outcome> {
  const outcome = await run(...args);
  assert.equal(outcome.code, 0, outcome.stderr);
  return outcome;
}

function entry(seq: number, rest: Partial<AuditEntry> = {}): AuditEntry {
  return {
    seq,
    at: "2026-11-20T08:00:00.000Z",
    project_id: project,
    action: "room.create",
    author: {
      kind: "owner",
      api_key_id: null,
      address: "192.0.2.7",
      user_agent: "meshagent/1",
      request_id: "req_1",
    },
    target: { kind: "room", id: "r1", name: "lab" },
    before: null,
    after: null,
    mac: "a".repeat(64),
    ...rest,
  };
}

test("the table says who, when, from where and what, newest first", async () => {
  const author = { ...entry(1).author, kind: "api_key", api_key_id: "k1" } as const;
  const system = {
    kind: "system",
    api_key_id: null,
    address: null,
    user_agent: null,
    request_id: null,
  } as const;
  gateway.entries = [
    entry(3, { action: "room.disable", before: { disabled: false }, after: { disabled: true } }),
    entry(2, { author, after: { name: "lab", disabled: false } }),
    entry(1, {
      author: system,
      action: "project.update",
      target: { kind: "project", id: project, name: null },
      before: {},
      after: { on_disconnect: "cancel" },
      project_id: null,
    }),
  ];
  const { stdout } = await succeed();
  const cells = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/ {2,}/));
  const at = "2026-11-20T08:00:00.000Z";
  assert.deepEqual(cells, [
    ["NO", "AT", "WHO", "FROM", "ACTION", "TARGET", "CHANGE"],
    ["3", at, "owner", "192.0.2.7", "room.disable", "lab", "disabled: false -> true"],
    ["2", at, "api_key k1", "192.0.2.7", "room.create", "lab", "name: lab, disabled: false"],
    ["1", at, "system", "-", "project.update", project, "on_disconnect: - -> cancel"],
  ]);
  assert.equal(gateway.program, `meshagent/${version()}`, "so that the log can say so");
});

test("--json is one document, and a change that is long is cut in the table alone", async () => {
  gateway.entries = [entry(1, { after: { description: "x".repeat(300) } })];
  const { stdout } = await succeed("--json");
  assert.deepEqual(JSON.parse(stdout), { entries: gateway.entries, next_cursor: null });
  assert.match((await succeed()).stdout, /description: x{87}\.\.\.\n/);
});

test("what an attacker put into an entry moves no cursor", async () => {
  gateway.entries = [entry(1, { target: { kind: "room", id: "r", name: "a\u001b[2Jb\u202ec" } })];
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch((await succeed()).stdout, /[\u001b\u202e]/);
});

test("filters go to the gateway, of the whole gateway unless a project is named", async () => {
  gateway.entries = [entry(1), entry(2, { project_id: null })];
  const flags = ["--since", "2026-11-20", "--until", "2026-11-21", "--action", "room.*", "--author", "owner"];
  await succeed(...flags);
  const filter = {
    since: Date.UTC(2026, 10, 20),
    until: Date.UTC(2026, 10, 21),
    action: "room.*",
    author: "owner",
    limit: 20,
  };
  assert.deepEqual(gateway.calls, [{ route: "listAudit", ...filter }]);
  const { stdout } = await succeed("--project-id", project.toUpperCase(), "--json");
  assert.deepEqual(gateway.calls.at(-1), { route: "listProjectAudit", project, limit: 20 });
  assert.equal((JSON.parse(stdout) as { entries: unknown[] }).entries.length, 1);
  assert.equal((await run("--since", "yesterday")).code, 2);
});

test("--limit takes page after page, and says when there is more", async () => {
  gateway.entries = [5, 4, 3, 2, 1].map((seq) => entry(seq));
  const { stdout, stderr } = await succeed("--limit", "4", "--json");
  const list = JSON.parse(stdout) as { entries: AuditEntry[]; next_cursor: string | null };
  assert.deepEqual(
    list.entries.map(({ seq }) => seq),
    [5, 4, 3, 2],
  );
  assert.equal(list.next_cursor, "4");
  assert.equal(stderr, "");
  assert.match((await succeed("--limit", "4")).stderr, /There are older ones/);
  assert.doesNotMatch((await succeed("--limit", "5")).stderr, /older/);
});

test("verify prints the head alone, to be noted down", async () => {
  const { stdout, stderr } = await succeed("verify");
  assert.equal(stdout, `${gateway.verdict.head}\n`);
  assert.match(stderr, /4 entries, each as it was written/);
  const anchor = `2:${"b".repeat(64)}`;
  await succeed("verify", "--anchor", anchor);
  assert.deepEqual(gateway.calls.at(-1), { route: "verifyAudit", anchor });
  assert.deepEqual(JSON.parse((await succeed("verify", "--json")).stdout), gateway.verdict);
});

test("verify fails on a log that is not as it was written, and says which entry", async () => {
  gateway.verdict = {
    ok: false,
    entries: 2,
    head: `2:${"a".repeat(64)}`,
    broken: { seq: 3, reason: "changed", message: "Entry 3 is not the one." },
  };
  const said = await run("verify");
  assert.deepEqual([said.code, said.stdout], [1, ""]);
  assert.match(said.stderr, /Entry 3 is not the one\./);
  const json = await run("verify", "--json");
  assert.deepEqual([json.code, JSON.parse(json.stdout), json.stderr], [1, gateway.verdict, ""]);
});

test("without the owner's token it says what it takes", async () => {
  const wrong = await machine.run(["audit"], { env: { ...env, MESHAGENT_TOKEN: "mo-wrong" } });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /meshagent setup/);
  assert.equal((await run("verfy")).code, 2);
});
