/**
 * Flags, environment and file to a `Config`, or a clear refusal. A flag wins over the environment, the
 * environment over the file, the file over the default. Reads no file itself and keeps nothing.
 */

import { parseEncodings, parseHeaderPolicy, type PassingChoice } from "../passing.ts";
import type { Provider, ProviderDefaults } from "../providers/provider.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { isWebhookSecret } from "../notify/signature.ts";
import { type Config, settings } from "./settings.ts";

/** A setting that cannot be used; its message names it and says what it takes. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export interface ConfigSources {
  /** By key of `Config`. */
  readonly flags: Readonly<Partial<Record<keyof Config, string>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The parsed config file: an object whose keys are those of `Config`. */
  readonly file: unknown;
}

export function parseConfig(sources: ConfigSources): Config {
  const file = parseFile(sources.file);
  const entries = (Object.keys(settings) as (keyof Config)[]).map((key) => {
    const setting = settings[key];
    const found = findText(key, sources, file);
    if (found === null) return [key, setting.byDefault];
    try {
      return [key, setting.parse(found.text)];
    } catch (cause) {
      throw new ConfigError(`${found.name} ${cause instanceof Error ? cause.message : "cannot be read."}`, {
        cause,
      });
    }
  });
  const config = Object.fromEntries(entries) as Config;
  if ((config.tlsCert === null) !== (config.tlsKey === null)) {
    throw new ConfigError(
      "TLS needs both a certificate and a key: set MESHAGENT_TLS_CERT and MESHAGENT_TLS_KEY.",
    );
  }
  if (config.publicUrl !== null) checkUrl("MESHAGENT_PUBLIC_URL", config.publicUrl);
  if (config.database !== null) checkDatabase(config.database);
  if (config.httpsProxy !== null) checkProxy(config.httpsProxy);
  if (config.webhookUrl !== null) checkWebhookUrl(config.webhookUrl);
  if (config.webhookSecret !== null) checkWebhookSecret("MESHAGENT_WEBHOOK_SECRET", config.webhookSecret);
  return config;
}

/** Each provider's default key, base URL and choices, by provider name. */
export function parseProviderDefaults(
  providers: readonly Provider[],
  environment: ConfigSources["environment"],
): Readonly<Record<string, ProviderDefaults>> {
  return Object.fromEntries(
    providers.map((provider) => {
      const key = environment[provider.apiKeyVariable]?.trim() ?? "";
      const baseUrl = environment[provider.baseUrlVariable]?.trim() ?? "";
      if (baseUrl !== "") checkUrl(provider.baseUrlVariable, baseUrl);
      return [
        provider.name,
        {
          apiKey: key === "" ? null : new Secret(key),
          baseUrl: baseUrl === "" ? null : baseUrl,
          passing: parsePassing(provider, environment),
        },
      ];
    }),
  );
}

function parsePassing(provider: Provider, environment: ConfigSources["environment"]): PassingChoice {
  const read = <Value>(variable: string, parse: (text: string) => Value): Value | null => {
    const value = environment[variable]?.trim() ?? "";
    try {
      return value === "" ? null : parse(value);
    } catch (cause) {
      throw new ConfigError(`${variable} ${cause instanceof Error ? cause.message : "cannot be read."}`, {
        cause,
      });
    }
  };
  const rateLimitHeaders = read(provider.rateLimitHeadersVariable, parseHeaderPolicy);
  const acceptedEncodings = read(provider.acceptedEncodingsVariable, parseEncodings);
  return {
    ...(rateLimitHeaders === null ? {} : { rateLimitHeaders }),
    ...(acceptedEncodings === null ? {} : { acceptedEncodings }),
  };
}

interface FoundText {
  /** The flag, variable or key that gave it, for a message. */
  readonly name: string;
  readonly text: string;
}

function findText(
  key: keyof Config,
  sources: ConfigSources,
  file: Readonly<Record<string, string>>,
): FoundText | null {
  const setting = settings[key];
  const flagText = sources.flags[key];
  if (flagText !== undefined) return { name: `--${kebab(key)}`, text: flagText };
  for (const variable of [setting.variable, ...(setting.aliases ?? [])]) {
    const value = sources.environment[variable];
    if (value !== undefined && value !== "") return { name: variable, text: value };
  }
  const fileText = file[key];
  return fileText === undefined ? null : { name: `config key "${key}"`, text: fileText };
}

function parseFile(file: unknown): Readonly<Record<string, string>> {
  if (file === null || file === undefined) return {};
  if (typeof file !== "object" || Array.isArray(file))
    throw new ConfigError("The config file must hold an object.");
  return Object.fromEntries(
    Object.entries(file).map(([key, value]: [string, unknown]) => {
      if (!Object.hasOwn(settings, key))
        throw new ConfigError(`The config file has an unknown key "${key}".`);
      if (settings[key as keyof Config].isSecret === true) {
        throw new ConfigError(
          `"${key}" is a secret and belongs into its environment variable, not into a config file.`,
        );
      }
      return [key, fileValueText(key, value)];
    }),
  );
}

function fileValueText(key: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(",");
  throw new ConfigError(`Config key "${key}" must be a text, a number, true, false or a list of texts.`);
}

function checkUrl(name: string, value: string): void {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== "" ||
    url.password !== "" ||
    url.search !== "" ||
    url.hash !== ""
  ) {
    throw new ConfigError(`${name} must be a plain http or https URL, such as https://api.example.com/v1.`);
  }
}

/** Unlike a base URL it may have a query. It is not repeated: receivers put secrets into theirs. */
function checkWebhookUrl(value: string): void {
  const url = URL.canParse(value) ? new URL(value) : null;
  const isPlain = url !== null && url.username === "" && url.password === "" && url.hash === "";
  if (isPlain && /^https?:$/.test(url.protocol)) return;
  throw new ConfigError(
    "MESHAGENT_WEBHOOK_URL must be an http or https URL without a user, such as https://hooks.example.com/budgets.",
  );
}

/** `name` is the variable or the file that the secret comes from. Throws a `ConfigError`. */
export function checkWebhookSecret(name: string, secret: Secret): void {
  if (isWebhookSecret(secret)) return;
  throw new ConfigError(`${name} must hold \`whsec_\` and 24 to 64 bytes in base64.`);
}

// Neither of the two repeats the value: a password may stand in it.
function checkDatabase(value: string): void {
  if (/^sqlite:(?:\/\/)?\/?[^/]/.test(value)) return;
  throw new ConfigError(
    /^postgres(ql)?:/.test(value)
      ? "MESHAGENT_DATABASE_URL names PostgreSQL, which this version cannot use yet. Leave it out, or give `sqlite:` and a path."
      : "MESHAGENT_DATABASE_URL must be `sqlite:` and a path, such as sqlite:/var/lib/meshagent/ledger.db.",
  );
}

function checkProxy(value: string): void {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return;
  throw new ConfigError("HTTPS_PROXY must be an http or https URL, such as http://proxy.example.com:3128.");
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
