import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { Machine } from "../test-bed/command.ts";
import type { Outcome, RunOptions } from "../test-bed/command.ts";
import { OWNER_TOKEN, StubGateway } from "../test-bed/stub-gateway.ts";

let machine: Machine;
let gateway: StubGateway;
let apiUrl: string;

before(async () => {
  gateway = new StubGateway();
  apiUrl = await gateway.start();
});
after(() => gateway.stop());
beforeEach((context) => {
  machine = new Machine();
  gateway.calls.length = 0;
  gateway.projects.length = 0;
  gateway.keys.length = 0;
  gateway.rooms.length = 0;
  if ("after" in context) context.after(() => machine.remove());
});

function run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return machine.run(args, {
    ...options,
    env: { MESHAGENT_API_URL: apiUrl, MESHAGENT_TOKEN: OWNER_TOKEN, ...options.env },
  });
}

async function succeed(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await run(args, options);
  assert.equal(outcome.code, 0, outcome.stderr);
  return outcome;
}

test("projects: create prints the id alone, list marks the active one, get and activate", async () => {
  const created = await succeed(["project", "create", "Acme"]);
  const id = created.stdout.trim();
  assert.equal(id, gateway.projects[0]?.id);
  assert.doesNotMatch((await succeed(["project", "list"])).stdout, /\*/);
  await succeed(["project", "activate", id]);
  assert.match((await succeed(["project", "list"])).stdout, new RegExp(`^\\* +${id} +Acme +2026-11-20`, "m"));
  assert.match((await succeed(["project", "get", id])).stdout, /Acme/);
  const list = JSON.parse((await succeed(["project", "list", "--json"])).stdout) as { projects: unknown[] };
  assert.deepEqual(list.projects, gateway.projects);
  const missing = await run(["project", "activate", "no-such"]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /no such project/);
  assert.equal(
    (await succeed(["project", "create", "Other", "--activate", "--json"])).stderr.includes("is active now"),
    true,
  );
});

test("project set changes what is named, and nothing when nothing is", async () => {
  const { id } = gateway.addProject("Acme");
  const set = await succeed(["project", "set", id, "--require-rooms", "yes", "--on-disconnect", "cancel"]);
  assert.match(set.stdout, /^require_rooms +true$/m);
  assert.match(set.stdout, /^on_disconnect +cancel$/m);
  const json = await succeed(["project", "set", id, "--on-disconnect", "default", "--json"]);
  assert.deepEqual(JSON.parse(json.stdout).settings, { require_rooms: true });
  await succeed(["project", "set", id, "--require-rooms", "no"]);
  assert.deepEqual(gateway.projects[0]?.settings, { require_rooms: false });
  await succeed(["project", "set", id, "--share-objects", "yes"]);
  assert.deepEqual(gateway.projects[0]?.settings, { require_rooms: false, share_objects: true });
  await succeed(["project", "set", id, "--share-objects", "default"]);
  assert.deepEqual(
    gateway.callsOf("updateProjectSettings").map((call) => [call["require_rooms"], call["on_disconnect"]]),
    [
      [true, "cancel"],
      [undefined, null],
      [false, undefined],
      [undefined, undefined],
      [undefined, undefined],
    ],
  );
  const nothing = await run(["project", "set", id]);
  assert.equal(nothing.code, 2);
  assert.match(nothing.stderr, /--require-rooms, --on-disconnect, --share-objects/);
  assert.equal((await run(["project", "set", id, "--on-disconnect", "wait"])).code, 2);
  assert.equal((await run(["project", "set", "nope", "--require-rooms", "yes"])).code, 1);
});

test("rooms of the project that the flag, the environment or the profile names", async () => {
  const { id } = gateway.addProject("Acme");
  const room = await succeed(["rooms", "create", "lab", "--project-id", id]);
  assert.equal(room.stdout.trim(), gateway.rooms[0]?.id);
  assert.match((await succeed(["rooms", "list"], { env: { MESHAGENT_PROJECT_ID: id } })).stdout, /^lab +/m);
  await succeed(["project", "activate", id]);
  assert.equal(JSON.parse((await succeed(["rooms", "get", "lab", "--json"])).stdout).name, "lab");
  assert.equal((await succeed(["rooms", "delete", "lab"])).stdout, "");
  assert.deepEqual(gateway.rooms, []);
  assert.equal((await run(["rooms", "get", "lab"])).code, 1);
});

test("a list is all of its pages, as a table and as JSON", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const projects = names.map((name) => gateway.addProject(name));
  const env = { MESHAGENT_PROJECT_ID: projects[0]?.id ?? "" };
  for (const name of names) {
    await succeed(["rooms", "create", name], { env });
    await succeed(["api-key", "create", name], { env });
  }
  for (const [command, member, items] of [
    ["project", "projects", projects],
    ["rooms", "rooms", gateway.rooms],
    ["api-key", "keys", gateway.keys],
  ] as const) {
    const list = JSON.parse((await succeed([command, "list", "--json"], { env })).stdout);
    assert.deepEqual([list[member], list.next_cursor], [items, null], command);
    const table = (await succeed([command, "list"], { env })).stdout.trim().split("\n");
    assert.equal(table.length, 1 + names.length, command);
  }
  // Two in a page: three pages, twice.
  assert.equal(gateway.callsOf("listRooms").length, 6);
});

test("API keys: the key alone and once on stdout; active, printed, exported, deleted", async () => {
  const { id: project } = gateway.addProject("Acme");
  await succeed(["project", "activate", project]);
  const none = await run(["api-key", "get"]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /api-key create NAME --activate/);
  const created = await succeed(["api-key", "create", "ci", "--description", "for CI", "--activate"]);
  const key = created.stdout.trim();
  assert.equal(created.stdout, `${key}\n`);
  assert.doesNotMatch(created.stderr, new RegExp(key));
  assert.equal(gateway.callsOf("createApiKey")[0]?.["description"], "for CI");
  assert.equal((await succeed(["api-key", "get"])).stdout, `${key}\n`);
  assert.equal((await succeed(["api-key", "env"])).stdout, `export MESHAGENT_API_KEY=${key}\n`);
  const { id } = parseApiKey(key);
  const list = await succeed(["api-key", "list"]);
  assert.match(list.stdout, new RegExp(`^\\* +${id} +ci +for CI`, "m"));
  assert.doesNotMatch(list.stdout, new RegExp(parseApiKey(key).secret));
  await succeed(["api-key", "delete", id]);
  assert.equal((await run(["api-key", "get"])).code, 1, "a deleted key is not active any more");
});

test("an API key does what it may without the owner's token, and its project is the one meant", async () => {
  const { id: project } = gateway.addProject("Acme");
  const key = (await succeed(["api-key", "create", "ci", "--project-id", project])).stdout.trim();
  const listed = await succeed(["rooms", "list"], { env: { MESHAGENT_TOKEN: "", MESHAGENT_API_KEY: key } });
  assert.match(listed.stdout, /^NAME/);
  assert.equal(gateway.callsOf("listRooms")[0]?.["project"], project);
});

test("a stored token goes to the gateway it was made for and to no other", async () => {
  await machine.run(["setup", "--api-url", apiUrl, "--token", OWNER_TOKEN]);
  const elsewhere = await machine.run(["project", "list", "--api-url", "http://127.0.0.1:9"]);
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.stderr, /not signed in to the gateway at http:\/\/127\.0\.0\.1:9/);
  assert.equal((await machine.run(["project", "list"])).code, 0);
});

test("provider keys come from the environment or stdin, and are never printed", async () => {
  const { id } = gateway.addProject("Acme");
  const env = { MESHAGENT_PROJECT_ID: id, MY_KEY: "sk-secret-1" };
  const set = await succeed(["provider", "set", "openai", "--api-key-from-env", "MY_KEY"], { env });
  assert.deepEqual(gateway.callsOf("setProvider")[0], {
    route: "setProvider",
    project: id,
    provider: "openai",
    api_key: "sk-secret-1",
  });
  const piped = await succeed(
    ["provider", "set", "anthropic", "--api-key-from-stdin", "--base-url", "default"],
    { env, stdin: "sk-secret-2\n" },
  );
  assert.deepEqual(gateway.callsOf("setProvider")[1], {
    route: "setProvider",
    project: id,
    provider: "anthropic",
    api_key: "sk-secret-2",
    base_url: null,
  });
  assert.match(piped.stderr, /its stored key was dropped/);
  for (const { stdout, stderr } of [set, piped]) assert.doesNotMatch(stdout + stderr, /sk-secret/);
  const asArgument = await run(["provider", "set", "openai", "--api-key-from-env", "sk-secret-3"], { env });
  assert.equal(asArgument.code, 1);
  assert.doesNotMatch(asArgument.stderr, /sk-secret/);
  assert.match(
    (await run(["provider", "set", "openai", "--api-key-from-env", "UNSET"], { env })).stderr,
    /UNSET is not set/,
  );
  assert.equal((await run(["provider", "set", "openai"], { env })).code, 2);
});

test("what passes is chosen by name, none or default", async () => {
  const { id } = gateway.addProject("Acme");
  const env = { MESHAGENT_PROJECT_ID: id };
  const set = (...args: string[]): ReturnType<typeof run> =>
    run(["provider", "set", "openai", ...args], { env });
  for (const [args, body] of [
    [["--rate-limit-headers", "drop"], { rate_limit_headers: "drop" }],
    [["--rate-limit-headers", "default"], { rate_limit_headers: null }],
    [["--accepted-encodings", "gzip, zstd"], { accepted_encodings: ["gzip", "zstd"] }],
    [["--accepted-encodings", "none"], { accepted_encodings: [] }],
    [
      ["--accepted-encodings", "default", "--rate-limit-headers", "pass"],
      { accepted_encodings: null, rate_limit_headers: "pass" },
    ],
  ] as const) {
    assert.equal((await set(...args)).code, 0, args.join(" "));
    assert.deepEqual(gateway.callsOf("setProvider").at(-1), {
      route: "setProvider",
      project: id,
      provider: "openai",
      ...body,
    });
  }
  for (const args of [
    ["--rate-limit-headers", "hide"],
    ["--accepted-encodings", "gzip,compress"],
    ["--accepted-encodings", ""],
  ]) {
    const { code, stderr } = await set(...args);
    assert.equal(code, 2, stderr);
  }
});

test("provider list, test and remove", async () => {
  const { id } = gateway.addProject("Acme");
  const env = { MESHAGENT_PROJECT_ID: id };
  assert.match(
    (await succeed(["provider", "list"], { env })).stdout,
    /^openai +openai +the gateway's environment +https:\/\/openai\.test +pass +gzip$/m,
  );
  assert.equal((await succeed(["provider", "test", "openai"], { env })).stdout, "ok  tried openai\n");
  gateway.refusing.add("anthropic");
  const failed = await run(["provider", "test", "anthropic", "--json"], { env });
  assert.equal(failed.code, 1);
  assert.deepEqual(JSON.parse(failed.stdout), { ok: false, message: "tried anthropic" });
  await succeed(["provider", "remove", "openai"], { env });
  assert.equal(gateway.callsOf("removeProvider").length, 1);
});

test("a wrong token is explained and not repeated", async () => {
  const { code, stderr } = await run(["project", "list"], { env: { MESHAGENT_TOKEN: "wrong-token-text" } });
  assert.equal(code, 1);
  assert.match(stderr, /unknown token\nRun: meshagent setup/);
  assert.doesNotMatch(stderr, /wrong-token-text/);
});

test("the profile of all this is its owner's alone", async () => {
  await machine.run(["setup", "--api-url", apiUrl, "--token", OWNER_TOKEN]);
  const stored = JSON.parse(readFileSync(join(machine.home, ".meshagent", "profile.json"), "utf8")) as {
    admin_token: string;
  };
  assert.equal(stored.admin_token, OWNER_TOKEN);
});
