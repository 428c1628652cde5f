import assert from "node:assert/strict";
import { once } from "node:events";
import { Writable } from "node:stream";
import { test } from "node:test";
import { createLogOutput } from "./log-output.ts";

const broken = (): Error => Object.assign(new Error("write EPIPE"), { code: "EPIPE" });

test("a line that cannot be written is dropped and counted, and the next one is tried again", async () => {
  const taken: string[] = [];
  let isBroken = false;
  // As process.stdout does it: the failure is told, and the stream stays.
  const stream = new Writable({
    autoDestroy: false,
    write: (chunk: Buffer, _encoding, done) => {
      if (!isBroken) taken.push(chunk.toString());
      done(null);
    },
  });
  const failing = {
    on: stream.on.bind(stream),
    get writableLength() {
      return stream.writableLength;
    },
    write: (line: string, done: (error?: Error | null) => void): boolean => {
      if (!isBroken) return stream.write(line, done);
      stream.emit("error", broken());
      done(broken());
      return false;
    },
  };
  const output = createLogOutput(failing as Writable);
  output.write("one\n");
  isBroken = true;
  output.write("two\n");
  output.write("three\n");
  isBroken = false;
  output.write("four\n");
  assert.deepEqual(taken, ["one\n", "four\n"]);
  assert.equal(output.droppedLines, 2);
});

test("a reader that stands still costs a bounded amount of memory", async () => {
  const taken: string[] = [];
  let release = (): void => {};
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      taken.push(chunk.toString());
      release = done;
    },
  });
  const output = createLogOutput(stream, 10);
  for (const line of ["123456\n", "234567\n", "345678\n", "456789\n"]) output.write(line);
  assert.equal(stream.writableLength, 14, "two lines are over the ten bytes, and no third one is taken");
  assert.equal(output.droppedLines, 2);
  const drained = once(stream, "drain").catch(() => {});
  release();
  await new Promise((resolve) => setImmediate(resolve));
  release();
  await Promise.race([drained, new Promise((resolve) => setImmediate(resolve))]);
  output.write("567890\n");
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(taken, ["123456\n", "234567\n", "567890\n"]);
  assert.equal(output.droppedLines, 2);
});

test("a stream that is destroyed for good drops everything and throws nothing", async () => {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(broken()) });
  const output = createLogOutput(stream);
  output.write("one\n");
  await new Promise((resolve) => stream.once("close", resolve));
  output.write("two\n");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(output.droppedLines, 2);
});
