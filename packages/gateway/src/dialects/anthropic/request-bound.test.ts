/** The bound of an Anthropic request: which ways of writing one message are the same message. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { messagesBound } from "./request-bound.ts";

function turnOf(message: unknown): unknown {
  return messagesBound({ model: "claude-opus-5-5", max_tokens: 9, messages: [message] }).turns[0];
}

describe("messagesBound", () => {
  it("takes one block of text for the string that it stands for, whatever else the message has", () => {
    const rest = { role: "system", output_config: { effort: "medium" } };
    assert.deepEqual(
      JSON.stringify(turnOf({ role: "user", content: [{ type: "text", text: "hello" }] })),
      JSON.stringify(turnOf({ role: "user", content: "hello" })),
    );
    assert.deepEqual(turnOf({ ...rest, content: [{ type: "text", text: "hello" }] }), {
      ...rest,
      content: "hello",
    });
  });

  it("leaves every other content as it is", () => {
    const contents: readonly unknown[] = [
      "hello",
      [],
      null,
      [
        { type: "text", text: "a" },
        { type: "text", text: "b" },
      ],
      [{ type: "text", text: "a", citations: [{ cited_text: "b" }] }],
      [{ type: "text", text: 1 }],
      [{ type: "image", text: "a" }],
      [{ type: "tool_result", tool_use_id: "t", content: [{ type: "text", text: "a" }] }],
      ["a"],
    ];
    for (const content of contents)
      assert.deepEqual(turnOf({ role: "user", content }), { role: "user", content });
    assert.equal(turnOf("hello"), "hello");
  });
});
