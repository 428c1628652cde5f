/**
 * Where log lines go: a stream whose reader may be slow, leave, or come back. The log never ends what it tells of:
 * a line that cannot be written is dropped and counted, and the next one is tried again. Knows no level and no form.
 */

import type { Writable } from "node:stream";

/** What a reader that stands still may hold up in memory. Bytes. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export interface LogOutput {
  /** Never throws. */
  write(line: string): void;
  /** Lines that nobody got. */
  readonly droppedLines: number;
}

/** Takes the stream's errors over, so that the end of a reader is not the end of the process. */
export function createLogOutput(
  stream: Pick<Writable, "write" | "writableLength" | "on">,
  maxWaitingBytes: number = MAX_WAITING_BYTES,
): LogOutput {
  let droppedLines = 0;
  // Each write is told of its own failure.
  stream.on("error", () => {});
  return {
    write: (line) => {
      if (stream.writableLength > maxWaitingBytes) {
        droppedLines += 1;
        return;
      }
      stream.write(line, (error) => {
        if (error !== undefined && error !== null) droppedLines += 1;
      });
    },
    get droppedLines() {
      return droppedLines;
    },
  };
}
