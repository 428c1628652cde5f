/**
 * One of several processes that change the directory of one file, for the test that kills them. Arguments: data
 * directory, master key, boot id, project. A line on stdout for each room that it made, 60 in all.
 */

import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { tester } from "../conformance/store-under-test.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const [directory = "", masterKey = "", bootId = "", projectId = ""] = process.argv.slice(2);
const store = await openSqliteStore({
  directory,
  masterKey: new Secret(masterKey),
  clock: { now: () => Date.now() },
  bootId,
  sharing: "member",
});
for (let count = 0; count < 60; count++) {
  await store.directory.as(tester).createRoom(projectId, `${bootId} ${count}`);
  process.stdout.write("made\n");
  await new Promise(setImmediate);
}
await store.close();
