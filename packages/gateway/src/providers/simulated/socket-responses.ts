/**
 * The Responses WebSocket of the simulated provider: each `response.create` is answered as a streamed request would
 * be, lane by lane, and goes on from the responses that the same connection made.
 */

import type { Duplex } from "node:stream";
import { frame, Opcode } from "../../websocket/frames.ts";
import { asArray, asObject, asString, type JsonObject } from "./json.ts";
import type { SimulatedBill } from "./reply.ts";
import type { Simulation } from "./simulation.ts";
import { SocketPeer } from "./socket-peer.ts";

export interface SimulatedSocketOptions {
  readonly simulation: Simulation;
  /** Query of the upgrade, with the `?`. */
  readonly query: string;
  /** Is told of what is billed; call what it returns with whether all of it was sent. */
  readonly onBill?: (bill: SimulatedBill | null, status: number) => (isSent: boolean) => void;
}

/** Serves one connection whose handshake is over. */
export function serveResponsesSocket(stream: Duplex, options: SimulatedSocketOptions): void {
  const lanes = new Map<string, Promise<void>>();
  /** What each response knew and said, by its id. */
  const made = new Map<string, readonly unknown[]>();
  const peer = new SocketPeer(
    stream,
    (message) => {
      const lane = asString(message["stream_id"]);
      const before = lanes.get(lane) ?? Promise.resolve();
      lanes.set(
        lane,
        before.then(() => answer(message, { peer, made, options, lane })),
      );
    },
    () => void peer.send(errorMessage(400, { message: "The message is no JSON object." }, "")),
  );
}

interface Surroundings {
  readonly peer: SocketPeer;
  readonly made: Map<string, readonly unknown[]>;
  readonly options: SimulatedSocketOptions;
  readonly lane: string;
}

async function answer(message: JsonObject, around: Surroundings): Promise<void> {
  const { peer, made, options, lane } = around;
  if (message["type"] !== "response.create") {
    const said = `Unknown message type '${asString(message["type"])}'.`;
    await peer.send(
      errorMessage(400, { type: "invalid_request_error", code: "invalid_value", message: said }, lane),
    );
    return;
  }
  const previous = asString(message["previous_response_id"]);
  const known = previous === "" ? [] : made.get(previous);
  if (known === undefined) {
    const said = `Previous response with id '${previous}' not found.`;
    const error = { type: "invalid_request_error", code: "previous_response_not_found", message: said };
    await peer.send(errorMessage(400, { ...error, param: "previous_response_id" }, lane));
    return;
  }
  const { type: _type, stream_id: _lane, previous_response_id: _previous, ...rest } = message;
  const input = [...known, ...inputItems(message["input"])];
  const body = { ...rest, input, stream: true };
  const reply = options.simulation.answer({
    dialect: "openai",
    method: "POST",
    path: "/responses",
    headers: [],
    body: Buffer.from(JSON.stringify(body)),
    isSocket: true,
  });
  const settle = options.onBill?.(reply.bill, reply.status);
  await peer.wait(reply.headerDelayMs);
  for (const step of reply.steps) {
    if (peer.isGone) break;
    if (step.kind === "bytes")
      await say(Buffer.from(step.bytes).toString(), { ...around, input, status: reply.status });
    else if (step.kind === "cut") peer.cut();
    else await peer.wait(step.kind === "wait" ? step.waitMs : Infinity);
  }
  settle?.(!peer.isGone);
}

interface Saying extends Surroundings {
  readonly input: readonly unknown[];
  readonly status: number;
}

/** One server-sent event, or an error's body, as a message. */
async function say(text: string, saying: Saying): Promise<void> {
  const { peer, made, lane, input, status } = saying;
  if (status >= 400) {
    await peer.send(errorMessage(status, asObject(asObject(JSON.parse(text))["error"]), lane));
    return;
  }
  const data = /^data: (.*)$/m.exec(text)?.[1] ?? "";
  if (!text.endsWith("\n\n")) {
    const bytes = frame("server", Opcode.text, Buffer.from(data.padEnd(200)));
    await peer.write(bytes.subarray(0, bytes.length / 2));
    return;
  }
  const event = asObject(JSON.parse(data));
  if (event["type"] === "error") {
    const { code, message, param } = event;
    await peer.send(errorMessage(500, { type: "server_error", code, message, param }, lane));
    return;
  }
  const response = asObject(event["response"]);
  if (event["type"] === "response.completed" || event["type"] === "response.incomplete") {
    made.set(asString(response["id"]), [...input, ...asArray(response["output"])]);
  }
  await peer.send(lane === "" ? event : { ...event, stream_id: lane });
}

function inputItems(input: unknown): readonly unknown[] {
  return typeof input === "string" ? [{ role: "user", content: input }] : asArray(input);
}

function errorMessage(status: number, error: JsonObject, lane: string): JsonObject {
  return { type: "error", status, error, ...(lane === "" ? {} : { stream_id: lane }) };
}
