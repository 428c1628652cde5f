import assert from "node:assert/strict";
import { test } from "node:test";
import { responseReferences } from "../dialects/openai/object-places.ts";
import { GatewayError } from "../errors.ts";
import { itemsNamed } from "./item-references.ts";
import { parsedReferences } from "./references.ts";

function pieces(text: string, pieceBytes: number): Uint8Array[] {
  const bytes = Buffer.from(text);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) chunks.push(bytes.subarray(at, at + pieceBytes));
  return chunks;
}

/** What a full parse of the body finds. */
function parsed(text: string): string[] {
  return parsedReferences(responseReferences, Buffer.from(text)).flatMap(({ kind, id }) =>
    kind === "item" ? [id] : [],
  );
}

const members: Readonly<Record<string, readonly string[]>> = {
  id: ['"i"', '""', "null", "5", '"\\u0069"', '["i"]', '"long".', "{}"],
  type: [
    '"item_reference"',
    '"\\u0069tem_reference"',
    "null",
    '"reasoning"',
    '"image_generation_call"',
    '"compaction"',
    '"message"',
    '"constructor"',
    "3",
    "[]",
  ],
  content: ["null", '"x"', '[{"type":"input_text","text":"\\n"}]', "[]"],
  encrypted_content: ["null", `"${"x".repeat(300)}"`, `{"a":"${"y".repeat(300)}"}`, "1", '""'],
  result: ["null", '"x"', "[]"],
};

test("what is found in items without a parse is what a parse finds", () => {
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  let named = 0;
  for (let round = 0; round < 3000; round++) {
    const items = Array.from({ length: random(6) }, (_each, index) => {
      if (random(8) === 0) return ["null", '"text"', "[]", '[{"id":"no"}]', "1"][random(5)];
      const given = Object.entries(members).filter(() => random(2) === 0);
      const texts = given.map(([name, values]) => {
        const value = values[random(values.length)] ?? "null";
        return `"${name}":${value.replace('"i"', `"i${index}"`).replace('"long".', `"${"z".repeat(90)}${index}"`)}`;
      });
      return `{${texts.join(" , ")}}`;
    });
    const text = `{"model":"m","input":[${items.join(",")}],"id":"no","x":{"input":[{"id":"no"}]}}`;
    const expected = parsed(text);
    named += expected.length;
    for (const pieceBytes of [1 + random(40), text.length]) {
      const found = itemsNamed("input", pieces(text, pieceBytes));
      assert.deepEqual([...new Set(found)], expected, text);
    }
  }
  assert.ok(named > 400, `${named} items were named`);
});

test("a list that is none, or is not there, names nothing", () => {
  for (const text of ['{"input":"id"}', '{"input":{"0":{"id":"i"}}}', "{}", '{"input":null}'])
    assert.deepEqual(itemsNamed("input", pieces(text, 3)), [], text);
});

test("an item, or a list, that two parsers may read in two ways is refused", () => {
  for (const text of [
    '{"input":[{"type":"message","type":"item_reference","id":"x"}]}',
    '{"input":[{"id":"mine","content":[],"\\u0069d":"theirs"}]}',
    '{"input":[{"id":"x","type":"reasoning","encrypted_content":"x","encrypted_content":null}]}',
    '{"input":[],"input":[{"id":"x"}]}',
  ]) {
    assert.throws(
      () => itemsNamed("input", pieces(text, 5)),
      (error) => error instanceof GatewayError && error.code === "invalid_body",
      text,
    );
  }
});

test("what cannot be told without a parse is left to one", () => {
  const long = "x".repeat(70_000);
  assert.equal(itemsNamed("input", pieces(`{"input":[{"id":"${long}"}]}`, 1000)), null);
  assert.equal(itemsNamed("input", pieces(`{"input":[{"id":"i","type":"${long}"}]}`, 1000)), null);
  assert.equal(itemsNamed("input", pieces('{"input":[{"id":"\ufffd"}]}', 1000)), null);
  assert.equal(itemsNamed("input", pieces('{"input":[', 1000)), null);
});
