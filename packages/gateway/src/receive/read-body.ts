/**
 * Reads one request body off its socket, once, and keeps the chunks as they came, neither copied nor
 * joined. It bounds the body's size, the pauses inside it and the memory of all bodies together.
 */

import { GatewayError } from "../errors.ts";
import type { Call, CallerRequest } from "../exchange.ts";
import { CallerGone } from "../caller-gone.ts";
import { KeptChunks } from "./kept-chunks.ts";
import type { KeptBytes, Reservation } from "./kept-bytes.ts";
import type { Slabs } from "../slabs.ts";

export interface ReceiveLimits {
  /** The largest body, as sent. */
  readonly maxBodyBytes: number;
  /** The largest body after its content-encoding is removed. */
  readonly maxDecodedBytes: number;
  /** The longest pause inside a body. */
  readonly bodyIdleTimeoutMs: number;
}

/** A body in memory. Whoever has it releases the reservation. */
export interface ReadBody {
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
  readonly reservation: Reservation;
  /** Lets the chunks' memory be used again, where it can be. Only when nothing will read them any more. */
  giveBack(): void;
}

export interface ReadBodyOptions {
  readonly call: Call;
  readonly keptBytes: KeptBytes;
  readonly slabs: Slabs;
  readonly limits: ReceiveLimits;
  /** Sees each chunk as it comes. */
  readonly onChunk: (chunk: Uint8Array) => void;
}

/** True when the request's header says that a body follows (RFC 9112 section 6.3). */
export function announcesBody(request: CallerRequest): boolean {
  return (
    request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0
  );
}

/**
 * Rejects with `request_too_large`, `request_timeout`, `overloaded` or `CallerGone`; nothing stays reserved
 * then, and what is left of the body is not read.
 */
export async function readBody(options: ReadBodyOptions): Promise<ReadBody> {
  const { call, keptBytes, limits } = options;
  const length = call.request.headers["content-length"];
  const announced = length === undefined ? null : Number(length);
  if (announced !== null && announced > limits.maxBodyBytes) throw tooLarge(limits);
  const reservation =
    announced === null
      ? keptBytes.reserveNone()
      : (keptBytes.tryReserve(announced) ?? (await reserve(call, keptBytes, announced)));
  try {
    if (call.expectsContinue) call.response.writeContinue?.();
    const kept = new KeptChunks(options.slabs, announced ?? 0);
    const byteLength = await readChunks(options, kept, announced === null ? reservation : null);
    return { chunks: kept.take(), byteLength, reservation, giveBack: () => kept.giveBack() };
  } catch (error) {
    reservation.release();
    throw error;
  }
}

/** Waits for room, but not for a caller that leaves meanwhile. */
async function reserve(call: Call, keptBytes: KeptBytes, bytes: number): Promise<Reservation> {
  const leaving = new AbortController();
  const onClose = (): void => leaving.abort();
  call.response.once("close", onClose);
  try {
    return await keptBytes.reserve(bytes, leaving.signal);
  } finally {
    call.response.off("close", onClose);
  }
}

/** Resolves with how many bytes came. `growing` is what grows with the body when its length was not known. */
function readChunks(
  options: ReadBodyOptions,
  kept: KeptChunks,
  growing: Reservation | null,
): Promise<number> {
  const { limits, onChunk } = options;
  const { request } = options.call;
  return new Promise((resolve, reject) => {
    let byteLength = 0;
    const leave = (): void => {
      clearTimeout(idleTimer);
      request.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
    };
    const fail = (error: unknown): void => {
      leave();
      request.pause();
      // The socket may still break, and an unheard "error" would end the process.
      request.on("error", () => undefined);
      reject(error);
    };
    const onData = (chunk: Uint8Array, isLent?: boolean): void => {
      idleTimer.refresh();
      byteLength += chunk.length;
      if (byteLength > limits.maxBodyBytes) return fail(tooLarge(limits));
      try {
        growing?.grow(chunk.length);
        // A socket gives at most 64 KiB at a time, which is looked through in about 0.1 ms: no need to yield.
        if (isLent === true) {
          kept.addLent(chunk, onChunk);
          return;
        }
        onChunk(chunk);
      } catch (error) {
        return fail(error);
      }
      kept.add(chunk);
    };
    const onEnd = (): void => {
      leave();
      resolve(byteLength);
    };
    const onClose = (cause?: unknown): void => fail(new CallerGone(cause));
    const idleTimer = setTimeout(() => fail(timedOut(limits)), limits.bodyIdleTimeoutMs);
    if (request.destroyed && !request.readableEnded) return onClose();
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}

function tooLarge(limits: ReceiveLimits): GatewayError {
  return new GatewayError(
    "request_too_large",
    `The request body is over ${limits.maxBodyBytes} bytes. Send less, or ask the gateway's operator to raise MESHAGENT_MAX_BODY.`,
  );
}

function timedOut(limits: ReceiveLimits): GatewayError {
  return new GatewayError(
    "request_timeout",
    `No byte of the request body came for ${limits.bodyIdleTimeoutMs} ms. Send the request again.`,
  );
}
