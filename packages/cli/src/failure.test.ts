import assert from "node:assert/strict";
import { test } from "node:test";
import { CliFailure, messageOf, UsageFailure } from "./failure.ts";

test("a failure says what its cause says, unless it is complete", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), { code: "ECONNREFUSED" });
  assert.equal(
    messageOf(new TypeError("fetch failed", { cause: refused })),
    "fetch failed: connect ECONNREFUSED 127.0.0.1:9",
  );
  assert.equal(messageOf(new CliFailure("It is broken.", { cause: refused })), "It is broken.");
  assert.equal(messageOf(new Error("a: b", { cause: new Error("b") })), "a: b");
  // Several addresses tried: the error that holds them all has a code and no message.
  assert.equal(
    messageOf(
      new TypeError("fetch failed", {
        cause: Object.assign(new AggregateError([]), { code: "ECONNREFUSED" }),
      }),
    ),
    "fetch failed: ECONNREFUSED",
  );
  assert.equal(messageOf("text"), "text");
});

test("exit codes: 1 for a failure, 2 for wrong usage", () => {
  assert.equal(new CliFailure("x").exitCode, 1);
  assert.equal(new CliFailure("x").hint, null);
  assert.equal(new UsageFailure("x", "do y").exitCode, 2);
  assert.equal(new UsageFailure("x", "do y").hint, "do y");
});
