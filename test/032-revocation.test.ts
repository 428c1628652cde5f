/**
 * Revocation on the whole path: a token works, is revoked, and gets 401 at its next request, cached or not, in a
 * running socket, and after a restart; what was not revoked works on.
 */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { newUuid } from "@meshagent/llm-proxy-gateway/ids";
import { createClient } from "@meshagent/llm-proxy-protocol/client";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { parseToken, signParticipantToken } from "@meshagent/llm-proxy-protocol/token";
import type * as OfficialPackage from "@meshagent/meshagent";
import { Machine } from "../packages/cli/src/test-bed/command.ts";
import { openSocket } from "./bed/socket-caller.ts";
import { startTestGateway, type TestGateway } from "./bed/test-gateway.ts";

// Its ESM build cannot be loaded.
const official = createRequire(import.meta.url)("@meshagent/meshagent") as typeof OfficialPackage;

let gateway: TestGateway;
let owner: Client;
let project: string;
let machine: Machine;
before(async () => {
  gateway = await startTestGateway();
  owner = createClient({ baseUrl: gateway.url, token: gateway.ownerToken });
  project = gateway.projectId;
  machine = new Machine();
});
after(async () => {
  machine.remove();
  await gateway.close();
});

interface Told {
  readonly status: number;
  readonly code: string | null;
  readonly message: string;
  readonly shouldRetry: string | null;
}

async function ask(token: string, at: TestGateway = gateway): Promise<Told> {
  const response = await fetch(`${at.openaiUrl}/models`, { headers: { authorization: `Bearer ${token}` } });
  const { error } = (await response.json()) as { error?: { code: string; message: string } };
  return {
    status: response.status,
    code: error?.code ?? null,
    message: error?.message ?? "",
    shouldRetry: response.headers.get("x-should-retry"),
  };
}

async function assertWorks(token: string, at: TestGateway = gateway): Promise<void> {
  const told = await ask(token, at);
  assert.equal(told.status, 200, told.message);
}

async function assertRevoked(token: string, message: RegExp, at: TestGateway = gateway): Promise<void> {
  const told = await ask(token, at);
  assert.deepEqual([told.status, told.code, told.shouldRetry], [401, "token_revoked", "false"]);
  assert.match(told.message, message);
}

/** Issued at this time, in whole seconds; the second of a revocation is revoked whole. */
function tokenIssuedAt(iat: number, room: string, identity = "bob"): Promise<string> {
  const spec = { room, identity, role: "agent", llm: { models: null } } as const;
  return signParticipantToken(spec, { apiKey: gateway.apiKey, iat, jti: newUuid() });
}

const nowS = (): number => Math.floor(Date.now() / 1000);

/** Without `iat` and `jti`. */
async function officialToken(room: string, name: string): Promise<string> {
  const made = new official.ParticipantToken({ name });
  made.addRoomGrant(room);
  made.addRoleGrant("user");
  made.addApiGrant(new official.ApiScope({ llm: new official.LLMGrant() }));
  const text = await made.toJwt({ apiKey: gateway.apiKeyText });
  assert.deepEqual([parseToken(text).claims.iat, parseToken(text).claims.jti], [null, null]);
  return text;
}

function meshagent(...args: readonly string[]): ReturnType<Machine["run"]> {
  return machine.run(args, {
    env: {
      MESHAGENT_API_URL: gateway.url,
      MESHAGENT_TOKEN: gateway.ownerToken,
      MESHAGENT_PROJECT_ID: project,
    },
  });
}

describe("one token", () => {
  it("works, is revoked by the command, and is refused at its next request; its neighbour works on", async () => {
    const token = await tokenIssuedAt(nowS(), "one");
    const neighbour = await tokenIssuedAt(nowS(), "one");
    await assertWorks(token);
    await assertWorks(neighbour);
    const { code, stdout, stderr } = await meshagent("token", "revoke", token, "--json");
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { token_id: string }).token_id, await parseToken(token).identity());
    await assertRevoked(token, /^This token was revoked at /);
    await assertRevoked(token, /^This token was revoked at /);
    await assertWorks(neighbour);
  });

  it("is refused also when it was never used before", async () => {
    const token = await tokenIssuedAt(nowS(), "one");
    await owner.createRevocation({ project, token_id: await parseToken(token).identity() });
    await assertRevoked(token, /was revoked/);
  });

  it("without a jti is known by its signed part, from stdin too", async () => {
    const token = await officialToken("one", "official");
    await assertWorks(token);
    const { code, stderr } = await machine.run(["token", "revoke", "-"], {
      stdin: `${token}\n`,
      env: { MESHAGENT_API_URL: gateway.url, MESHAGENT_TOKEN: gateway.ownerToken },
    });
    assert.equal(code, 0, stderr);
    assert.ok(!stderr.includes(token));
    await assertRevoked(token, /was revoked/);
  });

  it("that is none, or of another project than said, is refused by the command", async () => {
    assert.equal((await meshagent("token", "revoke", "a.b.c")).code, 1);
    const token = await tokenIssuedAt(nowS(), "one");
    assert.match((await meshagent("token", "revoke", token, "--project-id", newUuid())).stderr, /belongs to/);
    assert.equal((await meshagent("token", "revoke")).code, 2);
    assert.equal((await meshagent("token", "revoke", "--room", "one")).code, 2);
    assert.equal((await meshagent("token", "revoke", token, "--room", "one")).code, 2);
    await assertWorks(token);
  });
});

describe("a participant's tokens", () => {
  it("issued so far end in that room alone; what is minted after the command works", async () => {
    const [old, unknown, elsewhere, other] = await Promise.all([
      tokenIssuedAt(nowS() - 60, "many"),
      officialToken("many", "bob"),
      tokenIssuedAt(nowS() - 60, "another"),
      tokenIssuedAt(nowS() - 60, "many", "eve"),
    ]);
    for (const token of [old, unknown, elsewhere, other]) await assertWorks(token);
    const { code, stderr } = await meshagent("token", "revoke", "--participant", "bob", "--room", "many");
    assert.equal(code, 0, stderr);
    // At once: the command has waited for the second to pass.
    const fresh = await tokenIssuedAt(nowS(), "many");
    await assertWorks(fresh);
    await assertRevoked(old, /bob.*many.*issued before/);
    await assertRevoked(unknown, /bob.*many.*issued before/);
    await assertWorks(elsewhere);
    await assertWorks(other);
  });
});

describe("a room", () => {
  it("that is disabled refuses its tokens in so many words, stays listed, and works once enabled", async () => {
    const token = await tokenIssuedAt(nowS(), "lab");
    await assertWorks(token);
    assert.equal((await meshagent("rooms", "disable", "lab")).code, 0);
    await assertRevoked(token, /room.*lab.*is disabled/);
    const never = await tokenIssuedAt(nowS(), "lab", "newcomer");
    await assertRevoked(never, /is disabled/);
    const { rooms } = await owner.listRooms({ project });
    const since = rooms.find(({ name }) => name === "lab")?.disabled_at ?? null;
    assert.notEqual(since, null);
    assert.match((await meshagent("rooms", "list")).stdout, /lab .*disabled since/);
    // A second time changes nothing, not even the time; nor does a use of the room by name.
    assert.equal((await owner.updateRoom({ project, room: "lab", disabled: true })).disabled_at, since);
    const again = await owner.createRoom({ project, name: "lab", if_not_exists: true });
    assert.equal(again.disabled_at, since);
    assert.equal((await meshagent("rooms", "enable", "lab")).code, 0);
    await assertWorks(token);
    await assertWorks(never);
  });
});

describe("a running socket", () => {
  const endings: readonly [what: string, end: (token: string) => Promise<unknown>][] = [
    [
      "its token is revoked",
      async (token) => owner.createRevocation({ project, token_id: await parseToken(token).identity() }),
    ],
    [
      "its participant's tokens are",
      () => owner.createRevocation({ project, participant: "socketeer-2", room: "sockets" }),
    ],
    ["its room is disabled", () => owner.updateRoom({ project, room: "sockets", disabled: true })],
  ];
  for (const [index, [what, end]] of endings.entries()) {
    it(`is closed with a reason when ${what}`, async () => {
      const token = await tokenIssuedAt(nowS(), "sockets", `socketeer-${index + 1}`);
      const socket = await openSocket(`${gateway.openaiUrl}/responses`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await end(token);
      const { code, reason } = await socket.ended;
      assert.equal(code, 1008);
      assert.match(reason, /revoked|disabled/);
    });
  }
});

describe("after a restart", () => {
  it("what was revoked stays so, and the rest works", async () => {
    const first = await startTestGateway();
    const spec = { room: "r", identity: "bob", role: "agent", llm: { models: null } } as const;
    const mint = (jti: string, iat: number): Promise<string> =>
      signParticipantToken(spec, { apiKey: first.apiKey, iat, jti });
    const one = await mint("j1", nowS() + 60);
    const old = await mint("j2", nowS());
    const kept = await mint("j3", nowS() + 60);
    const client = createClient({ baseUrl: first.url, token: first.ownerToken });
    await client.createRevocation({ project: first.projectId, token_id: "j1" });
    await client.createRevocation({ project: first.projectId, participant: "bob", room: "r" });
    await first.stop();
    const second = await startTestGateway({ dataDir: first.dataDir, masterKey: first.masterKey });
    try {
      await assertRevoked(one, /was revoked/, second);
      await assertRevoked(old, /issued before/, second);
      await assertWorks(kept, second);
    } finally {
      await second.close();
    }
  });
});
