/** The kinds of setting: how each reads its text, and what it says when it cannot. */

import { BlockList, isIP } from "node:net";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";

export interface Setting<Value> {
  /** Environment variable. */
  readonly variable: string;
  /** Other spellings of the variable, tried after it. */
  readonly aliases?: readonly string[];
  /** For the reference page. */
  readonly about: string;
  readonly byDefault: Value;
  /** The default in words, for the reference page; "" for none. */
  readonly defaultText: string;
  /** It comes from the environment alone: a secret has no place in a config file or on a command line. */
  readonly isSecret?: true;
  /** All that it can be, where that is a short list. */
  readonly choices?: readonly string[];
  /** Throws an `Error` whose message ends the sentence "VARIABLE ...". */
  parse(text: string): Value;
}

export function text(variable: string, byDefault: string, about: string): Setting<string> {
  return { variable, about, byDefault, defaultText: byDefault, parse: (value) => value };
}

export function optional(variable: string, about: string): Setting<string | null> {
  return {
    variable,
    about,
    byDefault: null,
    defaultText: "",
    parse: (value) => (value === "" ? null : value),
  };
}

export function secret(variable: string, about: string): Setting<Secret | null> {
  const parse = (value: string): Secret | null => (value === "" ? null : new Secret(value));
  return { variable, about, byDefault: null, defaultText: "", isSecret: true, parse };
}

export function list(variable: string, about: string): Setting<readonly string[]> {
  const parse = (value: string): readonly string[] =>
    value
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  return { variable, about, byDefault: [], defaultText: "", parse };
}

/** Addresses and CIDR ranges, parted by commas. */
export function addresses(variable: string, about: string): Setting<BlockList> {
  const parse = (value: string): BlockList => {
    const found = new BlockList();
    for (const item of list(variable, about).parse(value)) addAddresses(found, item);
    return found;
  };
  return { variable, about, byDefault: new BlockList(), defaultText: "", parse };
}

function addAddresses(found: BlockList, item: string): void {
  const [address = "", bits, ...rest] = item.split("/");
  const family = isIP(address);
  const width = family === 6 ? 128 : 32;
  const isPrefix = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width);
  if (family === 0 || rest.length > 0 || !isPrefix) {
    throw new Error(`must be addresses or CIDR ranges, such as 10.0.0.0/8, not "${item}".`);
  }
  found.addSubnet(address, Number(bits ?? width), family === 6 ? "ipv6" : "ipv4");
}

export function flag(variable: string, about: string): Setting<boolean> {
  const parse = (value: string): boolean => {
    if (["1", "true", "yes", "on"].includes(value.toLowerCase())) return true;
    if (["", "0", "false", "no", "off"].includes(value.toLowerCase())) return false;
    throw new Error(`must be 1 or 0, not "${value}".`);
  };
  return { variable, about, byDefault: false, defaultText: "0", parse };
}

/** The first choice is the default. */
export function choice<const Value extends string>(
  variable: string,
  choices: readonly [Value, ...Value[]],
  about: string,
): Setting<Value> {
  const parse = (value: string): Value => {
    const found = choices.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`must be one of ${choices.join(", ")}, not "${value}".`);
    return found;
  };
  return { variable, about, byDefault: choices[0], defaultText: choices[0], choices, parse };
}

export interface IntegerBounds {
  readonly byDefault: number;
  readonly min: number;
  readonly max: number;
}

export function integer(variable: string, bounds: IntegerBounds, about: string): Setting<number> {
  const { byDefault, min, max } = bounds;
  const parse = (value: string): number => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) {
      throw new Error(`must be a whole number from ${min} to ${max}, not "${value}".`);
    }
    return number;
  };
  return { variable, about, byDefault, defaultText: String(byDefault), parse };
}

const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `30s`, `10m`, `1h`. A bare number is refused, because nobody knows its unit. */
export function duration(variable: string, byDefaultMs: number, about: string): Setting<number> {
  const parse = (value: string): number => {
    const match = /^(\d+)(ms|s|m|h)$/.exec(value);
    const ms = Number(match?.[1]) * (durationUnitsMs[match?.[2] ?? ""] ?? Number.NaN);
    // Timers of Node hold 31 bits.
    if (Number.isNaN(ms) || ms > 2_147_483_647)
      throw new Error(`must be a duration such as 30s or 10m, not "${value}".`);
    return ms;
  };
  return { variable, about, byDefault: byDefaultMs, defaultText: durationText(byDefaultMs), parse };
}

const sizeUnits: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, B: 1 };

/** `512KiB`, `64MiB`, `2GiB`. */
export function size(variable: string, byDefaultBytes: number, about: string): Setting<number> {
  const parse = (value: string): number => {
    const match = /^(\d+)(B|KiB|MiB|GiB)$/.exec(value);
    const bytes = Number(match?.[1]) * (sizeUnits[match?.[2] ?? ""] ?? Number.NaN);
    if (!Number.isSafeInteger(bytes))
      throw new Error(`must be a size such as 512KiB or 64MiB, not "${value}".`);
    return bytes;
  };
  return { variable, about, byDefault: byDefaultBytes, defaultText: sizeText(byDefaultBytes), parse };
}

function durationText(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function sizeText(bytes: number): string {
  const unit = ["GiB", "MiB", "KiB"].find((name) => bytes % (sizeUnits[name] ?? 1) === 0) ?? "B";
  return `${bytes / (sizeUnits[unit] ?? 1)}${unit}`;
}
