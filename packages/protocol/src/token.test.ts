import assert from "node:assert/strict";
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createRequire } from "node:module";
import { test } from "node:test";
import { inspect } from "node:util";
import { type ApiKey, encodeApiKey } from "./api-key.ts";
import {
  checkTokenTimes,
  MAX_TOKEN_LENGTH,
  parseToken,
  type SignOptions,
  signParticipantToken,
} from "./token.ts";
import { TokenError, type TokenErrorCode } from "./token-error.ts";
import type { TokenSpec } from "./token-spec.ts";

interface OfficialToken {
  readonly name: string;
  readonly projectId: string;
  readonly apiKeyId: string;
  readonly version: string;
  readonly role: string;
  addRoomGrant(room: string): void;
  addRoleGrant(role: string): void;
  addApiGrant(scope: unknown): void;
  addTunnelGrant(ports: number[]): void;
  grantScope(name: string): unknown;
  getApiGrant(): { readonly llm?: OfficialLlmGrant } | undefined;
  toJwt(options: { apiKey: string; expiration?: Date }): Promise<string>;
}
interface OfficialLlmGrant {
  readonly models?: string[];
  canUseModel(provider: string, model: string): boolean;
}
const official = createRequire(import.meta.url)("@meshagent/meshagent") as {
  ParticipantToken: {
    new (options: { name: string; extra?: object }): OfficialToken;
    fromJwt(text: string, options: { token: string }): Promise<OfficialToken>;
  };
  ApiScope: {
    new (options: object): unknown;
    full(): unknown;
    agentDefault(): unknown;
    userDefault(): unknown;
  };
  LLMGrant: new (options?: { models: string[] }) => OfficialLlmGrant;
};

const SECRET = "s3cr3t-with-dash-of-forty-three-characters0";
const KEY: ApiKey = {
  id: "11111111-2222-4333-8444-555555555555",
  projectId: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
  secret: SECRET,
};
const SPEC: TokenSpec = { room: "my-room", identity: "cli-agent", role: "agent", llm: { models: null } };
const IAT = 1_763_942_400; // 2025-11-24T00:00:00Z
const OPTIONS: SignOptions = { apiKey: KEY, iat: IAT, jti: "0d5c" };

const PAYLOAD = {
  name: "cli-agent",
  grants: [
    { name: "room", scope: "my-room" },
    { name: "api", scope: { llm: {} } },
  ],
  kid: KEY.id,
  sub: KEY.projectId,
};
const HEADER = { alg: "HS256", typ: "JWT" };

function base64url(text: string | Buffer): string {
  return Buffer.from(text).toString("base64url");
}

/** A token of these texts, signed with SHA-256 under the secret whatever the header says. */
function signTexts(header: string, payload: string, hash = "sha256"): string {
  const signedPart = `${base64url(header)}.${base64url(payload)}`;
  return `${signedPart}.${createHmac(hash, SECRET).update(signedPart).digest("base64url")}`;
}

function signWith(header: object, payload: object = PAYLOAD): string {
  return signTexts(JSON.stringify(header), JSON.stringify(payload));
}

function refuses(text: string, code: TokenErrorCode, message: RegExp): void {
  assert.throws(
    () => parseToken(text),
    (error) => {
      assert(error instanceof TokenError);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert(text === "" || !String(error.stack).includes(text));
      assert(!inspect(error).includes(SECRET));
      assert.equal(error.cause, undefined);
      return true;
    },
  );
}

// ---------------------------------------------------------------- signing

test("a signed token has this header, these claims and this HMAC, byte for byte", async () => {
  const text = await signParticipantToken(SPEC, OPTIONS);
  const [header, payload, signature] = text.split(".");
  assert.equal(Buffer.from(header ?? "", "base64url").toString(), '{"alg":"HS256","typ":"JWT"}');
  assert.equal(
    Buffer.from(payload ?? "", "base64url").toString(),
    '{"name":"cli-agent","grants":[{"name":"room","scope":"my-room"},{"name":"role","scope":"agent"},' +
      '{"name":"api","scope":{"llm":{}}}],"version":"0.36.3","kid":"11111111-2222-4333-8444-555555555555",' +
      '"sub":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee","iat":1763942400,"jti":"0d5c"}',
  );
  assert.equal(signature, createHmac("sha256", SECRET).update(`${header}.${payload}`).digest("base64url"));
});

test("what was signed is what is parsed", async () => {
  for (const llm of [null, { models: null }, { models: [] }, { models: ["openai/gpt-5.5", "anthropic/*"] }]) {
    for (const role of ["agent", "user", "tool"] as const) {
      const spec = { room: "Büro 部屋", identity: "🚀", role, llm };
      const token = parseToken(await signParticipantToken(spec, { ...OPTIONS, exp: IAT + 60 }));
      await token.verifySignature(SECRET);
      assert.deepEqual(token.claims, {
        participant: "🚀",
        projectId: KEY.projectId,
        apiKeyId: KEY.id,
        grants: { room: "Büro 部屋", role, llm },
        version: "0.36.3",
        exp: IAT + 60,
        nbf: null,
        iat: IAT,
        jti: "0d5c",
      });
    }
  }
});

test("caps are signed as texts and counts, and the official package reads such a token", async () => {
  const caps = {
    maxBudgetNanoUsd: 10_000_000_000,
    maxBudgetPerDayNanoUsd: 750_000_000,
    requestsPerMinute: 60,
    tokensPerMinute: null,
    maxConcurrency: 4,
  };
  const spec = { ...SPEC, llm: { models: ["openai/*"], caps } };
  const text = await signParticipantToken(spec, OPTIONS);
  const payload = JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString()) as {
    grants: unknown[];
  };
  assert.deepEqual(payload.grants[2], {
    name: "api",
    scope: {
      llm: {
        models: ["openai/*"],
        max_budget: "10",
        max_budget_per_day: "0.75",
        requests_per_minute: 60,
        max_concurrency: 4,
      },
    },
  });
  assert.deepEqual(parseToken(text).claims.grants.llm, spec.llm);
  const read = await official.ParticipantToken.fromJwt(text, { token: SECRET });
  assert.equal(read.grantScope("room"), "my-room");
  assert.deepEqual(read.getApiGrant()?.llm?.models, ["openai/*"]);
  assert.equal(read.getApiGrant()?.llm?.canUseModel("openai", "gpt-5.4"), true);
  assert.equal(read.getApiGrant()?.llm?.canUseModel("anthropic", "claude"), false);
});

test("a token that would be born expired is not signed", async () => {
  await assert.rejects(signParticipantToken(SPEC, { ...OPTIONS, exp: IAT }), TokenError);
});

// ---------------------------------------------------------------- the official package

test("tokens of the official package are accepted, for every shape of grants", async () => {
  const { ParticipantToken, ApiScope, LLMGrant } = official;
  const scopes: [unknown, readonly string[] | null | "none"][] = [
    [new ApiScope({ llm: new LLMGrant() }), null],
    [
      new ApiScope({ llm: new LLMGrant({ models: ["openai/gpt-5.4", "anthropic/*"] }) }),
      ["openai/gpt-5.4", "anthropic/*"],
    ],
    [new ApiScope({ llm: new LLMGrant({ models: [] }) }), []],
    [new ApiScope({}), "none"],
    [ApiScope.full(), null],
    [ApiScope.agentDefault(), null],
    [ApiScope.userDefault(), "none"],
  ];
  for (const [scope, models] of scopes) {
    const made = new ParticipantToken({ name: "codex", extra: { team: "blue", nested: { a: [1] } } });
    made.addRoomGrant("my-room");
    made.addRoleGrant("agent");
    made.addApiGrant(scope);
    made.addTunnelGrant([80, 443]);
    const text = await made.toJwt({ apiKey: encodeApiKey(KEY), expiration: new Date((IAT + 60) * 1000) });
    const token = parseToken(text);
    await token.verifySignature(SECRET);
    assert.deepEqual(token.claims, {
      participant: "codex",
      projectId: KEY.projectId,
      apiKeyId: KEY.id,
      grants: { room: "my-room", role: "agent", llm: models === "none" ? null : { models } },
      version: "0.36.3",
      exp: IAT + 60,
      nbf: null,
      iat: null,
      jti: null,
    });
  }
});

test("our tokens are read by the official package", async () => {
  for (const models of [null, ["openai/gpt-5.4", "anthropic/*"], []]) {
    const text = await signParticipantToken({ ...SPEC, role: "tool", llm: { models } }, OPTIONS);
    const read = await official.ParticipantToken.fromJwt(text, { token: SECRET });
    assert.equal(read.name, "cli-agent");
    assert.equal(read.apiKeyId, KEY.id);
    assert.equal(read.projectId, KEY.projectId);
    assert.equal(read.role, "tool");
    assert.equal(read.grantScope("room"), "my-room");
    const llm = read.getApiGrant()?.llm;
    assert.deepEqual(llm?.models, models ?? undefined);
    assert.equal(llm?.canUseModel("openai", "gpt-5.4"), models === null || models.length > 0);
  }
  const without = await signParticipantToken({ ...SPEC, llm: null }, OPTIONS);
  const read = await official.ParticipantToken.fromJwt(without, { token: SECRET });
  assert.notEqual(read.getApiGrant(), undefined);
  assert.equal(read.getApiGrant()?.llm, undefined);
  await assert.rejects(official.ParticipantToken.fromJwt(without, { token: "other" }));
});

// ---------------------------------------------------------------- form

test("takes a token of the least that is needed, and a kid in the header that agrees", () => {
  assert.equal(parseToken(signWith({ alg: "HS256" })).claims.participant, "cli-agent");
  assert.equal(parseToken(signWith({ ...HEADER, typ: "jwt", kid: KEY.id })).claims.apiKeyId, KEY.id);
  const upper = { ...PAYLOAD, kid: KEY.id.toUpperCase(), sub: KEY.projectId.toUpperCase() };
  const { claims } = parseToken(signWith({ ...HEADER, kid: KEY.id }, upper));
  assert.deepEqual([claims.apiKeyId, claims.projectId], [KEY.id, KEY.projectId]);
});

for (const alg of [
  "none",
  "None",
  "HS384",
  "HS512",
  "hs256",
  "Hs256",
  "HS256 ",
  "RS256",
  "ES256",
  "EdDSA",
  "dir",
  "",
]) {
  test(`refuses algorithm ${JSON.stringify(alg)}`, () => {
    refuses(
      signWith({ alg, typ: "JWT" }),
      "unsupported",
      /algorithm is ".*"; a participant token is signed with HS256/,
    );
  });
}

test("refuses algorithms that are no text, and none at all", () => {
  for (const alg of [undefined, null, ["HS256"], { toString: "HS256" }, 256]) {
    refuses(signWith({ alg, typ: "JWT" }), "unsupported", /algorithm is none/);
  }
});

test("refuses an unsigned token, with and without its last dot", () => {
  const text = signWith({ alg: "none" });
  const unsigned = text.slice(0, text.lastIndexOf(".") + 1);
  refuses(unsigned, "unsupported", /algorithm is "none"/);
  refuses(unsigned.slice(0, -1), "malformed", /has 2\./);
  const stripped = signWith(HEADER);
  refuses(stripped.slice(0, stripped.lastIndexOf(".") + 1), "malformed", /signature has 0 bytes/);
});

test("refuses HS384 and RS256 signatures, under their own names and under that of HS256", async () => {
  refuses(signTexts('{"alg":"HS384"}', JSON.stringify(PAYLOAD), "sha384"), "unsupported", /"HS384"/);
  refuses(signTexts('{"alg":"HS256"}', JSON.stringify(PAYLOAD), "sha384"), "malformed", /has 48 bytes/);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  for (const alg of ["RS256", "HS256"]) {
    const signedPart = `${base64url(JSON.stringify({ alg }))}.${base64url(JSON.stringify(PAYLOAD))}`;
    const text = `${signedPart}.${sign("sha256", Buffer.from(signedPart), privateKey).toString("base64url")}`;
    refuses(text, alg === "RS256" ? "unsupported" : "malformed", /"RS256"|has 256 bytes/);
  }
});

const headers: [string, object, TokenErrorCode, RegExp][] = [
  ["crit", { ...HEADER, crit: ["exp"] }, "unsupported", /member "crit"/],
  ["an empty crit", { ...HEADER, crit: [] }, "unsupported", /member "crit"/],
  ["b64", { ...HEADER, b64: false }, "unsupported", /member "b64"/],
  ["a key of its own", { ...HEADER, jwk: { kty: "oct", k: "AA" } }, "unsupported", /member "jwk"/],
  ["a key's address", { ...HEADER, jku: "http://127.0.0.1/" }, "unsupported", /member "jku"/],
  ["a nested token", { ...HEADER, cty: "JWT" }, "unsupported", /member "cty"/],
  ["compression", { ...HEADER, zip: "DEF" }, "unsupported", /member "zip"/],
  ["another typ", { ...HEADER, typ: "at+jwt" }, "unsupported", /`typ` is not `JWT`/],
  ["a typ that is no text", { ...HEADER, typ: null }, "unsupported", /`typ` is not `JWT`/],
  ["another kid", { ...HEADER, kid: randomUUID() }, "malformed", /different API keys/],
  [
    "a kid that is no UUID",
    { ...HEADER, kid: "../../etc" },
    "malformed",
    /header names an API key \(`kid`\) that is no UUID/,
  ],
  ["a list", ["HS256"], "malformed", /header is no JSON object/],
];
for (const [name, header, code, message] of headers) {
  test(`refuses a header with ${name}`, () => refuses(signWith(header), code, message));
}

const ABSENT = undefined;
const payloads: [string, object, TokenErrorCode, RegExp][] = [
  ["no kid", { kid: ABSENT }, "malformed", /names no API key/],
  ["no sub", { sub: ABSENT }, "malformed", /names no project/],
  ["a kid that is no UUID", { kid: "1' OR '1'='1" }, "malformed", /API key \(`kid`\) is no UUID/],
  ["a kid that is a number", { kid: 7 }, "malformed", /API key \(`kid`\) is no UUID/],
  ["a sub of null", { sub: null }, "malformed", /project \(`sub`\) is no UUID/],
  ["no name", { name: ABSENT }, "malformed", /`name` is missing/],
  ["an empty name", { name: "" }, "malformed", /`name` is empty/],
  ["a name that is an object", { name: {} }, "malformed", /`name` is not a string/],
  ["a line end in the name", { name: "a\nb" }, "malformed", /control character/],
  ["no grants", { grants: ABSENT }, "malformed", /no list of `grants`/],
  ["no room", { grants: [] }, "malformed", /no `room` grant/],
  ["two rooms", { grants: [PAYLOAD.grants[0], PAYLOAD.grants[0]] }, "malformed", /two grants named "room"/],
  [
    "models that are no list",
    { grants: [PAYLOAD.grants[0], { name: "api", scope: { llm: { models: "*" } } }] },
    "malformed",
    /no list/,
  ],
  ["exp as a text", { exp: "1763942400" }, "malformed", /`exp` is no time/],
  ["exp of null", { exp: null }, "malformed", /`exp` is no time/],
  ["exp beyond time", { exp: 1e20 }, "malformed", /`exp` is no time/],
  ["nbf of true", { nbf: true }, "malformed", /`nbf` is no time/],
  ["iat as a list", { iat: [1] }, "malformed", /`iat` is no time/],
  ["an empty jti", { jti: "" }, "malformed", /`jti` is empty/],
  ["a jti that is a number", { jti: 1 }, "malformed", /`jti` is not a string/],
  ["a long jti", { jti: "x".repeat(201) }, "malformed", /`jti` is longer/],
  ["a version that is a number", { version: 1 }, "malformed", /`version` is not a string/],
  ["an audience", { aud: "another-service" }, "unsupported", /another audience/],
];
for (const [name, change, code, message] of payloads) {
  test(`refuses a payload with ${name}`, () =>
    refuses(signWith(HEADER, { ...PAYLOAD, ...change }), code, message));
}

test("refuses infinite times, which JSON can spell", () => {
  for (const claim of ["exp", "nbf", "iat"]) {
    const text = `${JSON.stringify(PAYLOAD).slice(0, -1)},"${claim}":1e999}`;
    refuses(signTexts(JSON.stringify(HEADER), text), "malformed", /is no time/);
  }
});

test("refuses a member given twice, in the header, the payload and deep inside, escaped or not", () => {
  const header = JSON.stringify(HEADER);
  const payload = JSON.stringify(PAYLOAD);
  refuses(signTexts('{"alg":"none","alg":"HS256"}', payload), "malformed", /header names a member twice/);
  refuses(
    signTexts(header, `{"kid":"${randomUUID()}",${payload.slice(1)}`),
    "malformed",
    /payload names a member twice/,
  );
  refuses(
    signTexts(header, `{"ki\\u0064":"${randomUUID()}",${payload.slice(1)}`),
    "malformed",
    /names a member twice/,
  );
  refuses(
    signTexts(header, payload.replace('"llm":{}', '"llm":{"models":[],"models":["*"]}')),
    "malformed",
    /names a member twice/,
  );
});

test("refuses parts that are no JSON or no UTF-8", () => {
  refuses(signTexts("{", JSON.stringify(PAYLOAD)), "malformed", /header is not JSON/);
  refuses(signTexts(JSON.stringify(HEADER), "name=x"), "malformed", /payload is not JSON/);
  refuses(signTexts(JSON.stringify(HEADER), "null"), "malformed", /payload is no JSON object/);
  const [header, , signature] = signWith(HEADER).split(".");
  refuses(
    `${header}.${base64url(Buffer.from([0x22, 0xff, 0x22]))}.${signature}`,
    "malformed",
    /payload is not UTF-8/,
  );
});

test("refuses every other number of parts", () => {
  const [header, payload, signature] = signWith(HEADER).split(".");
  refuses("", "malformed", /has 1\./);
  refuses(`${header}.${payload}`, "malformed", /has 2\./);
  refuses(`${header}.${payload}.${signature}.`, "malformed", /has 4\./);
  refuses(`${header}.${payload}.${signature}.${signature}`, "malformed", /has 4\./);
  refuses(
    `${header}.${payload}.${signature}.${payload}.${signature}`,
    "unsupported",
    /encrypted token \(JWE\)/,
  );
  refuses(`.${payload}.${signature}`, "malformed", /header is not JSON/);
  refuses(`${header}..${signature}`, "malformed", /payload is not JSON/);
});

test("refuses every spelling but the canonical one", () => {
  const text = signWith(HEADER);
  const [header = "", payload = "", signature = ""] = text.split(".");
  // 32 bytes take 43 characters; the last one carries 4 bits, so three others decode to the same bytes.
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(signature.at(-1) ?? "");
  for (const offset of [1, 2, 3]) {
    const twin = `${signature.slice(0, -1)}${alphabet[last + offset]}`;
    assert.deepEqual(Buffer.from(twin, "base64url"), Buffer.from(signature, "base64url"));
    refuses(`${header}.${payload}.${twin}`, "malformed", /signature is not canonical/);
  }
  refuses(`${text}=`, "malformed", /signature is not canonical/);
  refuses(`${header}=.${payload}.${signature}`, "malformed", /header is not canonical/);
  for (const space of [" ", "\n", "\t", "\u00a0", "\u200b", "\u0000"]) {
    refuses(`${text}${space}`, "malformed", /signature is not canonical.*copied whole/);
    refuses(`${space}${text}`, "malformed", /header is not canonical/);
    refuses(
      `${header}.${payload.slice(0, 8)}${space}${payload.slice(8)}.${signature}`,
      "malformed",
      /payload is not canonical/,
    );
  }
  const standard = Buffer.from(signature, "base64url").toString("base64");
  refuses(`${header}.${payload}.${standard}`, "malformed", /signature is not canonical/);
  // Full-width letters and dots that only look right.
  refuses(text.replace("e", "\uff45"), "malformed", /header is not canonical/);
  refuses(text.replaceAll(".", "\u2024"), "malformed", /has 1\./);
});

test("refuses a token over the size bound before it looks at it", () => {
  refuses(
    signWith(HEADER, { ...PAYLOAD, filler: "x".repeat(MAX_TOKEN_LENGTH) }),
    "malformed",
    /longer than 16384/,
  );
  assert.doesNotThrow(() => parseToken(signWith(HEADER, { ...PAYLOAD, filler: "x".repeat(11_000) })));
});

test("no change of one character of a token is accepted, in form or by signature", async () => {
  const text = await signParticipantToken(SPEC, OPTIONS);
  const seed = 20_251_124;
  let random = seed;
  for (let round = 0; round < 300; round++) {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    const at = random % text.length;
    const changed = `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
    await assert.rejects(
      async () => parseToken(changed).verifySignature(SECRET),
      TokenError,
      `seed ${seed}, round ${round}, character ${at}`,
    );
  }
});

// ---------------------------------------------------------------- signature, identity, times

test("another secret does not verify, whatever its length", async () => {
  const token = parseToken(await signParticipantToken(SPEC, OPTIONS));
  for (const secret of ["hunter2", `${SECRET}x`, SECRET.slice(0, -1), SECRET.toUpperCase()]) {
    await assert.rejects(token.verifySignature(secret), (error) => {
      assert(error instanceof TokenError);
      assert.equal(error.code, "bad_signature");
      assert.match(error.message, /does not match the API key 11111111-2222-4333-8444-555555555555/);
      assert(!inspect(error).includes(secret));
      return true;
    });
  }
});

test("no token verifies with an empty secret", async () => {
  const signedPart = signWith(HEADER).split(".", 2).join(".");
  const forged = `${signedPart}.${createHmac("sha256", "").update(signedPart).digest("base64url")}`;
  await assert.rejects(parseToken(forged).verifySignature(""));
});

test("the secret counts as UTF-8 bytes", async () => {
  const signedPart = `${base64url(JSON.stringify(HEADER))}.${base64url(JSON.stringify(PAYLOAD))}`;
  const signature = createHmac("sha256", Buffer.from("schlüssel", "utf8"))
    .update(signedPart)
    .digest("base64url");
  await parseToken(`${signedPart}.${signature}`).verifySignature("schlüssel");
});

test("a token is known by its jti, else by the hash of its signed part", async () => {
  assert.equal(await parseToken(signWith(HEADER, { ...PAYLOAD, jti: "abc" })).identity(), "abc");
  const text = signWith(HEADER);
  const signedPart = text.slice(0, text.lastIndexOf("."));
  const identity = createHash("sha256").update(signedPart).digest("hex");
  assert.equal(await parseToken(text).identity(), identity);
  // Signed anew with another secret it is the same token; with another claim it is another.
  const resigned = `${signedPart}.${createHmac("sha256", "other").update(signedPart).digest("base64url")}`;
  assert.equal(await parseToken(resigned).identity(), identity);
  assert.notEqual(await parseToken(signWith(HEADER, { ...PAYLOAD, name: "b" })).identity(), identity);
});

test("a parsed token shows neither its text nor its signature when it is printed", async () => {
  const text = await signParticipantToken(SPEC, OPTIONS);
  const token = parseToken(text);
  const printed = `${inspect(token, { depth: 9, showHidden: true })}${JSON.stringify(token)}`;
  for (const part of text.split(".")) assert(!printed.includes(part));
});

function checkAt(times: { exp?: number; nbf?: number }, nowMs: number): TokenError | null {
  try {
    checkTokenTimes({ exp: times.exp ?? null, nbf: times.nbf ?? null }, nowMs);
    return null;
  } catch (error) {
    assert(error instanceof TokenError);
    return error;
  }
}

test("exp holds to the millisecond, without leeway", () => {
  assert.equal(checkAt({ exp: IAT }, IAT * 1000 - 1), null);
  assert.equal(checkAt({ exp: IAT }, IAT * 1000)?.code, "expired");
  assert.equal(checkAt({ exp: IAT + 0.5 }, IAT * 1000 + 499), null);
  assert.equal(checkAt({ exp: IAT + 0.5 }, IAT * 1000 + 500)?.code, "expired");
  assert.equal(checkAt({ exp: -1 }, IAT * 1000)?.code, "expired");
  assert.equal(
    checkAt({ exp: IAT }, IAT * 1000)?.message,
    "The token expired at 2025-11-24T00:00:00.000Z; mint a new one with `meshagent token`.",
  );
});

test("nbf has 30 seconds of leeway", () => {
  assert.equal(checkAt({ nbf: IAT }, IAT * 1000 - 30_000), null);
  assert.equal(checkAt({ nbf: IAT }, IAT * 1000 - 30_001)?.code, "not_yet_valid");
  assert.match(checkAt({ nbf: IAT }, 0)?.message ?? "", /not valid before 2025-11-24T00:00:00\.000Z/);
  assert.equal(checkAt({}, 0), null);
});
