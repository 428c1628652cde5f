import { createSlabs } from "../slabs.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { KeptChunks } from "./kept-chunks.ts";

test("chunks of some size are kept as the objects they are", () => {
  const kept = new KeptChunks(createSlabs(), 0);
  const chunks = Array.from({ length: 40 }, (_, at) => Buffer.alloc(1024, at));
  for (const chunk of chunks) kept.add(chunk);
  const taken = kept.take();
  assert.equal(taken.length, 40);
  assert.ok(taken.every((chunk, at) => chunk === chunks[at]));
});

test("a body in crumbs is joined, in order, also between larger chunks", () => {
  const kept = new KeptChunks(createSlabs(), 0);
  const sent: Buffer[] = [];
  for (let at = 0; at < 50_000; at++) sent.push(Buffer.alloc(at % 9973 === 0 ? 2000 : 1 + (at % 7), at));
  for (const chunk of sent) kept.add(chunk);
  const taken = kept.take();
  assert.ok(taken.length < 50, `${taken.length} chunks are kept`);
  assert.deepEqual(Buffer.concat(taken), Buffer.concat(sent));
});
