import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type ConnectFailure, Connection, type Connections, createConnections } from "./connections.ts";

let server: Server;
let origin: string;
const accepted: Socket[] = [];
let connections: Connections;

before(async () => {
  server = createServer((socket) => {
    socket.on("error", () => {});
    accepted.push(socket);
    server.emit("accepted");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  for (const socket of accepted) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  accepted.length = 0;
  connections = createConnections({ keepAliveTimeoutMs: 60_000 });
});
afterEach(() => connections.close());

function openAt(
  at: string,
  connectTimeoutMs = 5000,
  from: Connections = connections,
): Promise<Connection | ConnectFailure> {
  return new Promise((resolve) => {
    let isCalled = false;
    from.open(at, connectTimeoutMs, (result) => {
      assert.equal(isCalled, false, "calls back once");
      isCalled = true;
      resolve(result);
    });
  });
}

async function open(from: Connections = connections): Promise<Connection> {
  const result = await openAt(origin, 5000, from);
  assert(result instanceof Connection);
  return result;
}

/** The server's end of the connection that was made last. */
async function peer(count: number): Promise<Socket> {
  while (accepted.length < count) await once(server, "accepted");
  const socket = accepted[count - 1];
  assert(socket !== undefined);
  return socket;
}

const closed = (connection: Connection): Promise<unknown> => once(connection.socket, "close");

describe("dialling", () => {
  it("gives a connection that can be written", async () => {
    const connection = await open();
    connection.socket.write("hello");
    const [bytes] = (await once(await peer(1), "data")) as [Buffer];
    assert.equal(bytes.toString(), "hello");
    assert.equal(connection.isUsable, true);
    assert.equal(connection.socket.timeout ?? 0, 0);
  });

  it("says why when nobody listens", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const result = await openAt(`http://127.0.0.1:${port}`);
    assert(!(result instanceof Connection));
    assert.equal(result.isTimeout, false);
    assert.match(String(result.cause), /ECONNREFUSED/);
  });

  it("gives up on a handshake that does not end in time", async () => {
    // The server takes the connection and says nothing: TLS waits.
    const result = await openAt(origin.replace("http:", "https:"), 30);
    assert(!(result instanceof Connection));
    assert.deepEqual([result.isTimeout, result.cause.message], [true, "No connection within 30 ms."]);
  });

  it("is no connection when it ends while it is made", async () => {
    const result = openAt(origin.replace("http:", "https:"));
    (await peer(1)).end();
    const given = await result;
    assert(!(given instanceof Connection));
    assert.equal(given.isTimeout, false);
  });

  it("is told at once when all is closed meanwhile", async () => {
    const result = openAt(origin.replace("http:", "https:"), 60_000);
    await peer(1);
    connections.close();
    const given = await result;
    assert(!(given instanceof Connection));
    assert.equal(given.isTimeout, false);
  });

  it("that is not wanted any more calls nobody back, and leaves no socket", async () => {
    const cancel = connections.open(origin, 5000, () => assert.fail("called back"));
    cancel();
    cancel();
    const other = await open();
    assert.ok(other.isUsable);
    const sockets = accepted.filter((socket) => socket !== accepted.at(-1));
    for (const socket of sockets) if (!socket.destroyed) await once(socket.resume(), "close");
  });
});

describe("idle connections", () => {
  it("the one used last is given first, and only to its own origin", async () => {
    const [first, second] = [await open(), await open()];
    first.keep();
    second.keep();
    assert.equal(await open(), second);
    assert.equal(await open(), first);
    first.keep();
    const other = await openAt(origin.replace("127.0.0.1", "localhost"));
    assert.notEqual(other, first);
  });

  it("one that the other side has ended is not given", async () => {
    const connection = await open();
    const far = await peer(1);
    connection.keep();
    const gone = closed(connection);
    far.end();
    await gone;
    const next = await open();
    assert.notEqual(next, connection);
    assert.ok(next.isUsable);
  });

  it("one that speaks unasked is out of step, and dropped", async () => {
    const connection = await open();
    const far = await peer(1);
    connection.keep();
    const gone = closed(connection);
    far.write("HTTP/1.1 408 Request Timeout\r\n\r\n");
    await gone;
    assert.equal(connection.isUsable, false);
  });

  it("is kept for so long and no longer", async () => {
    const brief = createConnections({ keepAliveTimeoutMs: 20 });
    const connection = await open(brief);
    connection.keep();
    await closed(connection);
    brief.close();
  });

  it("one in use again has no clock", async () => {
    const brief = createConnections({ keepAliveTimeoutMs: 20 });
    const connection = await open(brief);
    connection.keep();
    assert.equal(await open(brief), connection);
    connection.use({ onData: () => {}, onEnd: () => {}, onClosed: () => {} });
    assert.equal(connection.socket.timeout, 0);
    brief.close();
  });
});

describe("the user of a connection", () => {
  it("hears bytes, the end and the close, and nothing after it gave it back", async () => {
    const connection = await open();
    const far = await peer(1);
    const told: string[] = [];
    const ended = Promise.withResolvers<void>();
    connection.use({
      onData: (bytes) => told.push(bytes.toString()),
      onEnd: () => {
        told.push("end");
        ended.resolve();
      },
      onClosed: (cause) => told.push(cause.message),
    });
    far.end("bytes");
    await ended.promise;
    const gone = closed(connection);
    connection.socket.end();
    await gone;
    assert.deepEqual(told, ["bytes", "end", "The connection was closed."]);
  });

  it("is told why a connection broke", async () => {
    const connection = await open();
    const far = await peer(1);
    const cause = new Promise<Error>((resolve) =>
      connection.use({ onData: () => {}, onEnd: () => {}, onClosed: resolve }),
    );
    far.resetAndDestroy();
    assert.match(String(await cause), /ECONNRESET/);
  });

  it("that discards it hears no more", async () => {
    const connection = await open();
    const never = (): never => assert.fail("told");
    connection.use({ onData: never, onEnd: never, onClosed: never });
    const gone = closed(connection);
    connection.discard();
    await gone;
  });
});

it("closing closes all, in use or idle", async () => {
  const [used, idle] = [await open(), await open()];
  idle.keep();
  const gone = Promise.all([closed(used), closed(idle)]);
  connections.close();
  await gone;
});
