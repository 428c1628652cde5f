/** The door with real connections; who takes them is the test. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, describe, it } from "node:test";
import { Door, type Taker } from "./door.ts";

const open: Door[] = [];
after(() => {
  for (const door of open) door.close();
});

async function openDoor(): Promise<{ readonly door: Door; readonly port: number }> {
  const door = new Door();
  open.push(door);
  return { door, port: await door.listen({ host: "127.0.0.1", port: 0 }) };
}

/** Takes each connection when it is told to, or at once. */
class TestTaker implements Taker {
  readonly given: Socket[] = [];
  readonly #pending: PromiseWithResolvers<void>[] = [];
  readonly #watchers = new Set<() => void>();

  give(connection: Socket): Promise<void> {
    this.given.push(connection);
    const pending = Promise.withResolvers<void>();
    this.#pending.push(pending);
    for (const watcher of this.#watchers) watcher();
    return pending.promise;
  }

  take(): void {
    this.#pending.shift()?.resolve();
  }

  die(): void {
    for (const pending of this.#pending.splice(0)) pending.reject(new Error("It is gone."));
  }

  async until(count: number): Promise<void> {
    while (this.given.length < count) {
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve);
      });
    }
  }
}

async function call(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

describe("the door", () => {
  it("gives connections in turn, and more to who takes them sooner", async () => {
    const { door, port } = await openDoor();
    const [one, two] = [new TestTaker(), new TestTaker()];
    door.admit(one);
    door.admit(two);
    const callers = [await call(port), await call(port)];
    await one.until(1);
    await two.until(1);
    for (let count = 2; count <= 4; count++) {
      two.take();
      // Taken is taken a turn later.
      await new Promise((resolve) => setImmediate(resolve));
      callers.push(await call(port));
      await two.until(count);
    }
    assert.equal(one.given.length, 1);
    for (const caller of callers) caller.destroy();
  });

  it("gives no more than a few to who takes none", async () => {
    const { door, port } = await openDoor();
    const deaf = new TestTaker();
    door.admit(deaf);
    const callers = await Promise.all(Array.from({ length: 12 }, () => call(port)));
    await deaf.until(8);
    const quick = new TestTaker();
    door.admit(quick);
    await quick.until(4);
    assert.equal(deaf.given.length, 8);
    for (const caller of callers) caller.destroy();
  });

  it("lets connections wait while nobody takes any", async () => {
    const { door, port } = await openDoor();
    const callers = [await call(port), await call(port)];
    const late = new TestTaker();
    door.admit(late);
    await late.until(2);
    for (const caller of callers) caller.destroy();
  });

  it("ends the connection of one that dies with it, and gives the next to another", async () => {
    const { door, port } = await openDoor();
    const dies = new TestTaker();
    door.admit(dies);
    const lost = await call(port);
    const closed = once(lost, "close");
    await dies.until(1);
    door.dismiss(dies);
    dies.die();
    const next = await call(port);
    lost.resume();
    await closed;
    const lives = new TestTaker();
    door.admit(lives);
    await lives.until(1);
    assert.equal(dies.given.length, 1);
    next.destroy();
  });

  it("gives nothing to who was dismissed, also when it was free", async () => {
    const { door, port } = await openDoor();
    const [one, two] = [new TestTaker(), new TestTaker()];
    door.admit(one);
    door.admit(two);
    door.dismiss(one);
    const caller = await call(port);
    await two.until(1);
    assert.equal(one.given.length, 0);
    caller.destroy();
  });

  it("closes to new connections, and ends those that wait", async () => {
    const { door, port } = await openDoor();
    const waiting = await call(port);
    waiting.resume();
    const ended = once(waiting, "close");
    // Connections are accepted in their order, so that the first waits at the door when the second is given away.
    const taker = new TestTaker();
    door.admit(taker);
    await taker.until(1);
    door.dismiss(taker);
    taker.die();
    await ended;
    const late = await call(port);
    late.resume();
    const lateEnded = once(late, "close");
    door.close();
    const refused = connect(port, "127.0.0.1");
    const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNREFUSED");
    await lateEnded;
  });

  it("says that the port is taken", async () => {
    const { port } = await openDoor();
    await assert.rejects(new Door().listen({ host: "127.0.0.1", port }), { code: "EADDRINUSE" });
  });
});
