import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inspect } from "node:util";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { CliFailure } from "./failure.ts";
import { findMode } from "./private-file.ts";
import { emptyProfile, profilePath, readProfile, writeProfile } from "./profile.ts";

const home = mkdtempSync(join(tmpdir(), "meshagent-profile-"));
after(() => rmSync(home, { recursive: true }));

test("a profile that was never written is empty", () => {
  assert.deepEqual(readProfile(join(home, "nowhere")), emptyProfile);
});

test("what is written is read again, from a file that is its owner's alone", () => {
  writeProfile(home, {
    apiUrl: "http://g",
    adminToken: new Secret("owner"),
    projectId: "p",
    projectName: "name",
    apiKeys: { p: new Secret("ma-key") },
  });
  const profile = readProfile(home);
  assert.equal(findMode(profilePath(home)), 0o600);
  assert.equal(profile.apiUrl, "http://g");
  assert.equal(profile.adminToken?.reveal(), "owner");
  assert.equal(profile.apiKeys["p"]?.reveal(), "ma-key");
  assert.doesNotMatch(inspect(profile), /owner|ma-key/);
});

test("a damaged profile says where it is and shows nothing of it", () => {
  writeFileSync(profilePath(home), '{"admin_token": "owner-secret"');
  assert.throws(
    () => readProfile(home),
    (error) =>
      error instanceof CliFailure &&
      error.message.includes(profilePath(home)) &&
      !error.message.includes("owner-secret"),
  );
});

test("members of a wrong type count as absent", () => {
  writeFileSync(profilePath(home), '{"api_url": 3, "api_keys": {"p": 4, "q": "ma-x"}, "later": true}');
  const profile = readProfile(home);
  assert.equal(profile.apiUrl, null);
  assert.deepEqual(Object.keys(profile.apiKeys), ["q"]);
});
