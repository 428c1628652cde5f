import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { encodeApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { findMode } from "../private-file.ts";
import { Machine } from "../test-bed/command.ts";

const key = {
  id: "11111111-1111-4111-8111-111111111111",
  projectId: "22222222-2222-4222-8222-222222222222",
  secret: "a-secret-with-dashes",
};
const keyText = encodeApiKey(key);
const spec = `version: v1
kind: ParticipantToken
room: my-room
identity: cli-agent
role: agent
api:
  llm: {models: ["openai/gpt-5.5", "anthropic/claude-*"]}
`;

let machine: Machine;
before(() => {
  machine = new Machine();
  writeFileSync(join(machine.home, "token-spec.yaml"), spec);
});
after(() => machine.remove());

function payloadOf(token: string): Record<string, unknown> {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const expected = createHmac("sha256", key.secret).update(`${header}.${payload}`).digest("base64url");
  assert.equal(signature, expected, "signed with the UTF-8 bytes of the secret");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}

test("the token alone is on stdout, signed offline, with iat and a jti of its own", async () => {
  const args = ["token", "--input", "token-spec.yaml"];
  const env = { MESHAGENT_API_KEY: keyText };
  const [first, second] = [await machine.run(args, { env }), await machine.run(args, { env })];
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  assert.equal(first.stderr, "");
  const payload = payloadOf(first.stdout.trim());
  assert.deepEqual(payload["grants"], [
    { name: "room", scope: "my-room" },
    { name: "role", scope: "agent" },
    { name: "api", scope: { llm: { models: ["openai/gpt-5.5", "anthropic/claude-*"] } } },
  ]);
  assert.deepEqual([payload["name"], payload["sub"], payload["kid"]], ["cli-agent", key.projectId, key.id]);
  assert.ok(Math.abs(Number(payload["iat"]) - Date.now() / 1000) < 60);
  assert.equal("exp" in payload, false);
  assert.notEqual(payload["jti"], payloadOf(second.stdout.trim())["jti"]);
});

test("--expires-in is counted from iat; --output is for its owner alone and leaves stdout empty", async () => {
  const { code, stdout, stderr } = await machine.run(
    ["token", "--input", "-", "--key", keyText, "--expires-in", "12h", "--output", "out.jwt"],
    { stdin: spec },
  );
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "");
  const path = join(machine.home, "out.jwt");
  const text = readFileSync(path, "utf8");
  const payload = payloadOf(text.trim());
  assert.equal(Number(payload["exp"]) - Number(payload["iat"]), 12 * 3600);
  assert.equal(findMode(path), 0o600);
  assert.doesNotMatch(stderr, new RegExp(text.trim()));
});

test("the key: flag before environment before the active one; - is stdin; another project is refused", async () => {
  const other = encodeApiKey({ ...key, secret: "another" });
  const flag = await machine.run(["token", "--input", "token-spec.yaml", "--key", "-"], {
    stdin: `${keyText}\n`,
    env: { MESHAGENT_API_KEY: other },
  });
  payloadOf(flag.stdout.trim());
  assert.equal((await machine.run(["api-key", "activate", "-"], { stdin: keyText })).code, 0);
  payloadOf((await machine.run(["token", "--input", "token-spec.yaml"])).stdout.trim());
  payloadOf(
    (await machine.run(["token", "--input", "token-spec.yaml", "--project-id", key.projectId])).stdout.trim(),
  );
  const foreign = await machine.run([
    "token",
    "--input",
    "token-spec.yaml",
    "--key",
    keyText,
    "--project-id",
    key.id,
  ]);
  assert.equal(foreign.code, 1);
  assert.match(foreign.stderr, /belongs to project 2222/);
  assert.doesNotMatch(foreign.stderr, /a-secret/);
});

test("caps of the spec are signed, and inspect says them in words", async () => {
  const stdin = spec.replace(
    /llm: .*/,
    "llm: {max_budget: 10, max_budget_per_day: '0.5', max_concurrency: 4}",
  );
  const minted = await machine.run(["token", "--input", "-", "--key", keyText], { stdin });
  assert.equal(minted.code, 0, minted.stderr);
  const token = minted.stdout.trim();
  const [, , api] = payloadOf(token)["grants"] as unknown[];
  assert.deepEqual(api, {
    name: "api",
    scope: { llm: { max_budget: "10", max_budget_per_day: "0.5", max_concurrency: 4 } },
  });
  const table = await machine.run(["token", "inspect", token]);
  assert.match(table.stdout, /models +all\n/);
  assert.match(
    table.stdout,
    /caps +at most \$10 over its whole life; at most \$0\.5 a day \(UTC\); at most 4 at once\n/,
  );
});

test("a spec that is wrong names every problem and signs nothing", async () => {
  const env = { MESHAGENT_API_KEY: keyText };
  const cases: readonly (readonly [string, RegExp])[] = [
    ["room: [", /is no valid YAML/],
    ["room: a\nroom: b", /is no valid YAML/],
    [
      "version: v1\nkind: ParticipantToken\nroom: a\nidentty: b\n",
      /identty: is unknown[^]*Did you mean `identity`\?[^]*identity: is missing/,
    ],
    ["", /is no token spec/],
  ];
  for (const [stdin, message] of cases) {
    const { code, stdout, stderr } = await machine.run(["token", "--input", "-"], { stdin, env });
    assert.equal(code, 1, stdin);
    assert.equal(stdout, "");
    assert.match(stderr, message);
  }
  assert.match(
    (await machine.run(["token", "--input", "nowhere.yaml"], { env })).stderr,
    /cannot be read: ENOENT/,
  );
});

test("inspect explains a token, checks it with the active key, and exits 1 when it cannot work", async () => {
  const minted = await machine.run([
    "token",
    "--input",
    "token-spec.yaml",
    "--key",
    keyText,
    "--expires-in",
    "30d",
  ]);
  const token = minted.stdout.trim();
  const table = await machine.run(["token", "inspect", token], { env: { MESHAGENT_API_KEY: keyText } });
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /participant +cli-agent/);
  assert.match(table.stdout, /models +openai\/gpt-5\.5, anthropic\/claude-\*/);
  assert.match(table.stdout, /expires .*\(in (30d|29d 23h)\)/);
  assert.match(table.stdout, /Signed with the active API key/);
  const forged = await machine.run(["token", "inspect", "-", "--json"], {
    stdin: token,
    env: { MESHAGENT_API_KEY: encodeApiKey({ ...key, secret: "another" }) },
  });
  assert.equal(forged.code, 1);
  const report = JSON.parse(forged.stdout) as { signature: string; claims: { participant: string } };
  assert.equal(report.signature, "invalid");
  assert.equal(report.claims.participant, "cli-agent");
  const noToken = await machine.run(["token", "inspect", "-"], { stdin: keyText });
  assert.equal(noToken.code, 1);
  assert.match(noToken.stdout, /This is an API key/);
});
