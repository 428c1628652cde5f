/** Reads simulated replies to their end without waiting. For tests, which want a reply as one value. */

import type { DialectName } from "../provider.ts";
import { asObject, type JsonObject } from "./json.ts";
import type { SimulatedReply, SimulatedStep } from "./reply.ts";
import type { Simulation } from "./simulation.ts";

/** A whole reply. */
export interface ReadReply {
  readonly reply: SimulatedReply;
  readonly steps: readonly SimulatedStep[];
  /** All bytes as text. */
  readonly text: string;
  /** The plain body, parsed; `{}` for a stream. */
  readonly json: JsonObject;
  /** The data of a stream's events, parsed, `[DONE]` left out. */
  readonly events: readonly JsonObject[];
  header(name: string): string | null;
}

/** Sends a request (`POST` with a body, else `GET`) and reads the reply. */
export function askSimulation(
  simulation: Simulation,
  target: { readonly dialect: DialectName; readonly path: string },
  body?: unknown,
): ReadReply {
  const bytes = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const method = body === undefined ? "GET" : "POST";
  return readReply(simulation.answer({ ...target, method, headers: [], body: Buffer.from(bytes) }));
}

/** Sends a form; of a value with bytes a file is made. */
export function askSimulationByForm(
  simulation: Simulation,
  target: { readonly dialect: DialectName; readonly path: string },
  fields: readonly (readonly [name: string, value: string | Uint8Array])[],
): ReadReply {
  const parts = fields.map(([name, value]) => {
    const file = typeof value === "string" ? "" : `; filename="${name}.wav"`;
    const header = `--simulated\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`;
    return Buffer.concat([Buffer.from(header), Buffer.from(value), Buffer.from("\r\n")]);
  });
  const body = Buffer.concat([...parts, Buffer.from("--simulated--\r\n")]);
  const contentType = "multipart/form-data; boundary=simulated";
  return readReply(
    simulation.answer({ ...target, method: "POST", headers: [["Content-Type", contentType]], body }),
  );
}

/** Plays all steps of a reply at once. A stall ends it, as does a cut. */
export function readReply(reply: SimulatedReply): ReadReply {
  const steps = [...reply.steps];
  const chunks = steps.flatMap((step) => (step.kind === "bytes" ? [step.bytes] : []));
  const text = Buffer.concat(chunks).toString();
  const header = (name: string): string | null => reply.headers.find((line) => line[0] === name)?.[1] ?? null;
  const isStream = header("content-type")?.startsWith("text/event-stream") === true;
  return {
    reply,
    steps,
    text,
    json: isStream ? {} : parse(text),
    events: isStream ? eventsOf(text) : [],
    header,
  };
}

function eventsOf(text: string): readonly JsonObject[] {
  const lines = text.split("\n").filter((line) => line.startsWith("data: ") && line !== "data: [DONE]");
  return lines.map((line) => parse(line.slice("data: ".length)));
}

/** Half a body or half an event, where a reply was cut, reads as nothing. */
function parse(text: string): JsonObject {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}
