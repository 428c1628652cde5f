import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeaderLines, UpstreamRequest } from "./client.ts";
import { requestHead } from "./request-head.ts";

const plain: UpstreamRequest = {
  method: "POST",
  origin: "https://provider.example:8443",
  path: "/v1/responses?a=b",
  headers: [],
  body: null,
  timeouts: { connectTimeoutMs: 1, firstByteTimeoutMs: 1, idleTimeoutMs: 1 },
};

const withLine = (name: string, value: string): UpstreamRequest => ({ ...plain, headers: [[name, value]] });

test("writes the head byte for byte, lines in order and as they are spelled", () => {
  const headers: HeaderLines = [
    ["X-One", "1"],
    ["x-one", "2"],
    ["Empty", ""],
    ["High", "\xe9\xff\ttab"],
  ];
  assert.equal(
    requestHead({ ...plain, headers, body: { byteLength: 12, chunks: () => [] } }),
    "POST /v1/responses?a=b HTTP/1.1\r\nhost: provider.example:8443\r\nconnection: keep-alive\r\n" +
      "X-One: 1\r\nx-one: 2\r\nEmpty: \r\nHigh: \xe9\xff\ttab\r\ncontent-length: 12\r\n\r\n",
  );
});

test("frames no body that is not there, and an empty one by its length", () => {
  assert.doesNotMatch(requestHead(plain), /content-length/);
  assert.match(requestHead({ ...plain, body: { byteLength: 0, chunks: () => [] } }), /content-length: 0\r\n/);
});

test("an IPv6 origin keeps its brackets", () => {
  assert.match(requestHead({ ...plain, origin: "http://[::1]:80" }), /^host: \[::1\]:80\r$/m);
});

const breaksOut = ["\r\nx: y", "\n", "\r", "\0", "a\r\n\r\nGET / HTTP/1.1"];

test("refuses whatever could break out of its line", () => {
  for (const text of breaksOut) {
    assert.throws(() => requestHead(withLine("x", `a${text}`)), Error, JSON.stringify(text));
    assert.throws(() => requestHead(withLine(`x${text}`, "a")), Error);
    assert.throws(() => requestHead({ ...plain, path: `/v1${text}` }), Error);
    assert.throws(() => requestHead({ ...plain, method: `GET${text}` }), Error);
  }
  for (const name of ["a b", "a:b", "a\t", ""])
    assert.throws(() => requestHead(withLine(name, "v")), Error, JSON.stringify(name));
  for (const path of ["", "v1", "/a b", "/a\x7f", "http://elsewhere.example/"]) {
    assert.throws(() => requestHead({ ...plain, path }), Error, path);
  }
  for (const method of ["", "get", "GET /x"])
    assert.throws(() => requestHead({ ...plain, method }), Error, method);
});

test("refuses characters that become line breaks, or anything else, when they are written as latin1", () => {
  for (const text of ["\u010d\u010a", "\u0a0d", "\u{1f600}", "\u0100", "\u2028"]) {
    assert.throws(
      () => requestHead(withLine("authorization", `Bearer sk${text}x-injected: 1`)),
      Error,
      JSON.stringify(text),
    );
    assert.throws(() => requestHead(withLine(`x${text}`, "1")), Error);
  }
});

test("an error does not repeat the value", () => {
  assert.throws(
    () => requestHead(withLine("authorization", "Bearer sk-secret\r\n")),
    (error) => {
      assert(error instanceof Error);
      assert.doesNotMatch(error.message, /sk-secret/);
      return true;
    },
  );
});
