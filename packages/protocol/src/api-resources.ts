/**
 * The things that the management API keeps: projects, service accounts, API keys, providers. Shapes
 * and member names follow what the official `@meshagent/meshagent` client reads; ours stand beside them.
 *
 * No shape here has a member for a secret, but for `CreatedApiKey.value`, which is sent once, and
 * `SetProviderBody.api_key`, which only ever goes in.
 */

import { z } from "zod";
import { pagedMembers } from "./api-pages.ts";
import type { Paged } from "./api-pages.ts";
import { findNameProblem } from "./name.ts";

const MAX_TEXT_LENGTH = 4096;
/** Longer than any provider's key, short enough to be no attack. */
const MAX_PROVIDER_KEY_LENGTH = 4096;

/** The rule that tokens and headers have, so that what is created here can be named there. */
export const checkedName: z.ZodType<string, string> = z.string().superRefine((value, context) => {
  const problem = findNameProblem(value);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
});

const name = checkedName;
const text: z.ZodType<string, string> = z.string().max(MAX_TEXT_LENGTH);
const time: z.ZodType<string> = z.string();

// ---------------------------------------------------------------- projects

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** RFC 3339, like every `_at` of the API. */
  readonly created_at: string;
}

export const projectSchema: z.ZodType<Project> = z.object({
  id: z.string(),
  name: z.string(),
  settings: z.record(z.string(), z.unknown()),
  created_at: time,
});

export interface ProjectList extends Paged {
  readonly projects: readonly Project[];
}

export const projectListSchema: z.ZodType<ProjectList> = z.object({
  projects: z.array(projectSchema),
  ...pagedMembers,
});

/** A member that is absent stays as it is; null goes back to the server's default. */
export interface ProjectSettings {
  /** Rooms must be created before they are used; without it a token registers its room on first use. */
  readonly require_rooms?: boolean | null | undefined;
  /** When a caller leaves mid-reply: read it to its end (exact), or cancel it (estimated). */
  readonly on_disconnect?: "drain" | "cancel" | null | undefined;
  /** All rooms see what any of them made at the provider: stored responses, files, batches. */
  readonly share_objects?: boolean | null | undefined;
}

// Strict, so that no setting is lost in silence.
export const projectSettingsSchema: z.ZodType<ProjectSettings> = z.strictObject({
  require_rooms: z.boolean().nullish().meta({
    description: "Rooms must be created before they are used, instead of being registered on first use.",
  }),
  on_disconnect: z.enum(["drain", "cancel"]).nullish().meta({
    description:
      "When a caller leaves mid-reply: read the reply to its end, so that its usage is exact, or cancel it and estimate.",
  }),
  share_objects: z.boolean().nullish().meta({
    description:
      "All rooms see what any of them made at the provider (stored responses, files, batches), instead of their own alone.",
  }),
});

export interface CreateProjectBody {
  readonly name: string;
  readonly settings?: ProjectSettings | null | undefined;
}

export const createProjectBodySchema: z.ZodType<CreateProjectBody> = z.object({
  name,
  settings: projectSettingsSchema.nullish(),
});

// ---------------------------------------------------------------- service accounts

export interface ServiceAccount {
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  readonly created_at: string;
}

export const serviceAccountSchema: z.ZodType<ServiceAccount> = z.object({
  id: z.string(),
  project_id: z.string(),
  name: z.string(),
  created_at: time,
});

export interface ServiceAccountList extends Paged {
  readonly service_accounts: readonly ServiceAccount[];
}

export const serviceAccountListSchema: z.ZodType<ServiceAccountList> = z.object({
  service_accounts: z.array(serviceAccountSchema),
  ...pagedMembers,
});

export interface CreateServiceAccountBody {
  readonly name: string;
}

export const createServiceAccountBodySchema: z.ZodType<CreateServiceAccountBody> = z.object({ name });

// ---------------------------------------------------------------- API keys

/** An API key without its text. */
export interface ApiKey {
  readonly id: string;
  readonly project_id: string;
  readonly service_account_id: string;
  readonly name: string;
  readonly description: string;
  readonly created_at: string;
}

const apiKeyMembers = {
  id: z.string(),
  project_id: z.string(),
  service_account_id: z.string(),
  name: z.string(),
  description: z.string(),
  created_at: time,
};

export const apiKeySchema: z.ZodType<ApiKey> = z.object(apiKeyMembers);

export interface ApiKeyList extends Paged {
  readonly keys: readonly ApiKey[];
}

export const apiKeyListSchema: z.ZodType<ApiKeyList> = z.object({
  keys: z.array(apiKeySchema),
  ...pagedMembers,
});

export interface CreateApiKeyBody {
  readonly name: string;
  readonly description?: string | null | undefined;
}

export const createApiKeyBodySchema: z.ZodType<CreateApiKeyBody> = z.object({
  name,
  description: text.nullish(),
});

/** The only reply that holds a key's text, and the only time it is sent. */
export interface CreatedApiKey extends ApiKey {
  /** `ma-<id>-<project>-<secret>`. */
  readonly value: string;
}

export const createdApiKeySchema: z.ZodType<CreatedApiKey> = z.object({
  ...apiKeyMembers,
  value: z.string(),
});

// ---------------------------------------------------------------- providers

/** Where the key comes from that a project's requests go up with. */
export type ProviderSource = "project" | "environment" | "simulated" | "none";

/** Whether headers come down to callers. */
export type HeaderPolicy = "pass" | "drop";

/** The encodings of a request's body that can be named. */
export const contentEncodings = ["gzip", "deflate", "br", "zstd"] as const;

export type ContentEncoding = (typeof contentEncodings)[number];

export interface Provider {
  readonly name: string;
  readonly display_name: string;
  /** The wire protocol that it answers natively: `openai`, `anthropic`. */
  readonly dialect: string;
  readonly source: ProviderSource;
  /** Where requests go; null when they go nowhere. */
  readonly base_url: string | null;
  /** The environment variable of the server that holds its default key. */
  readonly api_key_variable: string;
  /** Whether the account's rate-limit headers come down to callers. `retry-after` always does. */
  readonly rate_limit_headers: HeaderPolicy;
  /** The encodings in which requests' bodies go up as they came; those in others go up decoded. */
  readonly accepted_encodings: readonly ContentEncoding[];
  /** When the project's own setting was last changed; null without one. */
  readonly updated_at: string | null;
}

const headerPolicy = z.enum(["pass", "drop"]);
const encodingList = z.array(z.enum(contentEncodings));

const providerMembers = {
  name: z.string(),
  display_name: z.string(),
  dialect: z.string(),
  source: z.enum(["project", "environment", "simulated", "none"]),
  base_url: z.string().nullable(),
  api_key_variable: z.string(),
  // Both are left out by gateways before 0.2.
  rate_limit_headers: headerPolicy.default("pass"),
  accepted_encodings: encodingList.default([]),
  updated_at: time.nullable(),
};

export const providerSchema: z.ZodType<Provider> = z.object(providerMembers);

export interface ProviderList extends Paged {
  readonly providers: readonly Provider[];
}

export const providerListSchema: z.ZodType<ProviderList> = z.object({
  providers: z.array(providerSchema),
  ...pagedMembers,
});

/** A member that is absent stays as it is; null goes back to the server's default. */
export interface SetProviderBody {
  readonly api_key?: string | null | undefined;
  readonly base_url?: string | null | undefined;
  readonly rate_limit_headers?: HeaderPolicy | null | undefined;
  /** Empty: every encoded body goes up decoded. */
  readonly accepted_encodings?: readonly ContentEncoding[] | null | undefined;
}

export const setProviderBodySchema: z.ZodType<SetProviderBody> = z.object({
  // The pattern keeps out what a header line could not carry.
  api_key: z
    .string()
    .max(MAX_PROVIDER_KEY_LENGTH)
    .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")
    .nullish(),
  base_url: z
    .string()
    .max(2048)
    .refine(isBaseUrl, "must be an http or https URL without credentials, query or fragment")
    .nullish(),
  rate_limit_headers: headerPolicy
    .nullish()
    .meta({ description: "Whether the account's rate-limit headers come down to callers." }),
  accepted_encodings: encodingList
    .nullish()
    .meta({ description: "The encodings in which requests' bodies go up as they came." }),
});

function isBaseUrl(value: string): boolean {
  const url = URL.parse(value);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return false;
  return url.username === "" && url.password === "" && !/[?#]/.test(value);
}

export interface SetProviderReply extends Provider {
  /** The new base URL has another origin and came without a key, so the project's stored key was dropped. */
  readonly key_dropped: boolean;
}

export const setProviderReplySchema: z.ZodType<SetProviderReply> = z.object({
  ...providerMembers,
  key_dropped: z.boolean(),
});

export interface ProviderTest {
  readonly ok: boolean;
  /** For a person: what was tried and what came of it. */
  readonly message: string;
}

export const providerTestSchema: z.ZodType<ProviderTest> = z.object({ ok: z.boolean(), message: z.string() });
