/**
 * What the command remembers between runs: the gateway, the owner's token for it, the active project, and
 * one active API key per project. One JSON file under MESHAGENT_HOME that only its owner can read.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { CliFailure } from "./failure.ts";
import { writePrivateFile } from "./private-file.ts";

export interface Profile {
  /** null: never set up. */
  readonly apiUrl: string | null;
  /** The owner's token of the gateway at `apiUrl`. It goes to no other origin. */
  readonly adminToken: Secret | null;
  readonly projectId: string | null;
  readonly projectName: string | null;
  /** The active API key of each project, by project id. */
  readonly apiKeys: Readonly<Record<string, Secret>>;
}

/** A machine on which nothing was set up. */
export const emptyProfile: Profile = {
  apiUrl: null,
  adminToken: null,
  projectId: null,
  projectName: null,
  apiKeys: {},
};

/** Where the profile stands. */
export function profilePath(home: string): string {
  return join(home, "profile.json");
}

/** The stored profile, or an empty one. Throws a CliFailure when the file is there and cannot be read. */
export function readProfile(home: string): Profile {
  const path = profilePath(home);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return emptyProfile;
    throw new CliFailure(`The profile ${path} cannot be read`, { cause: error, hint: "Check who owns it." });
  }
  const stored = parseObject(text);
  if (stored === null) {
    throw new CliFailure(`The profile ${path} is damaged.`, {
      hint: "Move it away and run: meshagent setup",
    });
  }
  const keys = Object.entries(asObject(stored["api_keys"])).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  const adminToken = textOrNull(stored["admin_token"]);
  return {
    apiUrl: textOrNull(stored["api_url"]),
    adminToken: adminToken === null ? null : new Secret(adminToken),
    projectId: textOrNull(stored["project_id"]),
    projectName: textOrNull(stored["project_name"]),
    apiKeys: Object.fromEntries(keys.map(([project, key]) => [project, new Secret(key)])),
  };
}

/** Replaces the stored profile. The file gets mode 0600, its directory 0700 when it is new. */
export function writeProfile(home: string, profile: Profile): void {
  const stored = {
    version: 1,
    api_url: profile.apiUrl,
    admin_token: profile.adminToken?.reveal() ?? null,
    project_id: profile.projectId,
    project_name: profile.projectName,
    api_keys: Object.fromEntries(
      Object.entries(profile.apiKeys).map(([project, key]) => [project, key.reveal()]),
    ),
  };
  writePrivateFile(profilePath(home), `${JSON.stringify(stored, null, 2)}\n`);
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
