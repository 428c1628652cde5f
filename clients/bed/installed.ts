/**
 * Where the real clients are on this machine: the native binaries of the versions that clients/package.json
 * pins. Runs nothing and installs nothing.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder with the clients' package.json and node_modules. */
export const clientsDir: string = dirname(import.meta.dirname);

interface Binaries {
  readonly codex: string;
  readonly claude: string;
  /** null where it is not installed: its package is pinned for one platform alone. */
  readonly opencode: string | null;
}

/** Each client puts its binary in an optional dependency of its own for every platform. */
const binariesByPlatform: Readonly<Record<string, Binaries>> = {
  "linux-x64": binariesOf("linux-x64", "x86_64-unknown-linux-musl"),
  "linux-arm64": binariesOf("linux-arm64", "aarch64-unknown-linux-musl"),
  "darwin-x64": binariesOf("darwin-x64", "x86_64-apple-darwin"),
  "darwin-arm64": binariesOf("darwin-arm64", "aarch64-apple-darwin"),
};

function binariesOf(platform: string, target: string): Binaries {
  return {
    codex: `node_modules/@openai/codex-${platform}/vendor/${target}/bin/codex`,
    claude: `node_modules/@anthropic-ai/claude-code-${platform}/claude`,
    opencode: platform === "linux-x64" ? "node_modules/opencode-linux-x64/bin/opencode" : null,
  };
}

/** The clients' absolute paths. Throws where no binaries are made for this platform. */
export function clientBinaries(): Binaries {
  const platform = `${process.platform}-${process.arch}`;
  const binaries = binariesByPlatform[platform];
  if (binaries === undefined) throw new Error(`The real clients are not tested on ${platform}.`);
  return {
    codex: join(clientsDir, binaries.codex),
    claude: join(clientsDir, binaries.claude),
    opencode: binaries.opencode === null ? null : join(clientsDir, binaries.opencode),
  };
}

/** The versions that package.json pins for this platform, by package name. */
export function pinnedVersions(): Readonly<Record<string, string>> {
  const manifest = readJson(join(clientsDir, "package.json")) as {
    dependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
  };
  const isWhole = clientBinaries().opencode !== null;
  return { ...manifest.dependencies, ...(isWhole ? manifest.optionalDependencies : {}) };
}

/** One pinned version. Throws for a package that is not pinned. */
export function pinnedVersion(name: string): string {
  const version = pinnedVersions()[name];
  if (version === undefined) throw new Error(`clients/package.json does not pin ${name}.`);
  return version;
}

/** What is missing or of another version; empty when the tests can run. */
export function installProblems(): readonly string[] {
  const problems: string[] = [];
  for (const [name, pinned] of Object.entries(pinnedVersions())) {
    const path = join(clientsDir, "node_modules", name, "package.json");
    const found = existsSync(path) ? (readJson(path) as { version: string }).version : "none";
    if (found !== pinned) problems.push(`${name}: ${pinned} is pinned, ${found} is installed`);
  }
  for (const path of Object.values(clientBinaries())) {
    if (path !== null && !existsSync(path)) problems.push(`${path} is missing`);
  }
  return problems;
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
