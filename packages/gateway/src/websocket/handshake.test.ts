import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  acceptOf,
  askingLines,
  asksForWebSocket,
  grantingLines,
  handshakeProblem,
  listOf,
  newKey,
} from "./handshake.ts";

describe("the opening handshake", () => {
  it("answers the key of RFC 6455 section 1.3 as the RFC does", () => {
    assert.equal(acceptOf("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });

  it("makes keys that hold to its own rule, each another one", () => {
    const [one, other] = [newKey(), newKey()];
    assert.notEqual(one, other);
    assert.equal(handshakeProblem({ "sec-websocket-key": one, "sec-websocket-version": "13" }), null);
  });

  it("is asked for by its name among the protocols of `upgrade`, in any case", () => {
    assert.ok(asksForWebSocket({ upgrade: "WebSocket" }));
    assert.ok(asksForWebSocket({ upgrade: "h2c, websocket" }));
    assert.ok(!asksForWebSocket({ upgrade: "h2c" }));
    assert.ok(!asksForWebSocket({}));
  });

  it("says what is wrong with it", () => {
    assert.match(handshakeProblem({ "sec-websocket-version": "13" }) ?? "", /sec-websocket-key/);
    const key = "AAAAAAAAAAAAAAAAAAAAAA==";
    assert.match(
      handshakeProblem({ "sec-websocket-key": key, "sec-websocket-version": "8" }) ?? "",
      /is not 13/,
    );
    const body = { "sec-websocket-key": key, "sec-websocket-version": "13", "content-length": "2" };
    assert.match(handshakeProblem(body) ?? "", /has a body/);
  });

  it("asks for no extension and grants none", () => {
    const names = [...askingLines(newKey(), ["realtime"]), ...grantingLines("k", "realtime")].map(
      ([name]) => name,
    );
    assert.ok(!names.includes("sec-websocket-extensions"));
    assert.deepEqual(listOf(" a, b,, c "), ["a", "b", "c"]);
  });
});
