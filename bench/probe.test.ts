import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { replyProblem } from "./probe.ts";
import { smallReply, turnReply } from "./upstream/replies.ts";

describe("replyProblem", () => {
  it("is none for what the upstream sends", () => {
    assert.equal(replyProblem("W1", smallReply.toString()), null);
    assert.equal(replyProblem("W2", turnReply.toString()), null);
  });
  it("sees an error in place of the reply, and a stream that was cut", () => {
    const text = turnReply.toString();
    assert.equal(replyProblem("W1", '{"status":"failure"}'), "no usage in the reply");
    assert.equal(replyProblem("W2", '{"status":"failure"}'), "0 events instead of 300");
    assert.equal(replyProblem("W2", text.slice(0, text.lastIndexOf("event: "))), "no terminal event");
  });
});
