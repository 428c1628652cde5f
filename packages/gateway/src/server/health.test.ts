import assert from "node:assert/strict";
import { test } from "node:test";
import { type HealthDeps, healthReply } from "./health.ts";

const healthy: HealthDeps = {
  isDraining: () => false,
  checkStore: async () => {},
  hasProvider: async () => true,
};

async function ask(path: string, deps: Partial<HealthDeps> = {}): Promise<string | null> {
  const reply = await healthReply({ ...healthy, ...deps }, path);
  return reply === null ? null : `${reply.status} ${reply.body}`;
}

const broken = (): Promise<never> => Promise.reject(new Error("disk /secret/path"));

test("/healthz is 200 while the process serves, whatever else is wrong", async () => {
  assert.equal(await ask("/healthz"), '200 {"status":"ok"}');
  assert.equal(
    await ask("/healthz", { isDraining: () => true, checkStore: broken, hasProvider: broken }),
    '200 {"status":"ok"}',
  );
});

test("/readyz is 200 when the store is usable and a provider can answer", async () => {
  assert.equal(await ask("/readyz"), '200 {"status":"ready"}');
  assert.equal(
    await ask("/readyz", { hasProvider: async () => false }),
    '503 {"status":"no_provider_configured"}',
  );
  assert.equal(await ask("/readyz", { checkStore: broken }), '503 {"status":"store_unusable"}');
  assert.equal(await ask("/readyz", { isDraining: () => true }), '503 {"status":"draining"}');
});

test("/readyz answers, too, when the store breaks while it is asked for providers", async () => {
  assert.equal(await ask("/readyz", { hasProvider: broken }), '503 {"status":"store_unusable"}');
});

test("nothing else is answered here", async () => {
  for (const path of ["/", "/healthz/", "/Healthz", "/readyz/x", "/metrics"])
    assert.equal(await ask(path), null, path);
});
