/** The arrows of ARCHITECTURE.md, read from every import: what may know what. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { describe, it } from "node:test";

const root = join(import.meta.dirname, "..");

interface Import {
  /** `packages/gateway/src/forward/relay.ts`. */
  readonly from: string;
  /** A file of the tree in the same form, else the name of a package or of a module of Node. */
  readonly to: string;
  /** Erased when it runs: `import type`. */
  readonly isType: boolean;
  /** `import(...)`. */
  readonly isDynamic: boolean;
}

/** Files that run in tests alone, by the names that they have in this tree. */
const testSupport =
  /(?:\.test|\.fixture|harness|conformance)\.ts$|\/sample-[^/]*\.ts$|\/(?:conformance|test-bed)\//;

const files = readdirSync(join(root, "packages"))
  .flatMap((name) => sourcesBelow(`packages/${name}/src`))
  .filter((file) => !testSupport.test(file));

const imports = files.flatMap(importsOf);

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name.split(sep).join("/")}`);
}

/** The text without its comments, so that what they mention is not taken for code. */
function codeOf(file: string): string {
  const text = readFileSync(join(root, file), "utf8");
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  const statement = /^(?:import|export)(\s+type)?\s(?:[^;"']*?\sfrom\s+)?["']([^"']+)["']/gm;
  // A worker's file is an import, too.
  const expression = /\bimport\(\s*["']([^"']+)["']\s*\)|new URL\(\s*["'](\.[^"']+\.ts)["']/g;
  const code = codeOf(file);
  for (const [, type, name = ""] of code.matchAll(statement)) {
    found.push({ from: file, to: resolved(file, name), isType: type !== undefined, isDynamic: false });
  }
  for (const [, name, worker] of code.matchAll(expression)) {
    found.push({ from: file, to: resolved(file, name ?? worker ?? ""), isType: false, isDynamic: true });
  }
  return found;
}

function resolved(file: string, name: string): string {
  if (name.startsWith("."))
    return normalize(join(dirname(file), name))
      .split(sep)
      .join("/");
  const workspace = /^@meshagent\/llm-proxy-(protocol|gateway|cli)\/(.+)$/.exec(name);
  return workspace === null ? name : `packages/${workspace[1]}/src/${workspace[2]}.ts`;
}

const gateway = "packages/gateway/src/";
const steps = [
  "match",
  "authenticate",
  "receive",
  "admit",
  "route",
  "own",
  "hold",
  "forward",
  "meter",
  "record",
] as const;

/** `forward` for a file of the step folder of that name, else null. */
function stepOf(file: string): string | null {
  return steps.find((step) => file.startsWith(`${gateway}${step}/`)) ?? null;
}

/** Asserts that no import is an offence, and prints those that are. */
function none(offends: (each: Import) => boolean): void {
  const offences = imports.filter(offends).map((each) => `${each.from} -> ${each.to}`);
  assert.deepEqual([...new Set(offences)], []);
}

const below = (folder: string, file: string): boolean => file.startsWith(gateway + folder);

describe("arrows", () => {
  it("are read at all", () => {
    assert.ok(files.length > 150, `${files.length} files`);
    assert.ok(
      imports.some(
        ({ from, to }) => from === `${gateway}lifecycle.ts` && to === `${gateway}record/record.ts`,
      ),
    );
    assert.ok(imports.some(({ isDynamic, to }) => isDynamic && to === `${gateway}serve.ts`));
    for (const { from, to } of imports.filter((each) => each.to.startsWith("packages/"))) {
      assert.ok(testSupport.test(to) || files.includes(to), `${from} imports ${to}, which is there`);
    }
    for (const step of steps)
      assert.ok(
        files.some((file) => stepOf(file) === step),
        step,
      );
  });

  it("no code imports what runs in tests alone", () => none(({ to }) => testSupport.test(to)));

  it("no step imports a step", () => {
    none(({ from, to }) => stepOf(from) !== null && stepOf(to) !== null && stepOf(from) !== stepOf(to));
  });

  it("nothing that the steps stand on imports a step", () => {
    const grounds = [
      "dialects/",
      "providers/",
      "store/",
      "pricing/",
      "observe/",
      "upstream/",
      "websocket/",
      "config/",
    ];
    const leaves = [
      "exchange",
      "errors",
      "headers",
      "money",
      "clock",
      "ids",
      "secret",
      "encoding",
      "json-pick",
      "json-scan",
      "observation",
      "data-dir",
    ];
    none(
      ({ from, to }) =>
        stepOf(to) !== null &&
        (grounds.some((folder) => below(folder, from)) ||
          leaves.some((leaf) => from === `${gateway}${leaf}.ts`)),
    );
  });

  it("nothing but `gateway.ts` knows which store runs, which providers there are and who speaks HTTP to them", () => {
    const concrete = /^packages\/gateway\/src\/(?:(store\/[^/]+)|(providers\/[^/]+)|(upstream))\//;
    none(({ from, to }) => {
      const [, store, provider, upstream] = concrete.exec(to) ?? [];
      if (from === `${gateway}gateway.ts`) return false;
      if (upstream !== undefined) return to.endsWith("-client.ts") && !below("upstream/", from);
      const folder = store ?? provider;
      return folder !== undefined && !below(`${folder}/`, from);
    });
  });

  it("a dialect knows no step, no store, no provider of flesh and blood, no server and no API", () => {
    none(
      ({ from, to }) =>
        below("dialects/", from) &&
        (stepOf(to) !== null ||
          /^packages\/gateway\/src\/(?:store|server|api|config|upstream\/.*-client|providers\/[^/]+\/)/.test(
            to,
          )),
    );
  });

  it("steps know no server, no API and no command line", () => {
    none(
      ({ from, to }) =>
        stepOf(from) !== null &&
        (below("server/", to) || below("api/", to) || to.startsWith("packages/cli/")),
    );
  });

  it("`protocol` runs anywhere: no Node, no other part, no package but jose and zod", () => {
    none(
      ({ from, to }) =>
        from.startsWith("packages/protocol/") &&
        !to.startsWith("packages/protocol/") &&
        !/^(?:jose|zod)(?:\/|$)/.test(to),
    );
  });

  it("the command line loads the server for `serve` and `backup` alone, and then only", () => {
    none(
      ({ from, to, isDynamic, isType }) =>
        from.startsWith("packages/cli/") &&
        to.startsWith(gateway) &&
        !isType &&
        !(isDynamic && /^packages\/cli\/src\/commands\/(?:serve|backup)\.ts$/.test(from)),
    );
    none(({ from, to }) => from.startsWith(gateway) && to.startsWith("packages/cli/"));
  });

  it("no imports go in a circle", () => {
    const next = new Map<string, string[]>();
    for (const { from, to, isType, isDynamic } of imports) {
      // What is erased, or loaded when it is needed, waits for nobody at the start.
      if (!isType && !isDynamic && to.startsWith("packages/"))
        next.set(from, [...(next.get(from) ?? []), to]);
    }
    const done = new Set<string>();
    const walk = (file: string, path: readonly string[]): void => {
      const at = path.indexOf(file);
      assert.equal(at, -1, `a circle: ${[...path.slice(at), file].join(" -> ")}`);
      if (done.has(file)) return;
      for (const to of next.get(file) ?? []) walk(to, [...path, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
  });
});

describe("names", () => {
  it("no provider's name outside `providers/`, the dialects of the same names, the prices and `gateway.ts`", () => {
    const names = readdirSync(join(root, gateway, "providers"), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && entry.name !== "simulated" ? [entry.name] : [],
    );
    assert.ok(names.length >= 2);
    const isAllowed = (file: string): boolean =>
      ["providers/", "dialects/", "pricing/"].some((folder) => below(folder, file)) ||
      file === `${gateway}gateway.ts`;
    // The name alone as a text, its variables, or as a name in the code. Paths such as `/openai/v1` are dialects'.
    const mention = new RegExp(
      `["'\`](?:${names.join("|")})["'\`]|\\b(?:${names.join("|").toUpperCase()})_[A-Z_]+|(?<![\\w/."'\`-])(?:${names.join("|")})(?=[,;:)}\\]. ])`,
      "g",
    );
    const mentions = files
      .filter((file) => file.startsWith(gateway) && !isAllowed(file))
      .flatMap((file) =>
        [...codeOf(file).matchAll(mention)].map(([text]) => `${relative(gateway, file)}: ${text}`),
      );
    assert.deepEqual(mentions, []);
  });
});
