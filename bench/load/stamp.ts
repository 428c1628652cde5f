/**
 * The stamp in each event of a slow stream: when it was written, on the clock that all processes of a machine
 * share (CLOCK_MONOTONIC), so that the reader in another process can tell how long the event was under way.
 */

const digits = 16;
const stamp = new RegExp(`@(\\d{${digits}})@`);

/** Microseconds on the machine's monotonic clock. */
export function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1000);
}

/** `@0000012345678901@`: always as long, so that all events are. */
export function stampText(timeUs: number): string {
  return `@${String(timeUs).padStart(digits, "0")}@`;
}

/** The stamp inside an event; null for an event without one. */
export function findStampUs(event: string): number | null {
  const found = stamp.exec(event)?.[1];
  return found === undefined ? null : Number(found);
}
