/**
 * Codex by its version: which models each brings along. Codex lays a gateway's entries over its own, whole, so an
 * entry for a model that it knows would take that model's prompt and tools away (measured with 0.169.0). Hence the
 * lists here: `codex debug models --bundled` prints them.
 */

/** `major.minor.patch` as numbers. */
export type CodexVersion = readonly [number, number, number];

interface Release {
  readonly version: CodexVersion;
  readonly models: readonly string[];
}

const daybreak = ["gpt-daybreak-blue-latest", "gpt-daybreak-red-latest"];
const gpt56 = ["gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna"];
const gpt6 = ["gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-6.1-sol"];
const review = "codex-auto-review";

const of144 = ["gpt-5.2", "gpt-5.4", "gpt-5.4-mini", "gpt-5.5", ...gpt56, review];
const of166 = ["gpt-5.5", ...gpt56, ...gpt6, "gpt-6.1-terra", ...daybreak, review];

/** From the oldest, which does not ask yet. */
const releases: readonly Release[] = [
  { version: [0, 124, 0], models: ["gpt-5.2", "gpt-5.3-codex", "gpt-5.4", "gpt-5.4-mini", review] },
  { version: [0, 144, 0], models: of144 },
  { version: [0, 149, 1], models: of144 },
  { version: [0, 155, 0], models: ["gpt-5.4", "gpt-5.5", ...gpt56, "gpt-6-astra", ...daybreak, review] },
  { version: [0, 160, 0], models: ["gpt-5.5", ...gpt56, ...gpt6, ...daybreak, review] },
  { version: [0, 166, 0], models: of166 },
  { version: [0, 169, 0], models: of166 },
];

/**
 * OpenAI's models that came out later than this may be part of a Codex that is newer than every one above, which came
 * out in November 2026. Seconds since the epoch.
 */
const mayBeBundledLaterS = Date.UTC(2026, 6, 1) / 1000;

/** What `client_version` says; null where the query has none. Codex sends it on no other request. */
export function parseCodexVersion(query: string): CodexVersion | null {
  const value = new URLSearchParams(query).get("client_version");
  const match = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?![\d.])/.exec(value ?? "");
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3])];
}

/** The models that this version brings along, and between two known ones those of both. */
export function modelsOf(version: CodexVersion): readonly string[] {
  const before = releases.findLast((release) => compare(release.version, version) <= 0);
  if (before !== undefined && compare(before.version, version) === 0) return before.models;
  const after = releases.find((release) => compare(release.version, version) > 0);
  return [...new Set([...(before?.models ?? []), ...(after?.models ?? [])])];
}

/**
 * Whether this version has its own idea of a model. It takes its own entry with the longest slug that the model's name
 * begins with: `gpt-5.5` stands for `gpt-5.5-2026-04-23`, too.
 */
export function isCodexOwn(version: CodexVersion, model: string, createdS: number | null): boolean {
  if (modelsOf(version).some((slug) => model.startsWith(slug))) return true;
  const newest = releases.at(-1);
  const isUnknownVersion = newest !== undefined && compare(newest.version, version) < 0;
  return isUnknownVersion && /^(gpt|codex)-/.test(model) && (createdS ?? 0) > mayBeBundledLaterS;
}

function compare(a: CodexVersion, b: CodexVersion): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
