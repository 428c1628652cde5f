/**
 * The metrics of several processes as those of one: texts of the Prometheus format 0.0.4, as `metrics.ts` writes them,
 * added up sample by sample. Reads no other text: the labels of a sample always stand in one order, and have no timestamp.
 */

/** Whole numbers are exact, however large. */
type Value = bigint | number;

interface Family {
  /** `# HELP` and `# TYPE`. */
  readonly about: string[];
  readonly type: { isCounter: boolean };
  /** By name and labels. */
  readonly samples: Map<string, Value>;
}

/** One text with each sample's sum. What only some of the texts have is in it, too. */
export function sumMetrics(texts: readonly string[]): string {
  return write(readAll(texts));
}

/** What of a text stays true when its process has ended: its counters. */
export function countersOf(text: string): string {
  const families = readAll([text]);
  for (const [name, { type }] of families) if (!type.isCounter) families.delete(name);
  return write(families);
}

function readAll(texts: readonly string[]): Map<string, Family> {
  const families = new Map<string, Family>();
  for (const text of texts) for (const line of text.split("\n")) if (line !== "") readLine(families, line);
  return families;
}

function readLine(families: Map<string, Family>, line: string): void {
  const [, word, named, type] = /^# (HELP|TYPE) (\S+)(?: (\S+))?/.exec(line) ?? [];
  const name = named ?? /^[^{ ]+/.exec(line)?.[0] ?? "";
  const family: Family = families.get(name) ?? { about: [], type: { isCounter: false }, samples: new Map() };
  families.set(name, family);
  if (word !== undefined) {
    if (!family.about.includes(line)) family.about.push(line);
    if (word === "TYPE" && type === "counter") family.type.isCounter = true;
    return;
  }
  const valueAt = line.lastIndexOf(" ");
  const sample = line.slice(0, valueAt);
  family.samples.set(sample, plus(family.samples.get(sample) ?? 0n, line.slice(valueAt + 1)));
}

function plus(value: Value, text: string): Value {
  if (typeof value === "bigint" && /^-?\d+$/.test(text)) return value + BigInt(text);
  return Number(value) + Number(text);
}

function write(families: ReadonlyMap<string, Family>): string {
  const lines = [...families.values()].flatMap(({ about, samples }) => [
    ...about,
    ...[...samples].map(([sample, value]) => `${sample} ${value}`),
  ]);
  return [...lines, ""].join("\n");
}
