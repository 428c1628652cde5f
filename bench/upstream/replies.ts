/**
 * What the benchmark's provider answers: W1's JSON of 1.5 KB, W2's 300 events of about 120 bytes with a chunk
 * each, W3's slow stream of stamped events. The usage in them is what the ledger must show.
 */

import { stampText } from "../load/stamp.ts";

/** A slow stream, as the request's text orders it. */
export interface StreamOrder {
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Comes back in the usage, so that the stream's row can be told from the others. */
  readonly inputTokens: number;
}

/** The text that orders a slow stream, to be put anywhere into a request's body. */
export function streamOrderText(order: StreamOrder): string {
  return `slow stream: events=${order.events} per_second=${order.eventsPerSecond} input_tokens=${order.inputTokens}`;
}

/** The order inside a body; null for a body that orders no slow stream. */
export function findStreamOrder(body: string): StreamOrder | null {
  const match = /slow stream: events=(\d+) per_second=(\d+) input_tokens=(\d+)/.exec(body);
  if (match === null) return null;
  const [events = 0, eventsPerSecond = 0, inputTokens = 0] = match.slice(1).map(Number);
  return { events, eventsPerSecond, inputTokens };
}

function usageJson(inputTokens: number, outputTokens: number): string {
  return JSON.stringify({
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: Math.floor(inputTokens * 0.9) },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  });
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

function deltaChunk(index: number, delta: string): string {
  const data = `{"type":"response.output_text.delta","sequence_number":${index},"delta":"${delta}"}`;
  return chunk(`event: response.output_text.delta\ndata: ${data}\n\n`);
}

function completedChunks(usage: string): string {
  const response = `{"id":"resp_b","model":"gpt-5.5","status":"completed","usage":${usage}}`;
  const data = `{"type":"response.completed","response":${response}}`;
  return `${chunk(`event: response.completed\ndata: ${data}\n\n`)}0\r\n\r\n`;
}

/** The head of every streamed reply. */
export const streamHead =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/** One event of a slow stream, as a chunk. */
export function slowEvent(index: number, timeUs: number): string {
  return deltaChunk(index, `${stampText(timeUs)} word`);
}

/** The terminal event and the last chunk of a slow stream. */
export function slowEnd(order: StreamOrder): string {
  return completedChunks(usageJson(order.inputTokens, order.events));
}

/** W2's reply, head included. */
export const turnReply: Buffer = Buffer.from(
  streamHead +
    Array.from({ length: 300 }, (_each, index) => deltaChunk(index, "word ")).join("") +
    completedChunks(usageJson(90_000, 300)),
);

const json = JSON.stringify({
  id: "resp_b",
  model: "gpt-5.5",
  status: "completed",
  output: [{ type: "message", text: "x".repeat(1150) }],
}).replace(/\}$/, `,"usage":${usageJson(300, 290)}}`);

/** W1's reply, head included. */
export const smallReply: Buffer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
);
