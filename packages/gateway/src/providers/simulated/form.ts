/**
 * Reads a whole `multipart/form-data` body as the simulated provider sees it: one object, like a JSON body. It is
 * for requests that the gateway has judged already, so it is lenient, and what it cannot read is left out.
 */

import { isObject, type JsonObject } from "./json.ts";

/** A file that was uploaded. */
export interface UploadedFile {
  readonly filename: string;
  readonly bytes: Uint8Array;
}

export function isUploadedFile(value: unknown): value is UploadedFile & JsonObject {
  return isObject(value) && value["bytes"] instanceof Uint8Array;
}

const HEADER_END = Buffer.from("\r\n\r\n");

/** The form, or null when the content type is not that of one. Text is a string, `a[]` an array, `a[b]` an object. */
export function parseForm(contentType: string, body: Uint8Array): JsonObject | null {
  const boundary = /^multipart\/form-data;.*\bboundary="?([^";]+)/i.exec(contentType)?.[1];
  if (boundary === undefined) return null;
  const form: Record<string, unknown> = {};
  for (const part of partsOf(Buffer.from(body), boundary)) {
    const headerEnd = part.indexOf(HEADER_END);
    const header = part.toString("utf8", 0, Math.max(0, headerEnd));
    const name = /\bname="([^"]*)"/i.exec(header)?.[1];
    if (headerEnd < 0 || name === undefined) continue;
    const bytes = part.subarray(headerEnd + HEADER_END.length);
    const filename = /\bfilename="([^"]*)"/i.exec(header)?.[1];
    put(form, name, filename === undefined ? bytes.toString() : { filename, bytes });
  }
  return form;
}

/** What stands between two boundaries, without the line breaks that belong to them. */
function* partsOf(body: Buffer, boundary: string): Iterable<Buffer> {
  const delimiter = Buffer.from(`--${boundary}`);
  let from = body.indexOf(delimiter);
  while (from !== -1) {
    const start = from + delimiter.length + 2;
    from = body.indexOf(Buffer.concat([Buffer.from("\r\n"), delimiter]), start - 2);
    if (from === -1) return;
    yield body.subarray(start, from);
    from += 2;
  }
}

function put(form: Record<string, unknown>, name: string, value: unknown): void {
  const match = /^([^[\]]+)\[([^[\]]*)\]$/.exec(name);
  const [, outer = name, inner] = match ?? [];
  const before = form[outer];
  if (inner === undefined) form[outer] = value;
  else if (inner === "") form[outer] = [...(Array.isArray(before) ? before : []), value];
  else form[outer] = { ...(isObject(before) ? before : {}), [inner]: value };
}
