/**
 * Reads the head of a request that the lane takes: a POST of HTTP/1.1 with a length and no header name twice. It
 * takes a strict part of RFC 9112 and refuses nothing: whatever is odd, or rare, is left to `node:http`, which
 * refuses what must be refused. So no request is read in two ways.
 */

/** A head that was read. */
export interface LaneHead {
  /** Path and query, as they came. */
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: string[];
  /** By lower-case name. */
  readonly headers: Record<string, string>;
  readonly contentLength: number;
}

/** Node drops what is over 2000; no client sends near as many as this. */
const maxHeaders = 200;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 section 5.5, without a space at either end. */
const fieldValue = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
const requestLine = /^POST (\/[\x21-\x7e]*) HTTP\/1\.1$/;

/** What changes how a message is framed or answered, or is no text in `headers`, is `node:http`'s to understand. */
const notTaken: readonly string[] = [
  "transfer-encoding",
  "expect",
  "upgrade",
  "trailer",
  "te",
  "http2-settings",
  // `node:http` reads it as it reads `connection`.
  "proxy-connection",
  "set-cookie",
];

/** `text` is the head in latin1, without the empty line at its end. null: not for the lane. */
export function readLaneHead(text: string): LaneHead | null {
  const firstEnd = text.indexOf("\r\n");
  const target = requestLine.exec(firstEnd === -1 ? text : text.slice(0, firstEnd))?.[1];
  if (firstEnd === -1 || target === undefined) return null;
  const rawHeaders: string[] = [];
  const headers: Record<string, string> = {};
  for (let at = firstEnd + 2; at <= text.length;) {
    const next = text.indexOf("\r\n", at);
    const end = next === -1 ? text.length : next;
    const colon = text.indexOf(":", at);
    if (colon === -1 || colon > end) return null;
    const name = text.slice(at, colon);
    const value = text.slice(...withoutSpace(text, colon + 1, end));
    const lower = name.toLowerCase();
    if (!token.test(name) || !fieldValue.test(value) || headers[lower] !== undefined || isPrototypes(lower))
      return null;
    headers[lower] = value;
    if (rawHeaders.push(name, value) > 2 * maxHeaders) return null;
    at = end + 2;
  }
  const contentLength = lengthOf(headers["content-length"]);
  if (contentLength === null || headers["host"] === undefined) return null;
  if (!/^(?:keep-alive)?$/i.test(headers["connection"] ?? "")) return null;
  if (notTaken.some((name) => headers[name] !== undefined)) return null;
  return { target, rawHeaders, headers, contentLength };
}

/** Such as `constructor`, which every object has. */
function isPrototypes(lowerName: string): boolean {
  return lowerName in Object.prototype;
}

function lengthOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Where the text without spaces and tabs at its ends begins and ends; nothing else is white space (RFC 9110 5.6.3). */
function withoutSpace(text: string, from: number, to: number): [number, number] {
  let [start, end] = [from, to];
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return [start, end];
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09;
