/** Whoever reads the log may leave: the gateway serves on. Other commands end quietly, as `meshagent usage | head` wants it. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { killSpawnedGateways, meshagentBin, spawnGateway } from "./bed/gateway-process.ts";

let root: string;
before(() => {
  root = mkdtempSync(join(tmpdir(), "meshagent-log-"));
});
after(() => {
  killSpawnedGateways();
  rmSync(root, { recursive: true, force: true });
});

describe("a log reader that goes away", () => {
  it("takes the gateway not with it: lines are dropped and counted, and it still stops cleanly", async () => {
    const gateway = await spawnGateway({ dataDir: join(root, "serve") });
    gateway.closeOutput();
    for (let n = 0; n < 5; n++) {
      // Each of them is a line in the log.
      const refused = await fetch(`${gateway.url}/openai/v1/models`);
      assert.equal(refused.status, 401);
      await refused.text();
    }
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    const dropped = Number(/^meshagent_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1]);
    assert.ok(dropped >= 5, `${dropped} lines were counted`);
    assert.equal(await gateway.terminate(), 0);
  });
});

describe("any other command", () => {
  it("ends quietly when its reader has left", async () => {
    const child = spawn(process.execPath, [meshagentBin, "help"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", HOME: root },
    });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
    await once(child, "close");
    assert.equal(stderr, "");
    assert.equal(child.exitCode, 0);
  });
});
