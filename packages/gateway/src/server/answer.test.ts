import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, describe, it } from "node:test";
import type { OwnReply } from "../dialects/dialect.ts";
import { type RawCaller, RelayBed, turns } from "../forward/relay-harness.ts";
import { answer } from "./answer.ts";

let bed: RelayBed;
before(async () => {
  bed = new RelayBed();
  await bed.open();
});
after(() => bed.close());

const refusal: OwnReply = { status: 401, headers: [["content-type", "application/json"]], body: '{"é":1}' };

async function answered(
  head: string,
  reply = refusal,
): Promise<{ caller: RawCaller; request: IncomingMessage; response: ServerResponse }> {
  const asked = await bed.connect(head);
  answer({ ...asked, reply, extraHeaders: [["x-meshagent-exchange-id", "ex_1"]] });
  await asked.caller.until("\r\n\r\n");
  await turns();
  return asked;
}

describe("an answer of the gateway's own", () => {
  it("is written whole, with its length in bytes", async () => {
    const { caller } = await answered("GET /v1 HTTP/1.1\r\nhost: gw\r\n\r\n");
    assert.match(
      caller.text,
      /^HTTP\/1\.1 401 Unauthorized\r\ncontent-type: application\/json\r\nx-meshagent-exchange-id: ex_1\r\ncontent-length: 8\r\n/,
    );
    assert.deepEqual(caller.body, { bytes: Buffer.from(refusal.body), isWhole: true });
  });

  it("has no body for HEAD, and no length for 204", async () => {
    const { caller } = await answered("HEAD /v1 HTTP/1.1\r\nhost: gw\r\n\r\n");
    assert.ok(caller.text.endsWith("\r\n\r\n"));
    const none = await answered("OPTIONS /v1 HTTP/1.1\r\nhost: gw\r\n\r\n", {
      status: 204,
      headers: [],
      body: "",
    });
    assert.match(none.caller.text, /^HTTP\/1\.1 204 /);
    assert.doesNotMatch(none.caller.text, /content-length|transfer-encoding/i);
  });

  it("arrives although the body was never read, and the connection stays in step", async () => {
    const length = 4 * 1024 * 1024;
    const { caller } = await answered(`POST /v1 HTTP/1.1\r\nhost: gw\r\ncontent-length: ${length}\r\n\r\n`);
    assert.match(caller.text, /401 Unauthorized/);
    caller.socket.write(Buffer.alloc(length));
    const next = bed.nextRequest();
    caller.socket.write("GET /second HTTP/1.1\r\nhost: gw\r\n\r\n");
    const [request, response] = await next;
    assert.equal(request.url, "/second");
    answer({ request, response, reply: { ...refusal, body: "second" }, extraHeaders: [] });
    await caller.until("second");
  });

  it("ends the connection of a caller that waits for a go-ahead it will not get (RFC 9110 section 10.1.1)", async () => {
    // As `checkContinue` would: the server of this bed has no such listener, so the go-ahead is Node's own.
    const { caller, request, response } = await bed.connect(
      "POST /v1 HTTP/1.1\r\nhost: gw\r\ncontent-length: 5\r\n\r\n",
    );
    request.headers.expect = "100-continue";
    answer({ request, response, reply: refusal, extraHeaders: [] });
    await caller.until("connection: close\r\n");
  });

  it("is not written twice, nor after another reply was begun, nor to nobody", async () => {
    const first = await answered("GET /v1 HTTP/1.1\r\nhost: gw\r\n\r\n");
    answer({ ...first, reply: { ...refusal, status: 500 }, extraHeaders: [] });
    await turns();
    assert.doesNotMatch(first.caller.text, /500/);
    const gone = await bed.connect("GET /v1 HTTP/1.1\r\nhost: gw\r\n\r\n");
    const closed = new Promise((resolve) => gone.response.once("close", resolve));
    gone.caller.socket.destroy();
    await closed;
    assert.doesNotThrow(() => answer({ ...gone, reply: refusal, extraHeaders: [] }));
  });
});

describe("a body that goes on after its answer", () => {
  it("is thrown away for a bounded time, then the connection ends", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const { caller } = await answered("POST /v1 HTTP/1.1\r\nhost: gw\r\ncontent-length: 99\r\n\r\nstart");
    context.mock.timers.tick(9_999);
    await turns();
    assert.equal(caller.socket.readyState, "open");
    context.mock.timers.tick(1);
    await caller.closed;
  });
});
