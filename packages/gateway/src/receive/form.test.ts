import assert from "node:assert/strict";
import { test } from "node:test";
import { GatewayError } from "../errors.ts";
import type { GivenField } from "./form-field.ts";
import { createFormPeek } from "./form.ts";

const wanted = new Set(["model", "stream"]);

function peek(contentType: string, chunks: Iterable<Uint8Array>): readonly GivenField[] {
  const form = createFormPeek(contentType, wanted);
  assert.ok(form !== null);
  for (const chunk of chunks) form.push(chunk);
  return form.end();
}

function values(body: string, contentType = "multipart/form-data; boundary=B"): readonly unknown[] {
  return peek(contentType, [Buffer.from(body, "latin1")]).map((field) => [field.name, field.value]);
}

function refuses(body: string, reason: RegExp, contentType?: string): void {
  assert.throws(
    () => values(body, contentType),
    (error) => error instanceof GatewayError && error.code === "invalid_body" && reason.test(error.message),
    JSON.stringify(body),
  );
}

function part(disposition: string, value: string, more = ""): string {
  return `--B\r\nContent-Disposition: form-data; ${disposition}${more}\r\n\r\n${value}\r\n`;
}

test("reads wanted fields and walks over files", () => {
  const file = part(
    'name="file"; filename="a.mp3"',
    'model\r\n--\r\nname="model"\r\n--C\r\n\0\xff',
    "\r\nContent-Type: audio/mpeg",
  );
  assert.deepEqual(
    values(`${part('name="model"', "whisper-1")}${file}${part("name=stream", "true")}--B--\r\n`),
    [
      ["model", "whisper-1"],
      ["stream", "true"],
    ],
  );
});

test("every split between two bytes, and every pair of them, reads the same", () => {
  const body = Buffer.from(
    `${part('name="file"; filename="x"', "\r\n--\r\n-\r\r\n--A")}${part('name="model"', "m\r\n--b")}--B--\r\n`,
  );
  const whole = peek("multipart/form-data; boundary=B", [body]);
  assert.deepEqual(whole, [{ place: "form", name: "model", value: "m\r\n--b" }]);
  for (let one = 0; one <= body.length; one++) {
    for (let two = one; two <= body.length; two += 3) {
      const chunks = [body.subarray(0, one), body.subarray(one, two), body.subarray(two)];
      assert.deepEqual(peek("multipart/form-data; boundary=B", chunks), whole, `cut at ${one} and ${two}`);
    }
  }
  assert.deepEqual(
    peek(
      "multipart/form-data; boundary=B",
      Array.from(body, (byte) => Uint8Array.of(byte)),
    ),
    whole,
  );
});

test("a chunk may be reused once it is pushed", () => {
  const body = Buffer.from(`${part('name="model"', "gpt-image-1")}--B--`);
  const form = createFormPeek("multipart/form-data; boundary=B", wanted);
  const reused = Buffer.alloc(3);
  for (let at = 0; at < body.length; at += 3) {
    const length = body.copy(reused, 0, at, at + 3);
    form?.push(reused.subarray(0, length));
    reused.fill(0x2d);
  }
  assert.deepEqual(
    form?.end().map((field) => field.value),
    ["gpt-image-1"],
  );
});

test("a field given twice is there twice, whatever way its name is written", () => {
  const names = ['name="model"', 'NAME="model"', "name=model", 'name="mod\\el"', 'name="%6dodel"'];
  const body = names.map((name, at) => part(name, String(at))).join("");
  assert.deepEqual(
    values(`${body}--B--`),
    names.map((_, at) => ["model", String(at)]),
  );
});

test("a value that is a file, is encoded, is of another charset or is long counts as given, without a value", () => {
  assert.deepEqual(values(`${part('name="model"; filename="m"', "x")}--B--`), [["model", undefined]]);
  assert.deepEqual(values(`${part('name="model"', "eA==", "\r\nContent-Transfer-Encoding: base64")}--B--`), [
    ["model", undefined],
  ]);
  assert.deepEqual(
    values(`${part('name="model"', "x", "\r\nContent-Type: text/plain; charset=utf-16")}--B--`),
    [["model", undefined]],
  );
  assert.deepEqual(values(`${part('name="model"', "x".repeat(70_000))}--B--`), [["model", undefined]]);
  assert.deepEqual(
    values(`${part('name="model"', "x", "\r\nContent-Type: text/plain; charset=UTF-8")}--B--`),
    [["model", "x"]],
  );
});

test("an empty value, an empty form and a quoted boundary", () => {
  assert.deepEqual(values(`${part('name="model"', "")}--B--`), [["model", ""]]);
  assert.deepEqual(values("--B--\r\n"), []);
  assert.deepEqual(
    values(
      "\r\n--a b\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--a b--",
      'multipart/form-data; boundary="a b"',
    ),
    [["model", "m"]],
  );
});

test("what two parsers may read differently is refused", () => {
  refuses("", /closing boundary/);
  refuses(part('name="model"', "m"), /closing boundary/);
  refuses("preamble\r\n--B--", /begin with its boundary/);
  refuses(`${part('name="model"', "m")}--B--\r\n--B\r\n`, /follows its closing/);
  refuses(`${part('name="model"', "m")}--B--x`, /follows its closing/);
  refuses("--B \r\nContent-Disposition: form-data; name=a\r\n\r\nm\r\n--B--", /followed by something else/);
  refuses("--B\nContent-Disposition: form-data; name=a\n\nm\n--B--", /followed by something else/);
  refuses("--B\r\nContent-Disposition: form-data;\r\n name=model\r\n\r\nm\r\n--B--", /malformed header/);
  refuses("--B\r\nContent-Disposition: form-data; name=a\nX: 1\r\n\r\nm\r\n--B--", /malformed header/);
  refuses("--B\r\nContent-Type: text/plain\r\n\r\nm\r\n--B--", /not of form-data/);
  refuses(`${part("filename=x", "m")}--B--`, /one name/);
  refuses(`${part('name="a"; name="model"', "m")}--B--`, /one name/);
  refuses(`${part("name=\"a\"; name*=utf-8''model", "m")}--B--`, /one name/);
  refuses(`${part('name="a" "model"', "m")}--B--`, /parameters/);
  refuses(
    `${part('name="a"', "m", "\r\nContent-Disposition: form-data; name=model")}--B--`,
    /not of form-data/,
  );
  refuses(`--B\r\nX: ${"y".repeat(20_000)}\r\n\r\n`, /too long/);
});

test("a form without a boundary is refused before its body", () => {
  for (const parameters of [
    "",
    "; boundary=",
    '; boundary=""',
    "; boundary=a; boundary=b",
    `; boundary=${"b".repeat(71)}`,
    '; boundary="b "',
  ]) {
    refuses("", /boundary/, `multipart/form-data${parameters}`);
  }
});

test("urlencoded: decodes names and values, tells repeats, and reads any split the same", () => {
  const body = Buffer.from("a=1&mod%65l=gpt+5%2E5&&model=b&stream&x=model=y&model=%zz");
  const expected = [
    ["model", "gpt 5.5"],
    ["model", "b"],
    ["stream", ""],
    ["model", "%zz"],
  ];
  for (let cut = 0; cut <= body.length; cut++) {
    const found = peek("application/x-www-form-urlencoded", [body.subarray(0, cut), body.subarray(cut)]);
    assert.deepEqual(
      found.map((field) => [field.name, field.value]),
      expected,
      `cut at ${cut}`,
    );
  }
});

test("urlencoded: a long value is given without being kept", () => {
  const chunks = [
    Buffer.from("model="),
    ...Array.from({ length: 100 }, () => Buffer.alloc(10_000, "x")),
    Buffer.from("&stream=1"),
  ];
  assert.deepEqual(peek("application/x-www-form-urlencoded", chunks), [
    { place: "form", name: "model", value: undefined },
    { place: "form", name: "stream", value: "1" },
  ]);
});

test("too many occurrences are refused, and other types are no form", () => {
  refuses("model=a&".repeat(1001), /too often/, "application/x-www-form-urlencoded");
  refuses(`${part("name=model", "m").repeat(1001)}--B--`, /too often/);
  assert.equal(createFormPeek("application/json", wanted), null);
  assert.equal(createFormPeek("multipart/mixed; boundary=B", wanted), null);
});
