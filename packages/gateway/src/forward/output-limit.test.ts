/** The lowered limit, to the byte. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { KeptBody, LoweredOutput } from "../exchange.ts";
import { editedBody } from "./edited-body.ts";
import { planOutputLimit } from "./output-limit.ts";

function kept(text: string, { pieceBytes = 1_000_000, isGzip = false } = {}): KeptBody {
  const bytes = isGzip ? gzipSync(text) : Buffer.from(text);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) chunks.push(bytes.subarray(at, at + pieceBytes));
  return {
    byteLength: bytes.length,
    contentEncoding: isGzip ? "gzip" : "",
    chunks: () => chunks,
    grow: () => {},
    release: () => {},
    giveBack: () => {},
  };
}

async function lowered(
  text: string,
  to: Partial<LoweredOutput> = {},
  form: Parameters<typeof kept>[1] = {},
): Promise<string> {
  const output = { name: "max_tokens", alsoIn: [], tokens: 77, thinkingTokens: null, ...to };
  const body = await editedBody(kept(text, form), (decoded) => planOutputLimit(decoded, output));
  const bytes = Buffer.concat([...body.chunks()]);
  assert.equal(bytes.byteLength, body.byteLength);
  return bytes.toString();
}

describe("a lowered output limit", () => {
  it("changes the number and no other byte", async () => {
    assert.equal(
      await lowered('{ "a" : 1 ,\n"max_tokens"\t:  64000 , "b": "é" }'),
      '{ "a" : 1 ,\n"max_tokens"\t:  77 , "b": "é" }',
    );
    assert.equal(await lowered('{"max_\\u0074okens":64000}'), '{"max_\\u0074okens":77}');
    for (const odd of ["null", '"64000"', "6.4e4", "-1", "[1]", '{"max_tokens":1}'])
      assert.equal(await lowered(`{"max_tokens":${odd},"x":1}`), '{"max_tokens":77,"x":1}');
  });

  it("is not taken in by its name in strings, arrays and other objects", async () => {
    const decoys = '"s":"\\"max_tokens\\":5,","o":{"max_tokens":5},"l":[{"max_tokens":5}],"xmax_tokens":5';
    assert.equal(await lowered(`{${decoys},"max_tokens":9}`), `{${decoys},"max_tokens":77}`);
    assert.equal(await lowered(`{${decoys}}`), `{"max_tokens":77,${decoys}}`);
  });

  it("is added where there is none, also to an empty object", async () => {
    assert.equal(await lowered(' \n{ "a":1}'), ' \n{"max_tokens":77, "a":1}');
    assert.equal(await lowered("{}"), '{"max_tokens":77}');
    assert.equal(await lowered("{ \n}"), '{"max_tokens":77 \n}');
  });

  it("goes into every member that a provider may obey", async () => {
    assert.equal(
      await lowered('{"max_tokens":10,"max_completion_tokens":100000}', {
        name: "max_completion_tokens",
        alsoIn: ["max_tokens"],
      }),
      '{"max_tokens":77,"max_completion_tokens":77}',
    );
  });

  it("lowers the part for thinking with it, wherever it stands", async () => {
    const to = { tokens: 4096, thinkingTokens: 4095 };
    assert.equal(
      await lowered(
        '{"thinking":{"budget_tokens":32000,"type":"enabled"},"max_tokens":64000,"x":{"budget_tokens":9}}',
        to,
      ),
      '{"thinking":{"budget_tokens":4095,"type":"enabled"},"max_tokens":4096,"x":{"budget_tokens":9}}',
    );
    assert.equal(
      await lowered('{"max_tokens":64000,"thinking":{"budget_tokens":32000}}', to),
      '{"max_tokens":4096,"thinking":{"budget_tokens":4095}}',
    );
  });

  it("comes out the same however the body is cut, and encoded", async () => {
    const text = '{"a":"é","max_tokens" : 64000,"thinking":{"budget_tokens":32000},"z":[1]}';
    const to = { thinkingTokens: 70 };
    const expected = '{"a":"é","max_tokens" : 77,"thinking":{"budget_tokens":70},"z":[1]}';
    for (let pieceBytes = 1; pieceBytes < 30; pieceBytes++) {
      assert.equal(await lowered(text, to, { pieceBytes }), expected);
      assert.equal(await lowered("{ }", {}, { pieceBytes }), '{"max_tokens":77 }');
      assert.equal(await lowered(text, to, { pieceBytes, isGzip: true }), expected);
    }
  });
});
