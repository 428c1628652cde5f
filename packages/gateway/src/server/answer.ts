/**
 * Answers that the gateway makes itself: writes them, and sees that they arrive although the body of the request
 * was never read. Knows no dialect: it is given what to write.
 */

import type { OwnReply } from "../dialects/dialect.ts";
import type { GatewayError } from "../errors.ts";
import type { CallerRequest, CallerResponse } from "../exchange.ts";
import type { HeaderLines } from "../upstream/client.ts";

/**
 * How long the rest of an unread body may go on arriving, to be thrown away. Closing at once would reset the
 * connection, and a caller that is still sending would lose the answer (RFC 9112 section 9.6).
 */
const lingerMs = 10_000;

export interface AnswerOptions {
  readonly request: CallerRequest;
  readonly response: CallerResponse;
  readonly reply: OwnReply;
  readonly extraHeaders: HeaderLines;
}

/** Writes the answer; does nothing when one was begun already or nobody is there to read it. */
export function answer(options: AnswerOptions): void {
  const { request, response, reply } = options;
  if (response.headersSent || response.destroyed) return;
  const body = Buffer.from(reply.body);
  const lines: [string, string][] = [];
  for (const [name, value] of [...reply.headers, ...options.extraHeaders]) lines.push([name, value]);
  if (reply.status !== 204) lines.push(["content-length", String(body.byteLength)]);
  // Who asked for a go-ahead and got none may or may not send its body: no next request can follow on this connection.
  if (request.headers.expect !== undefined && !request.complete) lines.push(["connection", "close"]);
  response.writeHead(reply.status, lines.flat());
  response.end(request.method === "HEAD" ? undefined : body);
  if (!request.complete) linger(request);
}

/** The lines that say whether and when a repeat is worth it. */
export function retryHeaders(error: GatewayError): HeaderLines {
  const lines: [string, string][] = [];
  if (!error.isRetryable) lines.push(["x-should-retry", "false"]);
  if (error.retryAfterS !== null) lines.push(["retry-after", String(error.retryAfterS)]);
  return lines;
}

function linger(request: CallerRequest): void {
  const { socket } = request;
  // Nobody listens any more: what comes is thrown away.
  request.resume();
  const timer = setTimeout(() => {
    if (!request.complete) socket.destroy();
  }, lingerMs);
  timer.unref();
  request.once("close", () => clearTimeout(timer));
}
