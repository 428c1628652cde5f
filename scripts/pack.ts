/**
 * Makes `npm pack -w packages/cli` give a package that runs anywhere: builds all three packages and puts the
 * two that no registry has inside the third, as bundled dependencies. npm calls it before (`stage`) and
 * after (`clean`) packing. It writes nothing but build output, and publishes nothing.
 */

import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dirname);
const cli = join(root, "packages", "cli");
const bundled = ["protocol", "gateway"] as const;
/** Of the root, shown by registries beside the package. */
const texts = ["LICENSE", "README.md"];

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

function stage(): void {
  clean();
  // A file whose source is gone must not be published.
  for (const name of [...bundled, "cli"]) {
    rmSync(join(root, "packages", name, "dist"), { recursive: true, force: true });
    rmSync(join(root, "packages", name, "tsconfig.tsbuildinfo"), { force: true });
  }
  execFileSync(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b", cli], {
    stdio: "inherit",
  });
  const manifests = bundled.map((name) => stagePackage(join(root, "packages", name)));
  checkDependencies(manifests);
  for (const text of texts) if (existsSync(join(root, text))) cpSync(join(root, text), join(cli, text));
}

/** A copy that runs from its build output. */
function stagePackage(source: string): Manifest {
  const manifest = readManifest(source);
  const target = stagedDirectory(manifest.name);
  mkdirSync(target, { recursive: true });
  copyFiles(join(source, "dist"), join(target, "dist"), (file) => file.endsWith(".js"));
  // What the code reads beside itself and the compiler does not know of.
  copyFiles(join(source, "src"), join(target, "dist"), (file) => !file.endsWith(".ts"));
  const published = { ...manifest, exports: { "./*": "./dist/*.js" } };
  writeFileSync(join(target, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  return manifest;
}

function copyFiles(from: string, to: string, isWanted: (file: string) => boolean): void {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !isWanted(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const target = to + path.slice(from.length);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(path, target);
  }
}

/** Installers other than npm look at the outer manifest alone, so it names what the bundled packages need. */
function checkDependencies(manifests: readonly Manifest[]): void {
  const own = readManifest(cli).dependencies ?? {};
  const missing = manifests.flatMap(({ dependencies }) =>
    Object.entries(dependencies ?? {}).filter(([name, version]) => own[name] !== version),
  );
  if (missing.length === 0) return;
  const lines = missing.map(([name, version]) => `  "${name}": "${version}"`);
  throw new Error(`packages/cli/package.json must list what the bundled packages need:\n${lines.join("\n")}`);
}

function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest;
}

function stagedDirectory(packageName: string): string {
  return join(cli, "node_modules", ...packageName.split("/"));
}

function clean(): void {
  for (const name of bundled) {
    rmSync(stagedDirectory(readManifest(join(root, "packages", name)).name), {
      recursive: true,
      force: true,
    });
  }
  for (const directory of [join(cli, "node_modules", "@meshagent"), join(cli, "node_modules")]) {
    if (existsSync(directory) && readdirSync(directory).length === 0) rmdirSync(directory);
  }
  for (const text of texts) if (existsSync(join(root, text))) rmSync(join(cli, text), { force: true });
}

const [step] = process.argv.slice(2);
if (step === "stage") {
  try {
    stage();
  } catch (error) {
    // npm does not call `clean` after a failed `stage`, and what is staged hides the sources from the CLI.
    clean();
    throw error;
  }
} else if (step === "clean") clean();
else throw new Error("Usage: node scripts/pack.ts stage|clean");
