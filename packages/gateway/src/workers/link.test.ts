import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Answering, Link, LinkClosedError } from "./link.ts";
import { connectedPorts, type PairedPorts } from "./ports.fixture.ts";

type Near = {
  readonly double: { readonly about: number; readonly answer: number };
  readonly wait: { readonly about: null; readonly answer: string };
};
type Far = { readonly name: { readonly about: null; readonly answer: string } };

function connected(answering: Partial<Answering<Near>> = {}): {
  readonly near: Link<Near, Far>;
  readonly far: Link<Far, Near>;
  readonly ports: PairedPorts;
} {
  const ports = connectedPorts();
  const far = new Link<Far, Near>(ports.second, {
    double: (number) => number * 2,
    wait: () => new Promise(() => {}),
    ...answering,
  });
  return { near: new Link<Near, Far>(ports.first, { name: () => "near" }), far, ports };
}

describe("a link", () => {
  it("answers each question by itself, in whatever order the answers come", async () => {
    const gates = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    const { near } = connected({ double: (index) => gates[index]?.promise ?? -1 });
    const [first, second] = [near.ask("double", 0), near.ask("double", 1)];
    gates[1]?.resolve(20);
    assert.equal(await second, 20);
    gates[0]?.resolve(10);
    assert.equal(await first, 10);
  });

  it("asks both ways at once", async () => {
    const { near, far } = connected();
    assert.deepEqual(await Promise.all([near.ask("double", 4), far.ask("name", null)]), [8, "near"]);
  });

  it("fails with the words of what the other side threw, and goes on", async () => {
    let isFirst = true;
    const { near } = connected({
      double: async (number) => {
        if (!isFirst) return number;
        isFirst = false;
        throw new Error("no numbers today");
      },
    });
    await assert.rejects(near.ask("double", 1), /no numbers today/);
    assert.equal(await near.ask("double", 7), 7);
  });

  it("fails what waits, and what is asked later, when the other process goes", async () => {
    const { near, ports } = connected();
    const waiting = near.ask("wait", null);
    ports.close();
    await assert.rejects(waiting, LinkClosedError);
    await assert.rejects(near.ask("double", 1), LinkClosedError);
    assert.ok(near.isClosed);
  });

  it("says so when nobody answers a question of that name", async () => {
    const ports = connectedPorts();
    const near = new Link<Near, Far>(ports.first, { name: () => "near" });
    assert.ok(new Link<Far, Near>(ports.second, {} as Answering<Near>));
    await assert.rejects(near.ask("double", 1), /Nobody answers "double"/);
  });
});
