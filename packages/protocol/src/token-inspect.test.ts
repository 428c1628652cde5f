import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import type { ApiKey } from "./api-key.ts";
import { encodeApiKey } from "./api-key.ts";
import { signParticipantToken } from "./token.ts";
import { inspectToken } from "./token-inspect.ts";
import type { TokenSpec } from "./token-spec.ts";

const KEY: ApiKey = {
  id: "11111111-2222-4333-8444-555555555555",
  projectId: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
  secret: "hunter2-hunter2-hunter2",
};
const SPEC: TokenSpec = { room: "my-room", identity: "cli-agent", role: "agent", llm: { models: null } };
const IAT = 1_763_942_400; // 2025-11-24T00:00:00Z

function signRaw(header: object, payload: object): string {
  const signedPart = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${signedPart}.${createHmac("sha256", KEY.secret).update(signedPart).digest("base64url")}`;
}

test("explains a good token without its text, signature or secret", async () => {
  const text = await signParticipantToken(SPEC, { apiKey: KEY, iat: IAT, jti: "j1", exp: IAT + 3600 });
  const inspection = await inspectToken(text, IAT * 1000);
  assert.equal(inspection.claims?.grants.room, "my-room");
  assert.equal(inspection.payload?.["version"], "0.36.3");
  assert.equal(inspection.tokenId, "j1");
  assert.equal(inspection.expiresAt, "2025-11-24T01:00:00.000Z");
  assert.deepEqual(inspection.problems, []);
  assert.deepEqual(inspection.remarks, ["The signature was not checked: that takes the API key's secret."]);
  const printed = JSON.stringify(inspection);
  for (const part of [...text.split("."), KEY.secret]) assert(!printed.includes(part));
});

test("says when a token has expired or is not valid yet", async () => {
  const text = await signParticipantToken(SPEC, { apiKey: KEY, iat: IAT, jti: "j1", exp: IAT + 60 });
  const expired = await inspectToken(text, (IAT + 60) * 1000);
  assert.match(expired.problems[0] ?? "", /expired at 2025-11-24T00:01:00\.000Z/);
  assert.equal(expired.claims?.participant, "cli-agent");
});

test("remarks on what is legal and perhaps not meant", async () => {
  const remarksOf = async (spec: TokenSpec, exp?: number): Promise<string> => {
    const options = exp === undefined ? {} : { exp };
    const text = await signParticipantToken(spec, { apiKey: KEY, iat: IAT, jti: "j", ...options });
    return (await inspectToken(text, (IAT - 3600) * 1000)).remarks.join("\n");
  };
  assert.match(await remarksOf(SPEC), /does not expire/);
  assert.match(await remarksOf(SPEC), /made in the future/);
  assert.match(await remarksOf({ ...SPEC, llm: null }), /no `api\.llm` grant/);
  assert.match(await remarksOf({ ...SPEC, llm: { models: [] } }), /empty list/);
  assert.match(await remarksOf(SPEC, IAT * 1000), /looks like milliseconds/);
  assert.doesNotMatch(await remarksOf(SPEC, IAT + 60), /milliseconds|does not expire/);
});

test("shows the payload of a token that it would refuse", async () => {
  const text = signRaw({ alg: "HS384" }, { name: "x", exp: 1 });
  const inspection = await inspectToken(text, 0);
  assert.equal(inspection.claims, null);
  assert.deepEqual(inspection.payload, { name: "x", exp: 1 });
  assert.match(inspection.problems[0] ?? "", /algorithm is "HS384"/);
});

test("recognises what people paste instead of a token, and never repeats it", async () => {
  const key = encodeApiKey(KEY);
  const cases: [string, RegExp][] = [
    [key, /is an API key, not a participant token/],
    [`Bearer ${signRaw({ alg: "HS256" }, {})}`, /belongs to the header/],
    ["sk-hunter2", /three parts/],
    ["", /three parts/],
    ["a.b.c", /header/],
    ["..", /header is not JSON/],
  ];
  for (const [text, problem] of cases) {
    const inspection = await inspectToken(text, 0);
    assert.equal(inspection.claims, null);
    assert.match(inspection.problems.join("\n"), problem);
    assert.doesNotMatch(JSON.stringify(inspection), /hunter2/);
  }
});
