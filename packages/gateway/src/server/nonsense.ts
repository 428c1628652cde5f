/** The answer to what no parser takes for a request. It knows no dialect: nothing says which one the caller speaks. */

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** How long a connection that was ended here may stay open on the caller's side. */
export const halfOpenMs: number = 10_000;

const nonsenseStatuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/**
 * Answers what is no request, or takes too long to become one. A caller that does not end its half holds no connection.
 * `reply` is the latest one on it.
 */
export function refuseNonsense(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  reply: ServerResponse | undefined,
): void {
  const isInReply = reply !== undefined && reply.headersSent && !reply.writableFinished;
  if (!socket.writable || error.code === "ECONNRESET" || isInReply) {
    socket.destroy();
    return;
  }
  const status = nonsenseStatuses[error.code ?? ""] ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  setTimeout(() => socket.destroy(), halfOpenMs).unref();
}
