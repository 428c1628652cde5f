import assert from "node:assert/strict";
import { test } from "node:test";
import { hashConversation, KnownPrefixes } from "./known-prefixes.ts";

const talk = (...turns: readonly string[]): ReturnType<typeof hashConversation> =>
  hashConversation("m", turns, ["tools"]);

test("the longest beginning that was counted is found, and how many turns it has", () => {
  const known = new KnownPrefixes(10);
  assert.equal(known.find(talk("a", "b")), null);
  known.remember(talk("a"), 100);
  known.remember(talk("a", "b"), 200);
  const found = (...turns: readonly string[]): readonly unknown[] => {
    const hit = known.find(talk(...turns));
    return [hit?.known.inputTokens, hit?.turns];
  };
  assert.deepEqual(found("a", "b", "c"), [200, 2]);
  assert.deepEqual(found("a", "b"), [200, 2]);
  assert.deepEqual(found("a", "x", "c"), [100, 1]);
  assert.deepEqual(found("b"), [undefined, undefined]);
});

test("a beginning is the same only turn by turn, of the same model", () => {
  const known = new KnownPrefixes(10);
  known.remember(talk("a", "b"), 200);
  assert.equal(known.find(talk("ab")), null, "two turns are not one");
  assert.equal(known.find(talk("b", "a")), null);
  assert.equal(known.find(talk("a", "b ")), null);
  assert.equal(known.find(hashConversation("another", ["a", "b"], [])), null);
  assert.equal(known.find(talk()), null);
});

test("the parts that were counted with it are known by their hashes, and no text is kept", () => {
  const known = new KnownPrefixes(10);
  const conversation = hashConversation("m", ["a secret"], ["tools", "system"]);
  known.remember(conversation, 100);
  const hit = known.find(conversation);
  assert.deepEqual([...(hit?.known.parts ?? [])], conversation.parts);
  assert.doesNotMatch(JSON.stringify([conversation, [...(hit?.known.parts ?? [])]]), /secret|tools|system/);
});

test("a later count of the same takes the place of the one before", () => {
  const known = new KnownPrefixes(10);
  known.remember(talk("a"), 100);
  known.remember(talk("a"), 90);
  assert.equal(known.find(talk("a"))?.known.inputTokens, 90);
});

test("what was not asked for longest is forgotten first", () => {
  const known = new KnownPrefixes(2);
  known.remember(talk("a"), 1);
  known.remember(talk("b"), 2);
  assert.notEqual(known.find(talk("a")), null);
  known.remember(talk("c"), 3);
  assert.equal(known.find(talk("b")), null);
  assert.deepEqual(
    [known.find(talk("a"))?.known.inputTokens, known.find(talk("c"))?.known.inputTokens],
    [1, 3],
  );
});

test("nothing to say is nothing to remember", () => {
  const known = new KnownPrefixes(1);
  known.remember(talk("a"), 1);
  known.remember(talk(), 2);
  assert.equal(known.find(talk("a"))?.known.inputTokens, 1);
});
