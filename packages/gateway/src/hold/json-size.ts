/**
 * How large a value is as JSON text, as `JSON.stringify` writes it. Where the text that it was parsed from has no
 * backslash no string of it needs one, so that its size is known without writing it.
 */

/** What texts take in UTF-8. */
export interface TextSize {
  bytes: number;
  /** At least the bytes that are not ASCII. */
  nonAscii: number;
}

/** Adds a text. */
export function addText(text: string, to: TextSize): void {
  const bytes = Buffer.byteLength(text);
  to.bytes += bytes;
  // Twice what UTF-8 takes beyond UTF-16.
  to.nonAscii += Math.min(bytes, 2 * (bytes - text.length));
}

/** Adds the JSON of a value that was parsed from a text without a backslash. Members that are undefined are none. */
export function addPlainJson(value: unknown, to: TextSize): void {
  if (typeof value === "string") {
    to.bytes += 2;
    addText(value, to);
  } else if (Array.isArray(value)) {
    to.bytes += value.length === 0 ? 2 : value.length + 1;
    for (const element of value) addPlainJson(element, to);
  } else if (typeof value === "object" && value !== null) {
    addPlainObject(value as Readonly<Record<string, unknown>>, to);
  } else if (value !== undefined) {
    to.bytes += JSON.stringify(value).length;
  }
}

function addPlainObject(object: Readonly<Record<string, unknown>>, to: TextSize): void {
  let members = 0;
  for (const name of Object.keys(object)) {
    const member = object[name];
    if (member === undefined) continue;
    members += 1;
    // Two quotes and a colon.
    to.bytes += 3;
    addText(name, to);
    addPlainJson(member, to);
  }
  to.bytes += members === 0 ? 2 : members + 1;
}
