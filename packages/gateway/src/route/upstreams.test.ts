import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Upstream } from "../exchange.ts";
import { anthropic } from "../providers/anthropic/provider.ts";
import { openai } from "../providers/openai/provider.ts";
import type { ProviderDefaults } from "../providers/provider.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import type { DirectoryChange, ProviderSettings } from "../store/store.ts";
import { createUpstreams, type SimulatedMode, type Upstreams } from "./upstreams.ts";

const timeouts = { connectTimeoutMs: 1, firstByteTimeoutMs: 2, idleTimeoutMs: 3 };

interface Bed {
  readonly upstreams: Upstreams;
  set(projectId: string, own: Partial<ProviderSettings>): void;
  remove(projectId: string): void;
  /** Tells of a change, as the directory does. */
  tell(kind: DirectoryChange["kind"]): void;
  /** How often the directory was asked for a provider. */
  readonly reads: () => number;
  failNextRead(): void;
}

function bed(
  given: {
    readonly apiKey?: string;
    readonly baseUrl?: string;
    readonly mode?: SimulatedMode;
    readonly others?: Readonly<Record<string, ProviderDefaults>>;
  } = {},
): Bed {
  const rows = new Map<string, ProviderSettings>();
  let listener: (change: DirectoryChange) => void = () => {};
  let wasEverConfigured = false;
  let reads = 0;
  let isFailing = false;
  const tell = (kind: DirectoryChange["kind"]): void => listener({ kind, projectId: "any", id: "any" });
  const upstreams = createUpstreams({
    directory: {
      findProvider: async (projectId, name) => {
        reads += 1;
        if (isFailing) {
          isFailing = false;
          throw new Error("disk");
        }
        return rows.get(`${projectId} ${name}`) ?? null;
      },
      wasProviderEverConfigured: async () => wasEverConfigured,
      onChange: (given_) => {
        listener = given_;
        return () => {};
      },
    },
    providers: [openai, anthropic],
    defaults: {
      openai: {
        apiKey: given.apiKey === undefined ? null : new Secret(given.apiKey),
        baseUrl: given.baseUrl ?? null,
      },
      ...given.others,
    },
    simulatedMode: given.mode ?? "never",
    timeouts,
  });
  return {
    upstreams,
    set: (projectId, own) => {
      rows.set(`${projectId} openai`, {
        projectId,
        name: "openai",
        apiKey: null,
        baseUrl: null,
        passing: {},
        updatedAtMs: 0,
        ...own,
      });
      wasEverConfigured = true;
      tell("provider");
    },
    remove: (projectId) => {
      rows.delete(`${projectId} openai`);
      tell("provider");
    },
    tell,
    reads: () => reads,
    failNextRead: () => {
      isFailing = true;
    },
  };
}

/** `https://host/base key`, `simulated` or `none`. */
function line(upstream: Upstream | null): string {
  if (upstream === null) return "none";
  if (upstream.isSimulated) return "simulated";
  return `${upstream.origin}${upstream.basePath} ${upstream.apiKey?.reveal()}`;
}

async function lineFor(at: Bed, projectId = "p1"): Promise<string> {
  return line(await at.upstreams.upstreamFor(projectId, openai));
}

describe("where a key may go", () => {
  it("the environment's key goes to the provider, or to the environment's own base URL", async () => {
    assert.equal(await lineFor(bed({ apiKey: "env" })), "https://api.openai.com/v1 env");
    assert.equal(
      await lineFor(bed({ apiKey: "env", baseUrl: "http://127.0.0.1:9/x/v1/" })),
      "http://127.0.0.1:9/x/v1 env",
    );
    assert.equal(
      await lineFor(bed({ apiKey: "env", baseUrl: "https://us.api.openai.com" })),
      "https://us.api.openai.com env",
    );
  });

  it("a project's settings win over the environment", async () => {
    const at = bed({ apiKey: "env" });
    at.set("p1", { apiKey: new Secret("own"), baseUrl: "https://own.example/v1" });
    assert.equal(await lineFor(at), "https://own.example/v1 own");
    assert.equal(await lineFor(at, "p2"), "https://api.openai.com/v1 env", "another project's are its own");
  });

  it("the environment's key never goes to an origin that a project chose", async () => {
    const elsewhere = [
      "https://evil.example/v1",
      "http://api.openai.com/v1",
      "https://api.openai.com:8443/v1",
      "https://api.openai.com.evil.example/v1",
      "https://evil.example/api.openai.com",
      "https://api.openai.com@evil.example/v1",
      "https://sub.api.openai.com/v1",
    ];
    for (const baseUrl of elsewhere) {
      const at = bed({ apiKey: "env" });
      at.set("p1", { baseUrl });
      assert.equal(await lineFor(at), "none", baseUrl);
    }
    const at = bed({ apiKey: "env", baseUrl: "https://mirror.example/v1" });
    at.set("p1", { baseUrl: "https://api.openai.com/v1" });
    assert.equal(await lineFor(at), "none", "nor back to the provider, which it was not given for");
  });

  it("a project may take another path at the same origin with the environment's key", async () => {
    const at = bed({ apiKey: "env" });
    at.set("p1", { baseUrl: "https://API.openai.com:443/other/v1" });
    assert.equal(await lineFor(at), "https://api.openai.com/other/v1 env");
  });

  it("without any key there is no upstream", async () => {
    assert.equal(await lineFor(bed()), "none");
    const at = bed();
    at.set("p1", { baseUrl: "https://own.example/v1" });
    assert.equal(await lineFor(at), "none");
  });

  it("builds the path from the base URL and the provider's prefix", async () => {
    const at = bed({
      others: { anthropic: { apiKey: new Secret("a"), baseUrl: "https://host.example/base/" } },
    });
    assert.equal(line(await at.upstreams.upstreamFor("p1", anthropic)), "https://host.example/base/v1 a");
    const bare = bed({ others: { anthropic: { apiKey: new Secret("a"), baseUrl: null } } });
    const upstream = await bare.upstreams.upstreamFor("p1", anthropic);
    assert.equal(line(upstream), "https://api.anthropic.com/v1 a");
    assert.equal(upstream?.provider, anthropic);
    assert.equal(upstream?.timeouts, timeouts);
  });
});

describe("what an owner chose of how things pass", () => {
  const passingOf = async (at: Bed): Promise<unknown> =>
    (await at.upstreams.upstreamFor("p1", openai))?.passing;
  const statusOf = async (at: Bed): Promise<unknown> => (await at.upstreams.statusOf("p1"))[0]?.source;

  it("is the provider's own, until the environment or the project says otherwise, member by member", async () => {
    assert.deepEqual(await passingOf(bed({ apiKey: "env" })), {
      rateLimitHeaders: "pass",
      acceptedEncodings: [],
    });
    const passing = { rateLimitHeaders: "drop", acceptedEncodings: ["gzip", "zstd"] } as const;
    const at = bed({ others: { openai: { apiKey: new Secret("env"), baseUrl: null, passing } } });
    assert.deepEqual(await passingOf(at), passing);
    at.set("p1", { passing: { rateLimitHeaders: "pass" } });
    assert.deepEqual(await passingOf(at), { rateLimitHeaders: "pass", acceptedEncodings: ["gzip", "zstd"] });
    at.set("p1", { passing: { acceptedEncodings: [] } });
    assert.deepEqual(await passingOf(at), { rateLimitHeaders: "drop", acceptedEncodings: [] });
    at.remove("p1");
    assert.deepEqual(await passingOf(at), passing);
  });

  it("leaves the provider where the environment has it, and the simulated one in its place", async () => {
    const at = bed({ apiKey: "env", baseUrl: "https://mirror.example/v1" });
    at.set("p1", { passing: { rateLimitHeaders: "drop" } });
    assert.equal(await lineFor(at), "https://mirror.example/v1 env");
    assert.equal(await statusOf(at), "environment");
    const simulated = bed({ mode: "always" });
    simulated.set("p1", { passing: { rateLimitHeaders: "drop" } });
    assert.equal(await statusOf(simulated), "simulated");
    assert.deepEqual(await passingOf(simulated), { rateLimitHeaders: "drop", acceptedEncodings: [] });
  });
});

describe("regional hosts (contract 4: regional_multiplier)", () => {
  const regions: Readonly<Record<string, string | null>> = {
    "https://us.api.openai.com/v1": "us",
    "https://eu.api.openai.com/v1": "eu",
    "https://EU.api.openai.com/v1": "eu",
    "https://api.openai.com/v1": null,
    "https://asia.api.openai.com/v1": null,
    "https://usa.example/v1": null,
    "https://api.us.example/v1": null,
    "https://example/us.v1": null,
  };
  for (const [baseUrl, region] of Object.entries(regions)) {
    it(`${baseUrl}: ${region}`, async () => {
      const upstream = await bed({ apiKey: "k", baseUrl }).upstreams.upstreamFor("p1", openai);
      assert.equal(upstream?.region, region);
    });
  }
});

describe("the simulated provider", () => {
  it("`always` answers everything, whatever is configured, and holds no key", async () => {
    const at = bed({ apiKey: "env", mode: "always" });
    at.set("p1", { apiKey: new Secret("own") });
    const upstream = await at.upstreams.upstreamFor("p1", openai);
    assert.deepEqual([upstream?.isSimulated, upstream?.apiKey, upstream?.region], [true, null, null]);
    assert.equal(upstream?.provider, openai, "the row has the provider that was stood in for");
  });

  it("`until_configured` answers until any provider was ever configured, and not after", async () => {
    const at = bed({ mode: "until_configured" });
    assert.equal(await lineFor(at), "simulated");
    assert.equal(line(await at.upstreams.upstreamFor("p2", anthropic)), "simulated");
    at.set("p1", { apiKey: new Secret("own") });
    assert.equal(await lineFor(at), "https://api.openai.com/v1 own");
    assert.equal(line(await at.upstreams.upstreamFor("p2", anthropic)), "none");
    at.remove("p1");
    assert.equal(await lineFor(at), "none", "not silently simulated again");
  });

  it("`until_configured` stands back for a key of another provider in the environment", async () => {
    const others = { anthropic: { apiKey: new Secret("a"), baseUrl: null } };
    assert.equal(await lineFor(bed({ mode: "until_configured", others })), "none");
  });

  it("`never` is never simulated", async () => {
    assert.equal(await lineFor(bed({ mode: "never" })), "none");
  });
});

describe("what is remembered", () => {
  it("asks the directory once per project, and again after a change of a provider or project", async () => {
    const at = bed({ apiKey: "env" });
    await lineFor(at);
    await lineFor(at);
    assert.equal(at.reads(), 1);
    await lineFor(at, "p2");
    assert.equal(at.reads(), 2);
    at.tell("room");
    at.tell("api_key");
    await lineFor(at);
    assert.equal(at.reads(), 2);
    at.tell("project");
    await lineFor(at);
    assert.equal(at.reads(), 3);
    at.set("p1", { apiKey: new Secret("new") });
    assert.equal(await lineFor(at), "https://api.openai.com/v1 new");
    at.remove("p1");
    assert.equal(await lineFor(at), "https://api.openai.com/v1 env");
  });

  it("does not remember a failure", async () => {
    const at = bed({ apiKey: "env" });
    at.failNextRead();
    await assert.rejects(lineFor(at), /disk/);
    assert.equal(await lineFor(at), "https://api.openai.com/v1 env");
  });
});

describe("status, for the banner and `provider list`", () => {
  it("says from where each provider is answered, without its key", async () => {
    const at = bed({ apiKey: "env", baseUrl: "https://eu.api.openai.com/v1" });
    at.set("p1", { apiKey: new Secret("own"), baseUrl: "https://own.example/v1" });
    const lines = async (projectId: string | null): Promise<string[]> =>
      (await at.upstreams.statusOf(projectId)).map(
        (each) => `${each.provider.name} ${each.source} ${each.baseUrl}`,
      );
    assert.deepEqual(await lines(null), [
      "openai environment https://eu.api.openai.com/v1",
      "anthropic none https://api.anthropic.com",
    ]);
    assert.deepEqual(await lines("p1"), [
      "openai project https://own.example/v1",
      "anthropic none https://api.anthropic.com",
    ]);
    const simulated = await bed({ mode: "always" }).upstreams.statusOf(null);
    assert.deepEqual(
      simulated.map((each) => each.source),
      ["simulated", "simulated"],
    );
  });
});
