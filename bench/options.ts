/** What `npm run bench` can be told: flags, else environment variables, else the defaults. */

import { parseArgs } from "node:util";
import { type ProxyName, proxyNames } from "./proxies/proxy.ts";
import { type WorkloadName, workloadNames } from "./workloads.ts";

export interface Options {
  readonly mode: "compare" | "soak" | "limits";
  readonly rounds: number;
  /** Of load for each proxy in each round of W1 and W2. */
  readonly seconds: number;
  /** How long W3's streams are. */
  readonly streamSeconds: number;
  /**
   * Of load on each proxy before it is measured. A just-in-time compiler needs many seconds to settle, and a
   * gateway runs for weeks: what it costs then is what counts.
   */
  readonly warmUpSeconds: number;
  readonly workloads: readonly WorkloadName[];
  readonly proxies: readonly ProxyName[];
  /** Where to write the figures as JSON; null: nowhere. */
  readonly jsonFile: string | null;
  /** Streams at once and repetitions of the soak. */
  readonly soakStreams: number;
  readonly soakCycles: number;
  /** Runs of each mix of the limits, and the seed of the first. */
  readonly seeds: number;
  readonly firstSeed: number;
}

/** Wrong use, to be shown without a stack. */
export class OptionsError extends Error {
  override readonly name = "OptionsError";
}

/** What `--help` prints. */
export const helpText = `npm run bench -- [options]        compare the proxies
npm run bench -- soak [options]   many streams through ours; fails when one does not finish
npm run bench -- limits           how much of a hard budget can be spent; fails when a target is missed

  --rounds N             BENCH_ROUNDS           5     rounds, each proxy once in each
  --seconds N            BENCH_SECONDS          3     of load for each proxy in a round (W1, W2)
  --stream-seconds N     BENCH_STREAM_SECONDS   10    of each stream (W3, soak)
  --warm-up N            BENCH_WARM_UP          20    seconds of load on each proxy before it is measured
  --workloads W1,W2,W3   BENCH_WORKLOADS        all
  --proxies A,B          BENCH_PROXIES          nginx,portkey,ours; also ours-limits
  --json FILE            BENCH_JSON                   write the figures there, too
  --streams N            BENCH_STREAMS          2000  streams at once (soak)
  --cycles N             BENCH_CYCLES           3     repetitions (soak)
  --seeds N              BENCH_SEEDS            20    runs of each mix (limits)
  --first-seed N         BENCH_FIRST_SEED       1     of these runs; the others follow it (limits)
`;

const flags = {
  rounds: "BENCH_ROUNDS",
  seconds: "BENCH_SECONDS",
  "stream-seconds": "BENCH_STREAM_SECONDS",
  "warm-up": "BENCH_WARM_UP",
  workloads: "BENCH_WORKLOADS",
  proxies: "BENCH_PROXIES",
  json: "BENCH_JSON",
  streams: "BENCH_STREAMS",
  cycles: "BENCH_CYCLES",
  seeds: "BENCH_SEEDS",
  "first-seed": "BENCH_FIRST_SEED",
} as const;

type Flag = keyof typeof flags;

const byDefault = proxyNames.filter((name) => name !== "ours-limits");

/** `null`: help was asked for. Throws `OptionsError`. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Options | null {
  const { values, mode } = parseFlags(args);
  if (values["help"] === true) return null;
  const given = (flag: Flag): string | undefined => {
    const value = values[flag];
    return typeof value === "string" ? value : env[flags[flag]];
  };
  const number = (flag: Flag, byDefault: number, min: number): number => {
    const text = given(flag) ?? String(byDefault);
    if (!/^\d{1,6}$/.test(text) || Number(text) < min)
      throw new OptionsError(`--${flag} must be a whole number of at least ${min}, not ${text}.`);
    return Number(text);
  };
  return {
    mode,
    rounds: number("rounds", 5, 1),
    seconds: number("seconds", 3, 1),
    streamSeconds: number("stream-seconds", 10, 1),
    warmUpSeconds: number("warm-up", 20, 0),
    workloads: listOf("workloads", given("workloads"), workloadNames),
    proxies: listOf("proxies", given("proxies"), proxyNames, byDefault),
    jsonFile: given("json") ?? null,
    soakStreams: number("streams", 2000, 1),
    soakCycles: number("cycles", 3, 2),
    seeds: number("seeds", 20, 1),
    firstSeed: number("first-seed", 1, 0),
  };
}

function parseFlags(args: readonly string[]): {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly mode: Options["mode"];
} {
  const options = Object.fromEntries(Object.keys(flags).map((flag) => [flag, { type: "string" as const }]));
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: "boolean" as const } },
      allowPositionals: true,
    });
    const [mode = "compare", ...rest] = positionals;
    if (rest.length === 0 && (mode === "compare" || mode === "soak" || mode === "limits"))
      return { values: values as Record<string, string | boolean | undefined>, mode };
  } catch (error) {
    throw new OptionsError(`${error instanceof Error ? error.message : String(error)}\n\n${helpText}`);
  }
  throw new OptionsError(`I do not know \`${args.join(" ")}\`.\n\n${helpText}`);
}

/** In the order of `known`, whatever order they were given in. */
function listOf<Name extends string>(
  flag: Flag,
  text: string | undefined,
  known: readonly Name[],
  byDefault: readonly Name[] = known,
): Name[] {
  if (text === undefined) return [...byDefault];
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  const found = known.filter((name) => names.includes(name.toLowerCase()));
  if (found.length !== new Set(names).size)
    throw new OptionsError(`--${flag} takes some of ${known.join(",")}, not ${text}.`);
  return found;
}
