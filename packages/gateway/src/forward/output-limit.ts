/**
 * The one edit that a hard budget may make: the request's output limit becomes what the budget has room for. Numbers
 * change, or one member is added; every other byte stays. Decides nothing: the hold step says the number.
 */

import type { BodyEdit, LoweredOutput } from "../exchange.ts";
import { createJsonPicker } from "../json-pick.ts";

/** The edits of a decoded body, a JSON object, in the order of their places. */
export function planOutputLimit(chunks: Iterable<Uint8Array>, lowered: LoweredOutput): readonly BodyEdit[] {
  const names = [lowered.name, ...lowered.alsoIn];
  const thinking = ["thinking", "budget_tokens"];
  const picker = createJsonPicker([...names.map((name) => [name]), thinking]);
  let brace = -1;
  let isEmpty = true;
  let offset = 0;
  for (const chunk of chunks) {
    if (brace === -1) {
      const at = chunk.indexOf(0x7b);
      if (at !== -1) brace = offset + at;
    }
    // A member begins with a quote.
    if (brace !== -1 && isEmpty) isEmpty = !chunk.subarray(Math.max(0, brace + 1 - offset)).includes(0x22);
    offset += chunk.byteLength;
    picker.push(chunk);
  }
  const { found } = picker.end();
  const edits: BodyEdit[] = [];
  const limits = found.filter(({ path }) => path.length === 1);
  for (const { valueStart, valueEnd } of limits) {
    edits.push({ start: valueStart, end: valueEnd, text: String(lowered.tokens) });
  }
  if (limits.length === 0) {
    edits.push({
      start: brace + 1,
      end: brace + 1,
      text: `${JSON.stringify(lowered.name)}:${lowered.tokens}${isEmpty ? "" : ","}`,
    });
  }
  if (lowered.thinkingTokens !== null) {
    for (const { path, valueStart, valueEnd } of found) {
      if (path.length === 2)
        edits.push({ start: valueStart, end: valueEnd, text: String(lowered.thinkingTokens) });
    }
  }
  return edits.toSorted((left, right) => left.start - right.start);
}
