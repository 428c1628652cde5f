import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readLaneHead } from "./lane-head.ts";

const head = (first: string, ...lines: readonly string[]): string => [first, ...lines].join("\r\n");
const post = (...lines: readonly string[]): string =>
  head("POST /openai/v1/responses HTTP/1.1", "Host: gw", "Content-Length: 3", ...lines);

describe("a head that the lane takes", () => {
  it("gives the target and the lines as they came, and their values by lower-case name", () => {
    assert.deepEqual(
      readLaneHead(
        head(
          "POST /v1/responses?a=%2F&b=?c HTTP/1.1",
          "Host: gw",
          "X-Odd_Name.1:\t a\tb  ",
          "content-LENGTH: 0012",
          "empty:",
          "latin: \xa0\xe9\xa0 ",
        ),
      ),
      {
        target: "/v1/responses?a=%2F&b=?c",
        rawHeaders: "Host|gw|X-Odd_Name.1|a\tb|content-LENGTH|0012|empty||latin|\xa0\xe9\xa0".split("|"),
        headers: {
          host: "gw",
          "x-odd_name.1": "a\tb",
          "content-length": "0012",
          empty: "",
          latin: "\xa0\xe9\xa0",
        },
        contentLength: 12,
      },
    );
  });

  it("may say that the connection stays", () => {
    for (const value of ["keep-alive", "Keep-Alive", ""])
      assert.equal(readLaneHead(post(`Connection: ${value}`))?.contentLength, 3, value);
  });
});

describe("what is left to `node:http`", () => {
  const left: Readonly<Record<string, string>> = {
    "another method": head("GET /v1/models HTTP/1.1", "Host: gw", "Content-Length: 0"),
    "another version": head("POST /v1/responses HTTP/1.0", "Host: gw", "Content-Length: 0"),
    "an absolute target": head("POST http://gw/v1/responses HTTP/1.1", "Host: gw", "Content-Length: 0"),
    "two spaces in the first line": head("POST  /v1 HTTP/1.1", "Host: gw", "Content-Length: 0"),
    "a control byte in the target": head("POST /v1\x01 HTTP/1.1", "Host: gw", "Content-Length: 0"),
    "a byte beyond ASCII in the target": head("POST /v1\xe9 HTTP/1.1", "Host: gw", "Content-Length: 0"),
    "a first line alone": "POST /v1/responses HTTP/1.1",
    "no host": head("POST /v1 HTTP/1.1", "Content-Length: 0"),
    "no length": head("POST /v1 HTTP/1.1", "Host: gw"),
    "two lengths": post("Content-Length: 3"),
    "a length with a sign": head("POST /v1 HTTP/1.1", "Host: gw", "Content-Length: +3"),
    "a list of lengths": head("POST /v1 HTTP/1.1", "Host: gw", "Content-Length: 3, 3"),
    "a length that no number holds": head(
      "POST /v1 HTTP/1.1",
      "Host: gw",
      "Content-Length: 9999999999999999",
    ),
    "a length in hexadecimal": head("POST /v1 HTTP/1.1", "Host: gw", "Content-Length: 0x3"),
    chunks: post("Transfer-Encoding: chunked"),
    "chunks, disguised": post("Transfer-Encoding: \x0bchunked"),
    "a go-ahead that is waited for": post("Expect: 100-continue"),
    "an upgrade": post("Upgrade: websocket"),
    trailers: post("Trailer: x"),
    "a connection that ends": post("Connection: close"),
    "headers that the connection names": post("Connection: keep-alive, x-secret"),
    "a name twice": post("x: 1", "X: 2"),
    "a name that every object has": post("constructor: 1"),
    "a name that changes objects": post("__proto__: 1"),
    "a space before the colon": post("x : 1"),
    "a folded line": post("x: 1", " 2"),
    "a line without a colon": post("nonsense"),
    "a line without a colon before one with": post("nonsense", "y: 1"),
    "a bare line feed": post("x: 1\ny: 2"),
    "a bare carriage return": post("x: 1\ry: 2"),
    "a null byte": post("x: \0"),
    "a vertical tab at an end": post("x: \x0b1"),
    "an empty line": post("", "x: 1"),
    "a line end too many": `${post()}\r\n`,
    "more headers than anybody sends": post(...Array.from({ length: 200 }, (_, at) => `x${at}: 1`)),
  };
  for (const [name, text] of Object.entries(left)) it(name, () => assert.equal(readLaneHead(text), null));
});
