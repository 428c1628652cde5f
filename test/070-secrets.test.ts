/** Secrets are in no file in clear, in no log line and in no answer. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { startFakeProvider } from "./bed/fake-provider.ts";
import { providerKey, startTestGateway } from "./bed/test-gateway.ts";
import { systemAuthor } from "@meshagent/llm-proxy-gateway/store/audit";

describe("secrets", () => {
  it("are in no file, log line or answer, while the gateway runs and after", async () => {
    const provider = await startFakeProvider();
    const gateway = await startTestGateway({ provider });
    const storedKey = "sk-stored-in-project-9c2e";
    const { directory } = gateway.gateway.store;
    await directory.as(systemAuthor).setProvider({
      projectId: gateway.projectId,
      name: "openai",
      apiKey: new Secret(storedKey),
      baseUrl: provider.openaiBaseUrl,
      passing: {},
      updatedAtMs: Date.now(),
    });
    const token = await gateway.token();
    const secrets = {
      providerKey,
      storedKey,
      apiKeySecret: gateway.apiKey.secret,
      token,
      ownerToken: gateway.ownerToken,
      masterKey: gateway.masterKey.reveal(),
    };

    const answers: string[] = [];
    const call = async (path: string, credential: string, body?: string): Promise<void> => {
      const reply = await fetch(gateway.url + path, {
        headers: { authorization: `Bearer ${credential}` },
        ...(body === undefined ? {} : { method: "POST", body }),
      });
      answers.push(`${path} ${JSON.stringify([...reply.headers])} ${await reply.text()}`);
    };
    const ask = '{"model":"gpt-5.5","input":"hi","stream":true}';
    await call("/openai/v1/responses", token, ask);
    await call("/openai/v1/responses", `${token}x`, ask);
    await call("/openai/v1/responses", gateway.apiKeyText, ask);
    await call("/openai/v1/responses", `${gateway.apiKeyText}x`, ask);
    await call("/openai/v1/responses", token, "{broken");
    const project = `/accounts/projects/${gateway.projectId}`;
    for (const path of [
      "/accounts/info",
      `${project}/api-keys`,
      `${project}/llm-proxy/providers`,
      `${project}/llm-proxy/exchanges`,
      `${project}/nothing`,
    ]) {
      await call(path, gateway.ownerToken);
      await call(path, `${gateway.ownerToken}x`);
      await call(path, token);
    }
    provider.script(() => ({ pieces: [], end: "reset" }));
    await call("/openai/v1/responses", token, ask);
    assert.ok(answers.length > 15 && answers.some((answer) => answer.includes("upstream_unreachable")));
    assert.equal(
      provider.requests.filter((request) => request.headers.some(([, value]) => value.includes(storedKey)))
        .length > 0,
      true,
    );

    const inFiles = (): void => {
      for (const file of readdirSync(gateway.dataDir)) {
        const path = join(gateway.dataDir, file);
        if (!statSync(path).isFile()) continue;
        const bytes = readFileSync(path);
        for (const [name, secret] of Object.entries(secrets))
          assert.ok(!bytes.includes(secret), `${name} is in ${file}`);
      }
    };
    inFiles();
    await gateway.stop();
    inFiles();
    for (const [name, secret] of Object.entries(secrets)) {
      assert.ok(!gateway.logs.some((line) => line.includes(secret)), `${name} is in the log`);
      assert.ok(!answers.some((answer) => answer.includes(secret)), `${name} is in an answer`);
    }
    await provider.close();
  });

  it("print as [redacted], whoever prints them", () => {
    const secret = new Secret("very secret");
    const printed = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: { secret } }),
      inspect(new Map([["k", secret]])),
    ];
    for (const text of printed) {
      assert.ok(!text.includes("very secret"), text);
      assert.ok(text.includes("[redacted]"), text);
    }
  });
});
