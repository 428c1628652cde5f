import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, request as sendRequest } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";
import { encodeApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { signParticipantToken } from "@meshagent/llm-proxy-protocol/token";
import type { TokenSpec } from "@meshagent/llm-proxy-protocol/token-spec";
import { type ErrorCode, GatewayError } from "../errors.ts";
import type { Authenticated, Matched, Principal } from "../exchange.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { RevocableToken, Revocation } from "../store/revocation.ts";
import type { ApiKeyWithSecret, Directory, DirectoryChange, Project, Room } from "../store/store.ts";
import {
  authenticate,
  type AuthenticateDeps,
  createAuthenticateDeps,
  findPrincipal,
} from "./authenticate.ts";
import type { DistinctHeaders } from "./header-text.ts";

const PROJECT_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2-hunt";
const KEY = { id: "11111111-2222-4333-8444-555555555555", projectId: PROJECT_ID, secret: SECRET };
const NOW_MS = Date.UTC(2026, 0, 1);
const NOW_S = NOW_MS / 1000;
const SPEC: TokenSpec = { room: "my-room", identity: "cli-agent", role: "agent", llm: { models: null } };

/** Keeps what authentication reads, in memory, and counts the reads. */
class MemoryDirectory {
  readonly keys = new Map<string, ApiKeyWithSecret>();
  readonly rooms = new Map<string, Room>();
  readonly listeners = new Set<(change: DirectoryChange) => void>();
  readonly revoked: ((token: RevocableToken) => Revocation | null)[] = [];
  settings: Project["settings"] = {};
  keyReads = 0;
  roomCreations = 0;
  /** Runs after a key was read and before the reader has it. */
  afterKeyRead: () => Promise<void> = async () => {};

  addKey(key: { id: string; projectId: string; secret: string }, name = "ci"): void {
    this.keys.set(key.id, {
      ...key,
      secret: new Secret(key.secret),
      serviceAccountId: randomUUID(),
      name,
      description: "",
      createdAtMs: 0,
      deletedAtMs: null,
    });
  }

  async findApiKey(id: string): Promise<ApiKeyWithSecret | null> {
    this.keyReads++;
    const key = this.keys.get(id) ?? null;
    await this.afterKeyRead();
    return key;
  }

  async deleteApiKey(projectId: string, id: string): Promise<boolean> {
    const key = this.keys.get(id);
    if (key === undefined) return false;
    this.keys.set(id, { ...key, deletedAtMs: NOW_MS });
    this.#tell({ kind: "api_key", projectId, id });
    return true;
  }

  async findProject(id: string): Promise<Project> {
    return { id, name: "Main", settings: this.settings, createdAtMs: 0 };
  }

  async findRoom(projectId: string, name: string): Promise<Room | null> {
    return this.rooms.get(`${projectId}/${name}`) ?? null;
  }

  async registerRoom(projectId: string, name: string): Promise<Room> {
    return (await this.findRoom(projectId, name)) ?? this.createRoom(projectId, name);
  }

  async createRoom(projectId: string, name: string): Promise<Room> {
    this.roomCreations++;
    const id = this.rooms.get(`${projectId}/${name}`)?.id ?? randomUUID();
    const room = {
      id,
      projectId,
      name,
      createdAtMs: 0,
      deletedAtMs: null,
      disabledAtMs: null,
      metadata: {},
      annotations: {},
    };
    this.rooms.set(`${projectId}/${name}`, room);
    this.#tell({ kind: "room", projectId, id: name });
    return room;
  }

  async disableRoom(projectId: string, name: string, disabledAtMs: number | null): Promise<void> {
    const room = await this.createRoom(projectId, name);
    this.rooms.set(`${projectId}/${name}`, { ...room, disabledAtMs });
    this.#tell({ kind: "room", projectId, id: name });
  }

  revoke(change: DirectoryChange, revocation: Revocation, holds: (token: RevocableToken) => boolean): void {
    this.revoked.push((token) => (holds(token) ? revocation : null));
    this.#tell(change);
  }

  async findRevocation(token: RevocableToken): Promise<Revocation | null> {
    return this.revoked.map((find) => find(token)).find((found) => found !== null) ?? null;
  }

  async deleteRoom(projectId: string, name: string): Promise<boolean> {
    const room = this.rooms.get(`${projectId}/${name}`);
    if (room === undefined) return false;
    this.rooms.set(`${projectId}/${name}`, { ...room, deletedAtMs: NOW_MS });
    this.#tell({ kind: "room", projectId, id: name });
    return true;
  }

  onChange(listener: (change: DirectoryChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  #tell(change: DirectoryChange): void {
    for (const listener of this.listeners) listener(change);
  }
}

interface Setup {
  readonly directory: MemoryDirectory;
  readonly deps: AuthenticateDeps;
  readonly clock: { nowMs: number; now(): number };
}

function setUp(maxCachedCredentials = 100): Setup {
  const directory = new MemoryDirectory();
  directory.addKey(KEY);
  const clock = {
    nowMs: NOW_MS,
    now(): number {
      return this.nowMs;
    },
  };
  // Authentication reads no more of a directory than the class above has.
  const deps = createAuthenticateDeps({
    directory: directory as unknown as Directory,
    clock,
    maxCachedCredentials,
  });
  return { directory, deps, clock };
}

function mint(
  change: Partial<TokenSpec> = {},
  options: { exp?: number; jti?: string } = {},
): Promise<string> {
  return signParticipantToken({ ...SPEC, ...change }, { apiKey: KEY, iat: NOW_S, jti: "j1", ...options });
}

function signPayload(
  payload: object,
  secret = SECRET,
  header: object = { alg: "HS256", typ: "JWT" },
): string {
  const signedPart = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${signedPart}.${createHmac("sha256", secret).update(signedPart).digest("base64url")}`;
}

const bearer = (text: string): DistinctHeaders => ({ authorization: [`Bearer ${text}`] });

async function refusal(deps: AuthenticateDeps, headers: DistinctHeaders): Promise<GatewayError> {
  try {
    await findPrincipal(deps, headers);
  } catch (error) {
    assert(error instanceof GatewayError, String(error));
    return error;
  }
  assert.fail("not refused");
}

// ---------------------------------------------------------------- tokens

test("the project's choice for callers that leave is the principal's; what is no choice is none", async () => {
  for (const [settings, expected] of [
    [{}, null],
    [{ on_disconnect: "cancel" }, "cancel"],
    [{ on_disconnect: "drain" }, "drain"],
    [{ on_disconnect: "later" }, null],
  ] as const) {
    const { directory, deps } = setUp();
    directory.settings = settings;
    assert.equal((await findPrincipal(deps, bearer(await mint()))).onDisconnect, expected);
    assert.equal((await findPrincipal(deps, bearer(encodeApiKey(KEY)))).onDisconnect, expected);
  }
});

test("a participant token becomes its principal, in either header", async () => {
  const { deps } = setUp();
  const text = await mint({ llm: { models: ["openai/*"] } }, { exp: NOW_S + 60 });
  const expected: Principal = {
    projectId: PROJECT_ID,
    apiKeyId: KEY.id,
    room: "my-room",
    participant: "cli-agent",
    role: "agent",
    grants: { room: "my-room", role: "agent", llm: { models: ["openai/*"] } },
    tokenId: "j1",
    expiresAtMs: NOW_MS + 60_000,
    onDisconnect: null,
  };
  assert.deepEqual(await findPrincipal(deps, bearer(text)), expected);
  assert.deepEqual(await findPrincipal(deps, { "x-api-key": [text] }), expected);
  assert.deepEqual(
    await findPrincipal(deps, { authorization: [`bearer  ${text}`], "x-api-key": [text] }),
    expected,
  );
});

test("a token of the official package is let in, without jti known by the hash of its signed part", async () => {
  const { ParticipantToken, ApiScope, LLMGrant } = createRequire(import.meta.url)("@meshagent/meshagent");
  const { deps } = setUp();
  const made = new ParticipantToken({ name: "codex" });
  made.addRoomGrant("my-room");
  made.addRoleGrant("user");
  made.addApiGrant(new ApiScope({ llm: new LLMGrant() }));
  const principal = await findPrincipal(deps, bearer(await made.toJwt({ apiKey: encodeApiKey(KEY) })));
  assert.equal(principal.participant, "codex");
  assert.equal(principal.role, "user");
  assert.deepEqual(principal.grants.llm, { models: null });
  assert.match(principal.tokenId ?? "", /^[0-9a-f]{64}$/);
});

test("Meshagent-Room and Meshagent-Participant mean nothing beside a token", async () => {
  const { deps } = setUp();
  const headers = { ...bearer(await mint()), "meshagent-room": ["other"], "meshagent-participant": ["boss"] };
  const principal = await findPrincipal(deps, headers);
  assert.deepEqual([principal.room, principal.participant], ["my-room", "cli-agent"]);
});

// ---------------------------------------------------------------- API keys

test("an API key acts as itself, with every model", async () => {
  const { deps } = setUp();
  assert.deepEqual(await findPrincipal(deps, bearer(encodeApiKey(KEY))), {
    projectId: PROJECT_ID,
    apiKeyId: KEY.id,
    room: "ci",
    participant: "ci",
    role: "",
    grants: { room: "ci", role: "", llm: { models: null } },
    tokenId: null,
    expiresAtMs: null,
    onDisconnect: null,
  });
});

test("an API key acts as whom its headers name, each request by itself", async () => {
  const { deps } = setUp();
  const named = async (room?: string, participant?: string): Promise<[string, string]> => {
    const principal = await findPrincipal(deps, {
      "x-api-key": [encodeApiKey(KEY)],
      ...(room === undefined ? {} : { "meshagent-room": [Buffer.from(room).toString("latin1")] }),
      ...(participant === undefined ? {} : { "meshagent-participant": [participant] }),
    });
    assert.equal(principal.grants.room, principal.room);
    return [principal.room, principal.participant];
  };
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await named("a", "b"), ["a", "b"]);
    assert.deepEqual(await named("b", "a"), ["b", "a"]);
    assert.deepEqual(await named("ab"), ["ab", "ci"]);
    assert.deepEqual(await named(undefined, "ab"), ["ci", "ab"]);
    assert.deepEqual(await named("Büro 部屋"), ["Büro 部屋", "ci"]);
    assert.deepEqual(await named("", ""), ["ci", "ci"]);
  }
});

test("a key whose name is no name acts under its id", async () => {
  const { deps, directory } = setUp();
  directory.addKey(KEY, "");
  assert.equal((await findPrincipal(deps, bearer(encodeApiKey(KEY)))).participant, KEY.id);
});

// ---------------------------------------------------------------- two headers

test("of two credentials the one that is ours counts", async () => {
  const { deps } = setUp();
  const text = await mint();
  const login = signPayload({ iss: "https://login.example", sub: "user", aud: "x" }, "other", {
    alg: "RS256",
  });
  for (const other of ["sk-proj-hunter2", "anything", login, "a.b.c", text]) {
    assert.equal(
      (await findPrincipal(deps, { authorization: [`Bearer ${text}`], "x-api-key": [other] })).room,
      "my-room",
    );
    assert.equal(
      (await findPrincipal(deps, { authorization: [`Bearer ${other}`], "x-api-key": [text] })).room,
      "my-room",
    );
    const key = encodeApiKey(KEY);
    if (other === text) continue;
    assert.equal(
      (await findPrincipal(deps, { authorization: [`Bearer ${key}`], "x-api-key": [other] })).room,
      "ci",
    );
  }
  for (const empty of ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"]) {
    assert.equal(
      (await findPrincipal(deps, { authorization: [empty], "x-api-key": [text] })).room,
      "my-room",
    );
  }
});

// ---------------------------------------------------------------- the table of refusals

const payload = {
  name: "cli-agent",
  grants: [{ name: "room", scope: "my-room" }],
  kid: KEY.id,
  sub: PROJECT_ID,
};
const other = { ...KEY, id: "99999999-2222-4333-8444-555555555555" };
const api = encodeApiKey(KEY);

interface Refusal {
  readonly name: string;
  readonly headers: (setup: Setup) => DistinctHeaders | Promise<DistinctHeaders>;
  readonly code: ErrorCode;
  readonly message: RegExp;
}
const refusals: Refusal[] = [
  {
    name: "no credential",
    headers: () => ({}),
    code: "missing_credential",
    message: /has no credential.*meshagent token/,
  },
  {
    name: "an empty bearer",
    headers: () => bearer(""),
    code: "missing_credential",
    message: /has no credential/,
  },
  {
    name: "an empty x-api-key",
    headers: () => ({ "x-api-key": [""] }),
    code: "missing_credential",
    message: /has no credential/,
  },
  {
    name: "basic authentication",
    headers: () => ({ authorization: ["Basic aHVudGVyMjpodW50ZXIy"] }),
    code: "missing_credential",
    message: /no `Bearer` in it/,
  },
  {
    name: "a provider's key",
    headers: () => bearer("sk-proj-hunter2.hunter2"),
    code: "invalid_credential",
    message: /a provider's API key.*the gateway takes none/,
  },
  {
    name: "a provider's key in x-api-key",
    headers: () => ({ "x-api-key": ["sk-ant-hunter2"] }),
    code: "invalid_credential",
    message: /a provider's API key/,
  },
  {
    name: "any text",
    headers: () => bearer("hunter2"),
    code: "invalid_credential",
    message: /neither a participant token/,
  },
  {
    name: "two keys of others",
    headers: () => ({ authorization: ["Bearer sk-a"], "x-api-key": ["sk-b"] }),
    code: "invalid_credential",
    message: /a provider's API key/,
  },
  {
    name: "two different tokens of ours",
    headers: async () => ({
      authorization: [`Bearer ${await mint()}`],
      "x-api-key": [await mint({}, { jti: "j2" })],
    }),
    code: "invalid_credential",
    message: /two different MeshAgent credentials/,
  },
  {
    name: "a token and an API key",
    headers: async () => ({ authorization: [`Bearer ${await mint()}`], "x-api-key": [api] }),
    code: "invalid_credential",
    message: /two different MeshAgent credentials/,
  },
  {
    name: "two Authorization lines with different tokens",
    headers: async () => ({
      authorization: [`Bearer ${await mint()}`, `Bearer ${await mint({}, { jti: "j2" })}`],
    }),
    code: "invalid_credential",
    message: /two different MeshAgent credentials/,
  },
  {
    name: "a token cut short",
    headers: async () => bearer((await mint()).slice(0, -5)),
    code: "invalid_credential",
    message: /copied whole/,
  },
  {
    name: "two parts",
    headers: () => bearer("a.b"),
    code: "invalid_credential",
    message: /three parts.*has 2/,
  },
  {
    name: "an encrypted token",
    headers: () => bearer("a.b.c.d.e"),
    code: "invalid_credential",
    message: /encrypted token/,
  },
  {
    name: "algorithm none",
    headers: () => bearer(signPayload(payload, SECRET, { alg: "none" })),
    code: "invalid_credential",
    message: /algorithm is "none"/,
  },
  {
    name: "a token without room",
    headers: () => bearer(signPayload({ ...payload, grants: [] })),
    code: "invalid_credential",
    message: /no `room` grant/,
  },
  {
    name: "a token without kid",
    headers: () => bearer(signPayload({ ...payload, kid: undefined })),
    code: "invalid_credential",
    message: /no API key \(`kid`\)/,
  },
  {
    name: "another secret",
    headers: () => bearer(signPayload(payload, "another")),
    code: "invalid_credential",
    message: /signature does not match the API key 11111111/,
  },
  {
    name: "an unknown API key",
    headers: () => bearer(signPayload({ ...payload, kid: other.id })),
    code: "invalid_credential",
    message: /does not know the API key 99999999/,
  },
  {
    name: "another project",
    headers: () => bearer(signPayload({ ...payload, sub: randomUUID() })),
    code: "invalid_credential",
    message: /names another project/,
  },
  {
    name: "an expired token",
    headers: () => bearer(signPayload({ ...payload, exp: NOW_S })),
    code: "token_expired",
    message: /expired at 2026-01-01T00:00:00\.000Z; mint a new one with `meshagent token`/,
  },
  {
    name: "an expired token with a bad signature, which is not confirmed",
    headers: () => bearer(signPayload({ ...payload, exp: NOW_S }, "another")),
    code: "invalid_credential",
    message: /signature does not match/,
  },
  {
    name: "a token of tomorrow",
    headers: () => bearer(signPayload({ ...payload, nbf: NOW_S + 86_400 })),
    code: "invalid_credential",
    message: /not valid before 2026-01-02/,
  },
  {
    name: "a token of a deleted key",
    headers: async ({ directory }) => {
      await directory.deleteApiKey(PROJECT_ID, KEY.id);
      return bearer(await mint());
    },
    code: "token_revoked",
    message: /API key 11111111-.* was deleted at 2026-01-01T00:00:00\.000Z/,
  },
  {
    name: "a deleted key itself",
    headers: async ({ directory }) => {
      await directory.deleteApiKey(PROJECT_ID, KEY.id);
      return bearer(api);
    },
    code: "token_revoked",
    message: /API key 11111111-.* was deleted/,
  },
  {
    name: "a token of a deleted room",
    headers: async ({ directory }) => {
      await directory.createRoom(PROJECT_ID, "my-room");
      await directory.deleteRoom(PROJECT_ID, "my-room");
      return bearer(await mint());
    },
    code: "token_revoked",
    message: /The room "my-room" was deleted.*meshagent rooms create/,
  },
  {
    name: "a token of a room that nobody created, where the project wants that",
    headers: async ({ directory }) => {
      directory.settings = { require_rooms: true };
      return bearer(await mint());
    },
    code: "invalid_credential",
    message: /has no room "my-room"/,
  },
  {
    name: "half an API key",
    headers: () => bearer("ma-hunter2"),
    code: "invalid_credential",
    message: /lacks a part/,
  },
  {
    name: "an unknown API key as credential",
    headers: () => bearer(encodeApiKey(other)),
    code: "invalid_credential",
    message: /does not know the API key 99999999/,
  },
  {
    name: "an API key with another secret",
    headers: () => bearer(encodeApiKey({ ...KEY, secret: "hunter2" })),
    code: "invalid_credential",
    message: /API key 11111111-.* the rest of this text is not its own/,
  },
  {
    name: "an API key with another project",
    headers: () => bearer(encodeApiKey({ ...KEY, projectId: other.id })),
    code: "invalid_credential",
    message: /the rest of this text is not its own/,
  },
  {
    name: "an API key with an impossible room",
    headers: () => ({ ...bearer(api), "meshagent-room": ["a\u0007b"] }),
    code: "invalid_credential",
    message: /header Meshagent-Room cannot be used: it has a control character/,
  },
  {
    name: "an API key with two participants",
    headers: () => ({ ...bearer(api), "meshagent-participant": ["a", "b"] }),
    code: "invalid_credential",
    message: /header Meshagent-Participant cannot be used: it is given twice/,
  },
];
for (const { name, headers, code, message } of refusals) {
  test(`refuses ${name}, says so, repeats no secret and remembers nothing`, async () => {
    const setup = setUp();
    const sent = await headers(setup);
    const error = await refusal(setup.deps, sent);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    const printed = inspect(error, { depth: 9, showHidden: true });
    assert.doesNotMatch(printed, /hunter2/);
    for (const value of Object.values(sent).flat()) {
      const text = value?.replace(/^\w+ +/, "") ?? "";
      if (text.length > 8) assert(!printed.includes(text), text);
    }
    assert.equal(setup.deps.credentials.size, 0);
  });
}

test("every refusal of the table has a message of its own", () => {
  const messages = new Set(refusals.map(({ message }) => message.source));
  assert.ok(messages.size >= 24, String(messages.size));
});

// ---------------------------------------------------------------- the cache

/** A first request registers the room, and a change keeps what was verified meanwhile out of the cache. */
async function warmUp(deps: AuthenticateDeps, headers: DistinctHeaders): Promise<void> {
  await findPrincipal(deps, headers);
  await findPrincipal(deps, headers);
}

test("a verified token is not looked up again, and its text is not kept", async () => {
  const { deps, directory } = setUp();
  const text = await mint();
  await warmUp(deps, bearer(text));
  const reads = directory.keyReads;
  for (let round = 0; round < 50; round++) await findPrincipal(deps, bearer(text));
  assert.equal(directory.keyReads, reads);
  assert(!inspect(deps.credentials, { depth: 9, showHidden: true }).includes(text));
  assert.doesNotMatch(inspect(deps, { depth: 9 }), /hunter2/);
});

test("exp is checked at every hit, to the millisecond", async () => {
  const { deps, clock } = setUp();
  const headers = bearer(await mint({}, { exp: NOW_S + 60 }));
  await warmUp(deps, headers);
  clock.nowMs = NOW_MS + 59_999;
  await findPrincipal(deps, headers);
  assert.equal(deps.credentials.size, 1);
  clock.nowMs = NOW_MS + 60_000;
  assert.equal((await refusal(deps, headers)).code, "token_expired");
  assert.equal(deps.credentials.size, 0);
  assert.equal((await refusal(deps, headers)).code, "token_expired");
});

test("deleting a key ends its cached tokens before the deletion resolves", async () => {
  const { deps, directory } = setUp();
  const headers = bearer(await mint());
  await warmUp(deps, headers);
  await directory.deleteApiKey(PROJECT_ID, KEY.id);
  assert.equal((await refusal(deps, headers)).code, "token_revoked");
});

test("a verification that a deletion overtakes is not cached", async () => {
  const { deps, directory } = setUp();
  await directory.createRoom(PROJECT_ID, "my-room");
  const headers = bearer(await mint());
  directory.afterKeyRead = async () => {
    directory.afterKeyRead = async () => {};
    await directory.deleteApiKey(PROJECT_ID, KEY.id);
  };
  await findPrincipal(deps, headers);
  assert.equal(deps.credentials.size, 0);
  assert.equal((await refusal(deps, headers)).code, "token_revoked");
});

test("a room's tokens end with it and work again once it is created anew", async () => {
  const { deps, directory } = setUp();
  const headers = bearer(await mint());
  const elsewhere = bearer(await mint({ room: "other-room" }, { jti: "j2" }));
  await warmUp(deps, headers);
  await warmUp(deps, elsewhere);
  await directory.deleteRoom(PROJECT_ID, "my-room");
  assert.equal((await refusal(deps, headers)).code, "token_revoked");
  assert.equal((await refusal(deps, headers)).code, "token_revoked");
  assert.equal((await findPrincipal(deps, elsewhere)).room, "other-room");
  await directory.createRoom(PROJECT_ID, "my-room");
  assert.equal((await findPrincipal(deps, headers)).room, "my-room");
});

test("a revoked token is refused at its next use, and its neighbour works", async () => {
  const { deps, directory } = setUp();
  const headers = bearer(await mint());
  const neighbour = bearer(await mint({}, { jti: "j2" }));
  await warmUp(deps, headers);
  await warmUp(deps, neighbour);
  const asked: RevocableToken[] = [];
  directory.revoke(
    { kind: "token", projectId: PROJECT_ID, id: "j1" },
    { kind: "token", tokenId: "j1", id: "v1", projectId: PROJECT_ID, createdAtMs: NOW_MS },
    (token) => asked.push(token) > 0 && token.tokenId === "j1",
  );
  for (let round = 0; round < 2; round++) {
    const error = await refusal(deps, headers);
    assert.deepEqual([error.code, error.isRetryable], ["token_revoked", false]);
    assert.match(error.message, /^This token was revoked at 2026-01-01T00:00:00\.000Z.*meshagent token/);
  }
  assert.deepEqual(asked[0], {
    projectId: PROJECT_ID,
    tokenId: "j1",
    room: "my-room",
    participant: "cli-agent",
    issuedAtMs: NOW_MS,
  });
  assert.equal((await findPrincipal(deps, neighbour)).tokenId, "j2");
});

test("revoked tokens of a participant are told when they had to be issued; without iat there is no time", async () => {
  const { deps, directory } = setUp();
  const times: (number | null)[] = [];
  directory.revoke(
    { kind: "participant", projectId: PROJECT_ID, id: "cli-agent" },
    {
      kind: "participant",
      room: "my-room",
      participant: "cli-agent",
      issuedBeforeMs: NOW_MS + 1000,
      id: "v1",
      projectId: PROJECT_ID,
      createdAtMs: NOW_MS,
    },
    ({ issuedAtMs }) => times.push(issuedAtMs) > 0,
  );
  const error = await refusal(deps, bearer(signPayload(payload)));
  assert.match(error.message, /cli-agent.*my-room.*issued before 2026-01-01T00:00:01\.000Z/);
  assert.deepEqual(times, [null]);
});

test("a disabled room's tokens and keys are refused until it is enabled", async () => {
  const { deps, directory } = setUp();
  const token = bearer(await mint());
  const key = { ...bearer(encodeApiKey(KEY)), "meshagent-room": ["my-room"] };
  await warmUp(deps, token);
  await warmUp(deps, key);
  await directory.disableRoom(PROJECT_ID, "my-room", NOW_MS);
  for (const headers of [token, key]) {
    const error = await refusal(deps, headers);
    assert.equal(error.code, "token_revoked");
    assert.match(error.message, /is disabled/);
  }
  await directory.disableRoom(PROJECT_ID, "my-room", null);
  for (const headers of [token, key]) assert.equal((await findPrincipal(deps, headers)).room, "my-room");
});

test("fifty first requests of a room at once register it once", async () => {
  const { deps, directory } = setUp();
  const tokens = await Promise.all(Array.from({ length: 50 }, (_, index) => mint({ identity: `a${index}` })));
  const principals = await Promise.all(tokens.map((text) => findPrincipal(deps, bearer(text))));
  assert.equal(directory.roomCreations, 1);
  assert.deepEqual(new Set(principals.map(({ room }) => room)), new Set(["my-room"]));
});

test("a token that is refused registers no room", async () => {
  const { deps, directory } = setUp();
  await refusal(deps, bearer(signPayload(payload, "another")));
  await refusal(deps, bearer(signPayload({ ...payload, exp: 1 })));
  assert.equal(directory.roomCreations, 0);
});

test("the cache holds its bound under many tokens, and nothing under bad ones", async () => {
  const { deps, directory } = setUp(5);
  await directory.createRoom(PROJECT_ID, "my-room");
  for (let index = 0; index < 20; index++) {
    await findPrincipal(deps, bearer(await mint({}, { jti: `j${index}` })));
    await refusal(deps, bearer(signPayload({ ...payload, jti: `bad${index}` }, "another")));
  }
  assert.equal(deps.credentials.size, 5);
});

test("a store that fails is not taken for a bad credential", async () => {
  const { deps, directory } = setUp();
  directory.afterKeyRead = async () => {
    throw new Error("database is locked");
  };
  await assert.rejects(findPrincipal(deps, bearer(await mint())), (error) => {
    assert(!(error instanceof GatewayError));
    assert.match(String(error), /database is locked/);
    return true;
  });
});

test("closed, it follows the directory no more", () => {
  const { deps, directory } = setUp();
  assert.equal(directory.listeners.size, 1);
  deps.close();
  assert.equal(directory.listeners.size, 0);
});

// ---------------------------------------------------------------- over a socket

test("over HTTP: the stage grows by principal and session, and repeated lines are all seen", async (context) => {
  const { deps } = setUp();
  const results: (Authenticated | GatewayError)[] = [];
  const server = createServer((request, response) => {
    // The step reads nothing of `Matched` but the request's headers, and hands the rest on.
    const matched = {
      call: { request, response, exchangeId: "ex_1" },
      endpointPath: "/responses",
    } as unknown as Matched;
    authenticate(deps, matched)
      .then(
        (stage) => results.push(stage),
        (error: GatewayError) => results.push(error),
      )
      .finally(() => response.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const send = async (
    headers: Record<string, string | string[]>,
  ): Promise<Authenticated | GatewayError | undefined> => {
    const request = sendRequest({ port, host: "127.0.0.1", method: "GET", headers, agent: false });
    request.end();
    const [response] = await once(request, "response");
    response.resume();
    await once(response, "end");
    return results.at(-1);
  };

  const text = await mint();
  const stage = await send({
    Authorization: `Bearer ${text}`,
    "X-Api-Key": "sk-ant-hunter2",
    "Session-Id": "s1",
    "User-Agent": "codex_exec/0.169.0 (Debian)",
  });
  assert(stage !== undefined && !(stage instanceof GatewayError));
  assert.equal(stage.principal.participant, "cli-agent");
  assert.deepEqual([stage.sessionId, stage.agentId, stage.client], ["s1", null, "codex_exec/0.169.0"]);
  assert.equal(stage.endpointPath, "/responses");
  assert.equal(stage.call.exchangeId, "ex_1");

  // `request.headers` would keep the first line alone.
  const second = await mint({}, { jti: "j2" });
  const refused = await send({ Authorization: [`Bearer ${text}`, `Bearer ${second}`] });
  assert(refused instanceof GatewayError);
  assert.match(refused.message, /two different MeshAgent credentials/);
});
