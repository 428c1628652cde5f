/**
 * `meshagent backup`: a copy of the ledger and, when asked, of the keys that a restore needs, from beside a gateway
 * that may be running. Changes nothing of the gateway's own; prints nothing.
 */

import { copyFileSync, constants, chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { ConfigError } from "./config/config.ts";
import { defaultDataDir, masterKeyFile, ownerTokenFile } from "./data-dir.ts";
import { backUpStore } from "./gateway.ts";
import { readConfig, type ServeFlags } from "./read-config.ts";

export interface BackupRequest {
  readonly file: string;
  readonly flags: Pick<ServeFlags, "dataDir" | "database" | "config">;
  /** Copy the master key and the owner's token beside the backup. */
  readonly withKeys: boolean;
}

/** Where a key that a restore needs is: in a file of the data directory, in the environment, or nowhere here. */
export type KeyPlace =
  | { readonly from: "file"; readonly path: string; readonly copy: string | null }
  | { readonly from: "environment"; readonly variable: string }
  | { readonly from: "nowhere"; readonly path: string };

export interface BackupReport {
  readonly file: string;
  readonly bytes: number;
  readonly schema: number;
  readonly exchanges: number;
  /** Without it the stored API keys and provider keys cannot be read. */
  readonly masterKey: KeyPlace;
  /** Without it a restored gateway makes a new one. */
  readonly ownerToken: KeyPlace;
}

/**
 * Throws `ConfigError` for settings that cannot be, `StoreUnusableError` and `MasterKeyError` as
 * `backUpDatabase` does. What it has written by then is removed.
 */
export function runBackup({ file, flags, withKeys }: BackupRequest): BackupReport {
  const config = readConfig(flags);
  const dataDir = resolve(config.dataDir ?? defaultDataDir());
  const target = resolve(file);
  const place = (name: string, variable: string, given: Secret | null): KeyPlace => {
    const path = join(dataDir, name);
    if (given !== null) return { from: "environment", variable };
    if (!existsSync(path)) return { from: "nowhere", path };
    return { from: "file", path, copy: withKeys ? `${target}.${name}` : null };
  };
  const masterKey = place(masterKeyFile, "MESHAGENT_MASTER_KEY", config.masterKey);
  const ownerToken = place(ownerTokenFile, "MESHAGENT_ADMIN_TOKEN", config.adminToken);
  const copied: string[] = [];
  try {
    for (const key of [masterKey, ownerToken]) {
      if (key.from !== "file" || key.copy === null) continue;
      copyKey(key.path, key.copy);
      copied.push(key.copy);
    }
    const backup = backUpStore({
      config,
      dataDir,
      targetFile: target,
      masterKey: config.masterKey ?? (masterKey.from === "file" ? readKey(masterKey.path) : null),
    });
    return { file: target, ...backup, masterKey, ownerToken };
  } catch (error) {
    for (const path of copied) rmSync(path, { force: true });
    throw error;
  }
}

function copyKey(from: string, to: string): void {
  if (existsSync(to)) {
    throw new ConfigError(`${to} is there already. A backup overwrites nothing: name another file.`);
  }
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    chmodSync(to, 0o600);
  } catch (cause) {
    throw new ConfigError(`${from} cannot be copied to ${to}: ${reason(cause)}.`, { cause });
  }
}

function readKey(path: string): Secret {
  try {
    return new Secret(readFileSync(path, "utf8").trim());
  } catch (cause) {
    throw new ConfigError(`${path} cannot be read: ${reason(cause)}. Run this as the gateway's own user.`, {
      cause,
    });
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : "unknown";
}
