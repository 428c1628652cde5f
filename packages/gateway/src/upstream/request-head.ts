/** The head of a request on the wire. Refuses whatever could break out of its line. */

import type { UpstreamRequest } from "./client.ts";

/** latin1 text, as `node:http` reads header bytes, so that they go on as they came. Throws where they could not. */
export function requestHead(request: UpstreamRequest): string {
  const host = request.origin.slice(request.origin.indexOf("//") + 2);
  let head = `${request.method} ${request.path} HTTP/1.1\r\n${line("host", host)}${line("connection", "keep-alive")}`;
  for (const [name, value] of request.headers) head += line(name, value);
  if (request.body !== null) head += line("content-length", String(request.body.byteLength));
  if (!/^[A-Z]+$/.test(request.method) || !/^\/[\x21-\x7e\x80-\xff]*$/.test(request.path)) {
    throw new Error("The request line cannot be written.");
  }
  return `${head}\r\n`;
}

function line(name: string, value: string): string {
  // Beyond latin1 a character would be cut to one byte, and U+010A to a line break.
  if (/[\0\r\n\u0100-\uffff]/.test(value) || !/^[\x21-\x39\x3b-\x7e\x80-\xff]+$/.test(name))
    throw new Error(
      "A header line cannot be written: it holds a line break, or a character that is not latin1.",
    );
  return `${name}: ${value}\r\n`;
}
