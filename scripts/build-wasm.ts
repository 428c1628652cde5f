/**
 * `npm run build:wasm`: compiles the AssemblyScript of the gateway and writes its bytes into a source file, so that
 * neither a clone nor the published package needs the compiler. A test says when the two have come apart.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");

/** The compiled module. The compiler is loaded only here: it is large. */
export async function compileJsonSkip(): Promise<Uint8Array> {
  const { default: asc } = await import("assemblyscript/asc");
  let bytes: Uint8Array | null = null;
  const flags = "--outFile json-skip.wasm -O3 --runtime stub --enable simd --noAssert --initialMemory 2";
  const { error } = await asc.main(
    ["packages/gateway/wasm/json-skip.ts", "--baseDir", root].concat(flags.split(" ")),
    {
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") bytes = contents;
      },
    },
  );
  if (error !== null || bytes === null) throw new Error("The compiler failed.", { cause: error });
  return bytes;
}

export const jsonSkipFile: string = join(root, "packages/gateway/src/json-skip-wasm.ts");

/** The source file that holds the module. */
export function renderJsonSkip(bytes: Uint8Array): string {
  return `/** \`wasm/json-skip.ts\`, compiled. Made by \`npm run build:wasm\`; never edited. */

/** The module in base64. */
export const jsonSkipWasm: string =
  "${Buffer.from(bytes).toString("base64")}";
`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(jsonSkipFile, renderJsonSkip(await compileJsonSkip()));
}
