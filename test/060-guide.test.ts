/** The guide that a developer follows, word for word, with the real command against a real gateway. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  type GatewayProcess,
  killSpawnedGateways,
  meshagentBin,
  spawnGateway,
} from "./bed/gateway-process.ts";

let home: string;
let gateway: GatewayProcess;
before(async () => {
  home = mkdtempSync(join(tmpdir(), "meshagent-guide-"));
  mkdirSync(join(home, "work"));
  // Where `serve` puts its files by itself, so that `setup` finds the gateway and the owner's token by itself.
  gateway = await spawnGateway({ dataDir: join(home, ".meshagent", "gateway"), env: { HOME: home } });
});
after(() => {
  killSpawnedGateways();
  rmSync(home, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function meshagent(...words: readonly string[]): Promise<Ran> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: home };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [meshagentBin, ...words],
      { cwd: join(home, "work"), env },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

async function succeed(...words: readonly string[]): Promise<Ran> {
  const ran = await meshagent(...words);
  assert.equal(ran.code, 0, `meshagent ${words.join(" ")}: ${ran.stderr}`);
  return ran;
}

const spec = `version: v1
kind: ParticipantToken
room: my-room
identity: cli-agent
role: agent
api:
  llm: {}
`;

describe("the guide", () => {
  it("setup, api-key create, token, a call, usage, exchanges", async () => {
    await succeed("setup", "--yes");
    const created = await succeed("api-key", "create", "cli-agent-key", "--activate");
    assert.match(created.stdout, /^ma-[\w.]{22}-[\w.]{22}-[\w-]+\n$/, "the key alone is on stdout");

    writeFileSync(join(home, "work", "token-spec.yaml"), spec);
    const token = (await succeed("token", "--input", "token-spec.yaml")).stdout.trim();
    assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    assert.match((await succeed("token", "inspect", token)).stdout, /my-room/);

    const reply = await fetch(`${gateway.url}/openai/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: '{"model":"gpt-5.5","input":"hi"}',
    });
    assert.equal(reply.status, 200);
    const { usage } = (await reply.json()) as { usage: { input_tokens: number; output_tokens: number } };

    const report = JSON.parse(
      (await succeed("usage", "--by", "model,participant", "--json")).stdout,
    ) as unknown;
    const text = JSON.stringify(report);
    assert.match(text, /"participant":"cli-agent"/);
    assert.match(text, new RegExp(`"input_tokens":${usage.input_tokens}\\b`));
    const exchanges = JSON.parse((await succeed("exchanges", "--json")).stdout) as {
      exchanges: { cost_usd: string; outcome: string; room: string; simulated: boolean }[];
    };
    const [row] = exchanges.exchanges;
    assert.equal(row?.outcome, "ok");
    assert.equal(row.room, "my-room");
    assert.equal(row.simulated, true);
    // gpt-5.5: $5 per 1M in, $30 per 1M out; nano-dollars are 5000 and 30000 a token.
    const nano = usage.input_tokens * 5000 + usage.output_tokens * 30_000;
    assert.equal(row.cost_usd, `0.${String(nano).padStart(9, "0")}`);
    for (const by of ["model", "room", "participant", "session", "api-key", "provider", "day"]) {
      assert.match((await succeed("usage", "--by", by, "--since", "7d")).stdout, /\S/);
    }
  });

  it("keeps what it stores to its owner", () => {
    const profile = join(home, ".meshagent", "profile.json");
    assert.equal((statSync(profile).mode & 0o777).toString(8), "600");
    assert.match(readFileSync(profile, "utf8"), /127\.0\.0\.1/);
  });

  it("exchanges --follow shows a row when it is there", async () => {
    const token = (await succeed("token", "--input", "token-spec.yaml")).stdout.trim();
    const { spawn } = await import("node:child_process");
    const follow = spawn(
      process.execPath,
      [meshagentBin, "exchanges", "--follow", "--json", "--limit", "1"],
      { cwd: join(home, "work"), env: { PATH: process.env["PATH"] ?? "", HOME: home } },
    );
    let out = "";
    const seen = Promise.withResolvers<void>();
    follow.stdout.on("data", (bytes: Buffer) => {
      out += bytes.toString();
      if (out.includes("claude-opus-5-5")) seen.resolve();
    });
    const reply = await fetch(`${gateway.url}/anthropic/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": token },
      body: '{"model":"claude-opus-5-5","max_tokens":20,"messages":[{"role":"user","content":"hi"}]}',
    });
    assert.equal(reply.status, 200);
    await seen.promise;
    const exited = new Promise<number | null>((resolve) => follow.once("exit", (code) => resolve(code)));
    follow.kill("SIGINT");
    assert.equal(await exited, 130);
    for (const line of out.trim().split("\n")) assert.doesNotThrow(() => JSON.parse(line) as unknown);
  });

  it("says what is wrong, and how to right it", async () => {
    const wrong = await meshagent("usgae");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /usage/);
    const failed = await meshagent("token", "--input", "missing.yaml");
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /missing\.yaml/);
    assert.doesNotMatch(failed.stderr, /\n\s+at /);
    const doctor = await meshagent("doctor", "--json");
    assert.match(doctor.stdout, /"gateway"/);
  });

  it("serve, again, on the same directory is refused", async () => {
    const second = await meshagent("serve", "--port", "0");
    assert.equal(second.code, 1);
    assert.match(second.stderr, /already|another/i);
  });
});
