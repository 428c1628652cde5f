import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anthropic } from "../providers/anthropic/provider.ts";
import { openai } from "../providers/openai/provider.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { ConfigError, type ConfigSources, parseConfig, parseProviderDefaults } from "./config.ts";
import { settings } from "./settings.ts";

function parse(sources: Partial<ConfigSources>): ReturnType<typeof parseConfig> {
  return parseConfig({ flags: {}, environment: {}, file: null, ...sources });
}

function refusal(sources: Partial<ConfigSources>): string {
  try {
    parse(sources);
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    return error.message;
  }
  assert.fail("not refused");
}

describe("where a setting comes from", () => {
  it("a flag wins over the environment, that over the file, that over the default", () => {
    const file = { port: 3 };
    const environment = { MESHAGENT_PORT: "2" };
    assert.equal(parse({ flags: { port: "1" }, environment, file }).port, 1);
    assert.equal(parse({ environment, file }).port, 2);
    assert.equal(
      parse({ environment: { MESHAGENT_PORT: "" }, file }).port,
      3,
      "an empty variable is an unset one",
    );
    assert.equal(parse({}).port, 8700);
  });

  it("the defaults of contract 1", () => {
    const config = parse({});
    assert.deepEqual(
      [
        config.host,
        config.port,
        config.simulated,
        config.corsOrigins,
        config.metrics,
        config.database,
        config.adminToken,
      ],
      ["127.0.0.1", 8700, false, [], "loopback", null, null],
    );
  });

  it("every default reads back from its own words, so that the reference page tells the truth", () => {
    for (const [key, setting] of Object.entries(settings)) {
      if (setting.defaultText === "") continue;
      assert.deepEqual(setting.parse(setting.defaultText), setting.byDefault, key);
    }
  });

  it("every variable of contract 1 is there, and no two settings share one", () => {
    const variables = Object.values(settings).flatMap((setting) => [
      setting.variable,
      ...(setting.aliases ?? []),
    ]);
    assert.equal(new Set(variables).size, variables.length);
    for (const name of [
      "HOST",
      "PORT",
      "DATA_DIR",
      "DATABASE_URL",
      "MASTER_KEY",
      "ADMIN_TOKEN",
      "PRICES",
      "SIMULATED",
      "TLS_CERT",
      "TLS_KEY",
      "PUBLIC_URL",
      "TRUSTED_PROXIES",
      "CORS_ORIGINS",
    ]) {
      assert.ok(variables.includes(`MESHAGENT_${name}`), name);
    }
    for (const setting of Object.values(settings)) assert.match(setting.about, /\.$/, setting.variable);
  });

  it("proxy variables are read in both spellings, the upper-case one first", () => {
    assert.equal(parse({ environment: { https_proxy: "http://a" } }).httpsProxy, "http://a");
    assert.equal(
      parse({ environment: { https_proxy: "http://a", HTTPS_PROXY: "http://b" } }).httpsProxy,
      "http://b",
    );
    assert.equal(parse({ environment: { no_proxy: "x" } }).noProxy, "x");
  });

  it("secrets come as Secrets", () => {
    const config = parse({ environment: { MESHAGENT_MASTER_KEY: "mk", MESHAGENT_ADMIN_TOKEN: "at" } });
    assert(config.masterKey instanceof Secret && config.adminToken instanceof Secret);
    assert.deepEqual([config.masterKey.reveal(), config.adminToken.reveal()], ["mk", "at"]);
    assert.doesNotMatch(JSON.stringify(config), /"mk"|"at"/);
  });
});

describe("what is refused", () => {
  it("names the flag, the variable or the key at fault, and what it takes", () => {
    assert.match(
      refusal({ flags: { port: "x" } }),
      /^--port must be a whole number from 0 to 65535, not "x"\.$/,
    );
    assert.match(
      refusal({ environment: { MESHAGENT_PORT: "65536" } }),
      /^MESHAGENT_PORT must be a whole number/,
    );
    assert.match(refusal({ file: { port: "-1" } }), /^config key "port" must be a whole number/);
    assert.match(refusal({ flags: { drainMaxConcurrent: "1.5" } }), /^--drain-max-concurrent must/);
    assert.match(
      refusal({ environment: { MESHAGENT_SIMULATED: "maybe" } }),
      /^MESHAGENT_SIMULATED must be 1 or 0/,
    );
    assert.match(
      refusal({ environment: { MESHAGENT_ON_DISCONNECT: "wait" } }),
      /must be one of drain, cancel/,
    );
    assert.match(
      refusal({ environment: { MESHAGENT_IDLE_TIMEOUT: "30" } }),
      /must be a duration such as 30s/,
    );
    assert.match(refusal({ environment: { MESHAGENT_MAX_BODY: "64MB" } }), /must be a size such as 512KiB/);
  });

  it("a file that is no object, or has a key that nobody knows", () => {
    for (const file of ["text", 1, [], true]) assert.match(refusal({ file }), /must hold an object/);
    assert.match(refusal({ file: { prot: 1 } }), /unknown key "prot"/);
    for (const key of ["constructor", "toString", "__proto__x", "hasOwnProperty"]) {
      assert.match(refusal({ file: { [key]: "x" } }), /unknown key/, key);
    }
  });

  it("a secret in the file, whose message does not repeat it", () => {
    for (const key of ["masterKey", "adminToken"]) {
      const message = refusal({ file: { [key]: "sk-secret" } });
      assert.match(message, /secret/);
      assert.doesNotMatch(message, /sk-secret/);
    }
  });

  it("a value of a kind that no setting has", () => {
    assert.match(refusal({ file: { host: { a: 1 } } }), /"host" must be a text/);
    assert.match(refusal({ file: { corsOrigins: [1] } }), /"corsOrigins" must be/);
    assert.match(refusal({ file: { port: null } }), /"port" must be/);
  });

  it("a webhook that cannot be asked, or a secret that signs nothing, and repeats neither", () => {
    const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
    const url = "http://10.0.0.1:9/hook?key=k-1";
    const config = parse({ environment: { MESHAGENT_WEBHOOK_URL: url, MESHAGENT_WEBHOOK_SECRET: secret } });
    assert.equal(config.webhookUrl, url);
    assert.equal(config.webhookSecret?.reveal(), secret);
    for (const bad of ["hooks.example.com/k-1", "ftp://h/k-1", "https://me:k-1@h/", "https://h/#k-1"]) {
      const message = refusal({ environment: { MESHAGENT_WEBHOOK_URL: bad } });
      assert.match(message, /^MESHAGENT_WEBHOOK_URL must be an http or https URL/);
      assert.doesNotMatch(message, /k-1/);
    }
    for (const bad of ["k-1", "whsec_k-1", secret.slice(0, 20)]) {
      const message = refusal({ environment: { MESHAGENT_WEBHOOK_SECRET: bad } });
      assert.match(message, /^MESHAGENT_WEBHOOK_SECRET must hold `whsec_` and 24 to 64 bytes/);
      assert.doesNotMatch(message, new RegExp(bad));
    }
    assert.match(refusal({ file: { webhookSecret: secret } }), /secret/);
  });

  it("half of TLS", () => {
    assert.match(refusal({ flags: { tlsCert: "a.pem" } }), /both a certificate and a key/);
    assert.match(refusal({ flags: { tlsKey: "a.pem" } }), /both a certificate and a key/);
    assert.equal(parse({ flags: { tlsCert: "a", tlsKey: "b" } }).tlsCert, "a");
  });

  it("a database that this version cannot use, whose message does not repeat it", () => {
    for (const url of ["postgres://u:pw@db/x", "postgresql://u:pw@db/x"]) {
      const message = refusal({ environment: { MESHAGENT_DATABASE_URL: url } });
      assert.match(message, /^MESHAGENT_DATABASE_URL names PostgreSQL, which this version cannot use yet/);
      assert.doesNotMatch(message, /pw/);
    }
    for (const url of ["mysql://u:pw@db/x", "/a/path", "sqlite:", "sqlite://", "sqlite:/", "file:x"]) {
      const message = refusal({ flags: { database: url } });
      assert.match(message, /^MESHAGENT_DATABASE_URL must be `sqlite:` and a path/, url);
      assert.doesNotMatch(message, /pw/);
    }
    for (const url of ["sqlite:a.db", "sqlite:/a/b.db", "sqlite:///a/b.db"]) {
      assert.equal(parse({ flags: { database: url } }).database, url);
    }
  });

  it("a proxy that is no URL, whose message does not repeat it", () => {
    for (const url of ["garbage", "u:pw@proxy:3128", "proxy:3128", "socks5://u:pw@proxy"]) {
      const message = refusal({ environment: { HTTPS_PROXY: url } });
      assert.match(message, /^HTTPS_PROXY must be an http or https URL/, url);
      assert.doesNotMatch(message, /pw/);
    }
  });

  it("a public URL that is no plain one", () => {
    for (const url of [
      "gw.example",
      "ftp://gw.example",
      "https://u:p@gw.example",
      "https://:p@gw.example",
      "https://gw.example/?a",
      "https://gw.example/#a",
    ]) {
      assert.match(refusal({ environment: { MESHAGENT_PUBLIC_URL: url } }), /plain http or https URL/, url);
    }
    assert.equal(
      parse({ environment: { MESHAGENT_PUBLIC_URL: "https://gw.example/base" } }).publicUrl,
      "https://gw.example/base",
    );
  });
});

describe("the config file", () => {
  it("takes texts, numbers, booleans and lists", () => {
    const config = parse({
      file: {
        port: 9,
        simulated: true,
        corsOrigins: ["https://a", "https://b"],
        idleTimeoutMs: "90s",
        maxBodyBytes: "1KiB",
      },
    });
    assert.deepEqual(
      [config.port, config.simulated, config.corsOrigins],
      [9, true, ["https://a", "https://b"]],
    );
    assert.deepEqual([config.idleTimeoutMs, config.maxBodyBytes], [90_000, 1024]);
  });

  it("may be empty", () => {
    for (const file of [null, undefined, {}]) assert.equal(parse({ file }).port, 8700);
  });
});

describe("provider defaults", () => {
  it("a key and a base URL per provider, empty ones being none", () => {
    const defaults = parseProviderDefaults([openai, anthropic], {
      OPENAI_API_KEY: " sk-1\n",
      ANTHROPIC_API_KEY: "",
      MESHAGENT_ANTHROPIC_BASE_URL: "http://127.0.0.1:9",
    });
    assert.equal(defaults["openai"]?.apiKey?.reveal(), "sk-1");
    assert.deepEqual([defaults["openai"]?.baseUrl, defaults["anthropic"]?.apiKey], [null, null]);
    assert.equal(defaults["anthropic"]?.baseUrl, "http://127.0.0.1:9");
  });

  it("what passes is read by its names, and refused by its variable", () => {
    const passing = (environment: Record<string, string>): unknown =>
      parseProviderDefaults([openai], environment)["openai"]?.passing;
    assert.deepEqual(passing({}), {});
    assert.deepEqual(passing({ MESHAGENT_OPENAI_RATE_LIMIT_HEADERS: " drop " }), {
      rateLimitHeaders: "drop",
    });
    assert.deepEqual(passing({ MESHAGENT_OPENAI_ACCEPTED_ENCODINGS: "none" }), { acceptedEncodings: [] });
    assert.deepEqual(passing({ MESHAGENT_OPENAI_ACCEPTED_ENCODINGS: "zstd, gzip" }), {
      acceptedEncodings: ["zstd", "gzip"],
    });
    assert.throws(() => passing({ MESHAGENT_OPENAI_RATE_LIMIT_HEADERS: "hide" }), {
      name: "ConfigError",
      message: 'MESHAGENT_OPENAI_RATE_LIMIT_HEADERS must be pass or drop, not "hide".',
    });
    assert.throws(() => passing({ MESHAGENT_OPENAI_ACCEPTED_ENCODINGS: "gzip,lzma" }), {
      name: "ConfigError",
      message: /^MESHAGENT_OPENAI_ACCEPTED_ENCODINGS must be none, or some of gzip, deflate, br and zstd/,
    });
  });

  it("a base URL that is no plain one is refused by name, and not repeated", () => {
    for (const url of ["x", "file:///etc", "https://user:pw@host/v1", "https://:pw@host/v1"]) {
      assert.throws(
        () => parseProviderDefaults([openai], { MESHAGENT_OPENAI_BASE_URL: url }),
        (error) => {
          assert(error instanceof ConfigError);
          assert.match(error.message, /^MESHAGENT_OPENAI_BASE_URL must/);
          assert.doesNotMatch(error.message, /pw/);
          return true;
        },
      );
    }
  });
});
