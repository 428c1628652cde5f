/**
 * What every provider must hold, as tests. A new provider's own test calls `testProvider`; the list of all
 * of them goes through `testProviderSet`. Reaches no network.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { Provider } from "./provider.ts";

/** The lines that the gateway takes off a caller's request, so that only the provider's key can be in them. */
const CREDENTIAL_HEADERS = new Set(["authorization", "x-api-key", "api-key"]);

const PROBE_KEY = "sk-conformance-0123456789";

/** Registers the tests of one provider. */
export function testProvider(provider: Provider): void {
  const named = `provider ${provider.name}`;

  test(`${named}: name and variables are usable where they are written`, () => {
    assert.match(provider.name, /^[a-z][a-z0-9-]*$/);
    assert.notEqual(provider.displayName.trim(), "");
    assert.match(provider.apiKeyVariable, /^[A-Z][A-Z0-9_]*$/);
    assert.match(provider.baseUrlVariable, /^MESHAGENT_[A-Z0-9_]+_BASE_URL$/);
    assert.match(provider.acceptedEncodingsVariable, /^MESHAGENT_[A-Z0-9_]+_ACCEPTED_ENCODINGS$/);
    assert.match(provider.rateLimitHeadersVariable, /^MESHAGENT_[A-Z0-9_]+_RATE_LIMIT_HEADERS$/);
    assert.notEqual(provider.apiKeyVariable, provider.baseUrlVariable);
  });

  test(`${named}: its rate-limit headers are named so that \`retry-after\` is none of them`, () => {
    for (const prefix of provider.rateLimitHeaderPrefixes) {
      assert.match(prefix, /^[a-z][a-z0-9-]*-$/);
      for (const kept of ["retry-after", "retry-after-ms", "x-should-retry", "request-id", "x-request-id"])
        assert.ok(!kept.startsWith(prefix), kept);
    }
  });

  test(`${named}: base URL, prefix and endpoint path join to one clean URL`, () => {
    const base = new URL(provider.defaultBaseUrl);
    assert.equal(base.protocol, "https:");
    assert.equal(base.username + base.password + base.search + base.hash, "");
    assert.ok(!provider.defaultBaseUrl.endsWith("/"), "a base URL has no trailing slash");
    assert.match(provider.pathPrefix, /^$|^\/[^/].*[^/]$/);
    assert.match(provider.probePath, /^\/[^/]/);
    const joined = provider.defaultBaseUrl + provider.pathPrefix + provider.probePath;
    assert.equal(new URL(joined).href, joined, "joining needs no normalisation");
    assert.ok(!new URL(joined).pathname.includes("//"));
    assert.equal(joined.split("/v1").length - 1, 1, "the version is in the URL once");
  });

  test(`${named}: the key is in credential lines and nowhere else`, () => {
    const key = new Secret(PROBE_KEY);
    const lines = provider.authorization(key);
    assert.equal(lines.filter(([, value]) => value.includes(PROBE_KEY)).length, 1);
    for (const [name, value] of lines) {
      assert.equal(name, name.toLowerCase());
      assert.doesNotMatch(value, /[\r\n]/);
      assert.ok(!name.includes(PROBE_KEY));
      if (value.includes(PROBE_KEY))
        assert.ok(CREDENTIAL_HEADERS.has(name), `${name} is no credential header`);
    }
    assert.ok(!inspect([provider, key], { depth: 5 }).includes(PROBE_KEY));
  });

  test(`${named}: lines are made of the key that is given, and a fresh list each time`, () => {
    const first = provider.authorization(new Secret("first-key"));
    const second = provider.authorization(new Secret("second-key"));
    assert.ok(JSON.stringify(first).includes("first-key"));
    assert.ok(JSON.stringify(second).includes("second-key"));
    assert.ok(!JSON.stringify(second).includes("first-key"));
    assert.notEqual(first, second);
  });
}

/** Registers the tests of all providers together. */
export function testProviderSet(providers: readonly Provider[]): void {
  test("providers: names and variables are told apart", () => {
    const names = providers.map((provider) => provider.name);
    const variables = providers.flatMap((provider) => [
      provider.apiKeyVariable,
      provider.baseUrlVariable,
      provider.acceptedEncodingsVariable,
      provider.rateLimitHeadersVariable,
    ]);
    assert.equal(new Set(names).size, names.length);
    assert.equal(new Set(variables).size, variables.length);
  });

  test("providers: every dialect has one that answers it", () => {
    assert.deepEqual(
      new Set(providers.map((provider) => provider.dialect)),
      new Set(["openai", "anthropic"]),
    );
  });
}
