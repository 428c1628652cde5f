/**
 * The gateway's directory on disk: made on first start, readable by its owner alone. Holds the master key, the
 * owner's token, the ledger and, while the gateway runs, where it listens.
 */

import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "./config/config.ts";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";

export const masterKeyFile = "master.key";
export const ownerTokenFile = "owner-token";
export const webhookSecretFile = "webhook-secret";
/** `{"url","pid"}` while the gateway runs, so that `meshagent setup` on this machine finds it. */
export const gatewayFile = "gateway.json";

export interface DataDir {
  readonly path: string;
  /** True when the directory was made by this start. */
  readonly isNew: boolean;
}

/** `~/.meshagent/gateway` unless the operator names another. */
export function defaultDataDir(): string {
  return join(homedir(), ".meshagent", "gateway");
}

export function openDataDir(path: string): DataDir {
  try {
    const isNew = mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined;
    if (!statSync(path).isDirectory()) throw new Error("it is a file");
    return { path, isNew };
  } catch (cause) {
    throw new ConfigError(
      `The data directory ${path} cannot be used: ${cause instanceof Error ? cause.message : "unknown"}. Name another with --data-dir.`,
      { cause },
    );
  }
}

/** The secret in this file, made of `byteLength` random bytes on the first call. */
export function readOrCreateSecret(dataDir: DataDir, name: string, create: () => string): Secret {
  const path = join(dataDir.path, name);
  try {
    const text = readFileSync(path, "utf8").trim();
    if (text !== "") {
      // Someone may have copied the directory about: nobody else may read a secret.
      chmodSync(path, 0o600);
      return new Secret(text);
    }
  } catch (error) {
    if (!isNotFound(error)) throw unreadable(path, error);
  }
  const text = create();
  writeWhole(path, `${text}\n`);
  return new Secret(text);
}

/** 32 random bytes in base64. */
export function newMasterKey(): string {
  return randomBytes(32).toString("base64");
}

/** `mo-` and 32 random bytes: the prefix tells an owner's token from an API key (`ma-`) and a participant token. */
export function newOwnerToken(): string {
  return `mo-${randomBytes(32).toString("base64url")}`;
}

export function writeGatewayFile(
  dataDir: DataDir,
  content: { readonly url: string; readonly pid: number },
): void {
  writeWhole(join(dataDir.path, gatewayFile), `${JSON.stringify(content)}\n`);
}

export function removeGatewayFile(dataDir: DataDir): void {
  rmSync(join(dataDir.path, gatewayFile), { force: true });
}

/** Whole or not at all: a reader never meets half a file. */
function writeWhole(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function unreadable(path: string, cause: unknown): ConfigError {
  const reason = cause instanceof Error ? cause.message : "unknown";
  return new ConfigError(`${path} cannot be read or written: ${reason}. Check who owns the data directory.`, {
    cause,
  });
}
