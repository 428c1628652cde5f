import assert from "node:assert/strict";
import { test } from "node:test";
import { EventTail } from "./event-tail.ts";

/** Whether these texts, pushed one after the other, end an event. */
function isEventEnd(...texts: readonly string[]): boolean {
  const tail = new EventTail();
  for (const text of texts) tail.push(Buffer.from(text));
  return tail.isEventEnd;
}

test("nothing yet is a boundary", () => {
  assert.equal(isEventEnd(), true);
  assert.equal(isEventEnd(""), true);
});

test("each way to write a blank line ends an event, wherever the chunks end", () => {
  for (const end of ["\n\n", "\r\r", "\r\n\r\n", "\n\r\n"]) {
    const text = `data: 1${end}`;
    assert.equal(isEventEnd(text), true, JSON.stringify(end));
    for (let cut = 1; cut < text.length; cut++)
      assert.equal(isEventEnd(text.slice(0, cut), text.slice(cut)), true);
    assert.equal(isEventEnd(...text.split("")), true);
    assert.equal(isEventEnd(text, "data"), false);
  }
});

test("one line end, or none, does not", () => {
  for (const text of ["data: 1", "data: 1\n", "data: 1\r\n", "data: 1\r", "\n\nx", "x\n \n", "\n"]) {
    assert.equal(isEventEnd(text), false, JSON.stringify(text));
  }
});
