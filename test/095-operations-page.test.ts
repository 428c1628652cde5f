/** The operator's page names what there is: every metric, every file it links to, every setting by its real name. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { settings } from "@meshagent/llm-proxy-gateway/config/settings";
import { startTestGateway } from "./bed/test-gateway.ts";

const docs = join(import.meta.dirname, "..", "docs");
const page = readFileSync(join(docs, "operations.md"), "utf8");

it("every metric of a gateway is on the page, and none that it does not have", async () => {
  const gateway = await startTestGateway();
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  await gateway.close();
  const served = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  const named = new Set([...page.matchAll(/^\| `((?:meshagent|process)_[a-z_]+)/gm)].map(([, name]) => name));
  assert.deepEqual(named, served);
});

it("every link leads to a file", () => {
  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map(([, path]) => path ?? "");
  assert.ok(links.length >= 5);
  for (const link of links) assert.ok(existsSync(join(docs, link)), link);
});

it("every variable is one that the gateway or Node reads", () => {
  const known = new Set(Object.values(settings).map(({ variable }) => variable));
  const named = [...page.matchAll(/\bMESHAGENT_[A-Z_]+/g)].map(([name]) => name);
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((name) => !known.has(name)),
    [],
  );
});
