// Exits 0 when the gateway of this container serves. It is asked where it says that it listens, with or without TLS.
import { readFileSync } from "node:fs";
import { get as getClear } from "node:http";
import { get as getTls } from "node:https";

const directory = process.env.MESHAGENT_DATA_DIR ?? "/var/lib/meshagent";

function fail(reason) {
  console.error(`not healthy: ${reason}`);
  process.exit(1);
}

try {
  const { url } = JSON.parse(readFileSync(`${directory}/gateway.json`, "utf8"));
  const get = url.startsWith("https:") ? getTls : getClear;
  // Whose certificate it is does not matter on this machine.
  const request = get(`${url}/healthz`, { rejectUnauthorized: false, timeout: 4000 }, (response) => {
    if (response.statusCode === 200) process.exit(0);
    fail(`status ${response.statusCode}`);
  });
  request.on("timeout", () => fail("no answer in time"));
  request.on("error", (error) => fail(error.message));
} catch (error) {
  fail(error.message);
}
