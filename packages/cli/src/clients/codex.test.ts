import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { planCodexSetup } from "./codex.ts";

/** What config.toml says after setup, on another system than this one. */
function configured(before: string, platform: NodeJS.Platform): string {
  const home = mkdtempSync(join(tmpdir(), "meshagent-codex-"));
  try {
    mkdirSync(home, { recursive: true });
    const path = join(home, "config.toml");
    writeFileSync(path, before);
    for (const edit of planCodexSetup({ CODEX_HOME: home }, "http://g/openai/v1", platform)) edit.apply(0);
    return readFileSync(path, "utf8");
  } finally {
    rmSync(home, { recursive: true });
  }
}

const block = '[model_providers.meshagent]\nname = "MeshAgent"\nbase_url = "http://g/openai/v1"\n';

test("on Windows, which has no sh, the token stays with env_key", () => {
  assert.equal(configured("", "win32"), `${block}env_key = "MESHAGENT_ROOM_TOKEN"\n`);
});

test("on Windows, too, a command of one's own stays, and env_key would keep Codex from starting", () => {
  const auth = "\n[model_providers.meshagent.auth]\ncommand = 'token.exe'\n";
  assert.equal(configured(block + auth, "win32"), block + auth);
  assert.equal(configured(`${block}env_key = "X"\n${auth}`, "win32"), block + auth);
});

test("elsewhere it comes from a command, and a second time changes nothing", () => {
  for (const platform of ["linux", "darwin"] as const) {
    const once = configured("", platform);
    assert.match(once, /\[model_providers\.meshagent\.auth\]\ncommand = "sh"\nargs = \["-c", "echo /);
    assert.doesNotMatch(once, /env_key/);
    assert.equal(configured(once, platform), once);
  }
});
