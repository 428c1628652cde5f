import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { addresses } from "../config/kinds.ts";
import { callerAddress, isOnBehalfOfUnknown } from "./caller-address.ts";

const trusting = (text: string): ReturnType<ReturnType<typeof addresses>["parse"]> =>
  addresses("X", "x").parse(text);

const request = (remoteAddress: string | undefined, headers: Record<string, string> = {}): IncomingMessage =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage;

const via = (remoteAddress: string, forwarded: string): IncomingMessage =>
  request(remoteAddress, { "x-forwarded-for": forwarded });

describe("who called", () => {
  it("is the connection's other end, whatever a stranger writes into a header", () => {
    assert.equal(callerAddress(via("::ffff:10.0.0.9", "1.2.3.4"), trusting("")), "10.0.0.9");
    assert.equal(callerAddress(via("10.0.0.9", "1.2.3.4"), trusting("10.0.0.1")), "10.0.0.9");
    assert.equal(callerAddress(via("10.1.0.1", "1.2.3.4"), trusting("10.0.0.0/16")), "10.1.0.1");
    assert.equal(callerAddress(request(undefined), trusting("10.0.0.0/16")), "");
  });

  it("is whom a trusted proxy names last", () => {
    for (const trusted of ["10.0.0.1", "10.0.0.0/24", "192.168.0.0/16, 10.0.0.1/32"]) {
      assert.equal(callerAddress(via("10.0.0.1", "6.6.6.6, 1.2.3.4"), trusting(trusted)), "1.2.3.4", trusted);
      assert.equal(callerAddress(request("10.0.0.1"), trusting(trusted)), "10.0.0.1", trusted);
    }
    assert.equal(callerAddress(via("::ffff:10.0.0.1", "1.2.3.4"), trusting("10.0.0.0/8")), "1.2.3.4");
    assert.equal(callerAddress(via("fd00::5", "2001:db8::9"), trusting("fd00::/8")), "2001:db8::9");
  });

  it("is behind a row of trusted proxies, and no further", () => {
    const trusted = trusting("10.0.0.0/8");
    assert.equal(callerAddress(via("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.7, 10.9.9.9"), trusted), "1.2.3.4");
    assert.equal(callerAddress(via("10.0.0.1", "10.0.0.3, 10.0.0.2"), trusted), "10.0.0.3");
  });

  it("has no port, and is no text that is no address", () => {
    const trusted = trusting("127.0.0.1");
    assert.equal(callerAddress(via("127.0.0.1", "1.2.3.4:5678"), trusted), "1.2.3.4");
    assert.equal(callerAddress(via("127.0.0.1", "[2001:db8::9]:443"), trusted), "2001:db8::9");
    for (const nonsense of ["unknown", "", "1.2.3.4, <script>", "1.2.3.4,"]) {
      assert.equal(callerAddress(via("127.0.0.1", nonsense), trusted), "127.0.0.1", nonsense);
    }
  });
});

describe("on behalf of somebody unknown", () => {
  it("is what a proxy says that is not trusted", () => {
    for (const name of ["x-forwarded-for", "forwarded", "x-real-ip", "via"]) {
      assert.equal(isOnBehalfOfUnknown(request("127.0.0.1", { [name]: "x" }), trusting("")), true, name);
      assert.equal(
        isOnBehalfOfUnknown(request("127.0.0.1", { [name]: "x" }), trusting("127.0.0.1")),
        false,
        name,
      );
    }
    assert.equal(isOnBehalfOfUnknown(request("127.0.0.1", { accept: "*/*" }), trusting("")), false);
  });
});
