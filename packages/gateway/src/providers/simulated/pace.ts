/**
 * Turns a reply's body into steps, with the pauses and breaks that directives ask for. Everything that
 * happens "in the middle" happens at one place: after half of the events, or after half of a plain body.
 */

import type { Directives } from "./directives.ts";
import type { EndpointBody, SimulatedStep } from "./reply.ts";

/** The steps of a body. */
export function stepsOf(body: EndpointBody, directives: Directives): Iterable<SimulatedStep> {
  if (body.kind === "events") return eventSteps(body, directives);
  return plainSteps(body.kind === "json" ? Buffer.from(body.text) : body.bytes, directives);
}

function* plainSteps(bytes: Uint8Array, directives: Directives): Iterable<SimulatedStep> {
  const half = Math.ceil(bytes.length / 2);
  if (!directives.isStalled && !directives.isCut && directives.silenceMs === 0) {
    yield { kind: "bytes", bytes };
    return;
  }
  yield { kind: "bytes", bytes: bytes.subarray(0, half) };
  yield* pause(directives);
  if (directives.isCut) yield { kind: "cut" };
  else yield { kind: "bytes", bytes: bytes.subarray(half) };
}

function* eventSteps(
  body: Extract<EndpointBody, { kind: "events" }>,
  directives: Directives,
): Iterable<SimulatedStep> {
  const middle = Math.ceil(body.events.length / 2);
  for (const [index, text] of body.events.entries()) {
    if (directives.slowMs > 0) yield { kind: "wait", waitMs: directives.slowMs };
    const bytes = Buffer.from(text);
    if (index === middle) {
      yield* pause(directives);
      if (directives.isCut) {
        // Inside an event, and inside a line: the worst place for a reader.
        yield { kind: "bytes", bytes: bytes.subarray(0, Math.ceil(bytes.length / 2)) };
        yield { kind: "cut" };
        return;
      }
      if (directives.isStreamError) {
        yield { kind: "bytes", bytes: Buffer.from(body.errorEvent(index)) };
        return;
      }
    }
    yield { kind: "bytes", bytes };
  }
}

function* pause(directives: Directives): Iterable<SimulatedStep> {
  if (directives.silenceMs > 0) yield { kind: "wait", waitMs: directives.silenceMs };
  if (directives.isStalled) yield { kind: "stall" };
}
