/** The grammar of a number (RFC 8259 section 6) as a table of states, one byte at a time. It computes no value. */

/** Where in a number: the states marked "ends" are those in which a number may stop. */
const NumberState = {
  minus: 0,
  zeroEnds: 1,
  intEnds: 2,
  point: 3,
  fractionEnds: 4,
  e: 5,
  sign: 6,
  exponentEnds: 7,
} as const;

/** The state after `byte` in a number, or -1 when the number cannot go on with it. */
export function nextInNumber(state: number, byte: number): number {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  const isE = byte === 0x65 || byte === 0x45;
  switch (state) {
    case NumberState.minus:
      return !isDigit ? -1 : byte === 0x30 ? NumberState.zeroEnds : NumberState.intEnds;
    case NumberState.zeroEnds:
      return byte === 0x2e ? NumberState.point : isE ? NumberState.e : -1;
    case NumberState.intEnds:
      return isDigit ? NumberState.intEnds : byte === 0x2e ? NumberState.point : isE ? NumberState.e : -1;
    case NumberState.point:
      return isDigit ? NumberState.fractionEnds : -1;
    case NumberState.fractionEnds:
      return isDigit ? NumberState.fractionEnds : isE ? NumberState.e : -1;
    case NumberState.e:
      return isDigit ? NumberState.exponentEnds : byte === 0x2b || byte === 0x2d ? NumberState.sign : -1;
    default:
      return isDigit ? NumberState.exponentEnds : -1;
  }
}

/** True where the text of a number may stop. */
export function canNumberEnd(state: number): boolean {
  return (
    state === NumberState.zeroEnds ||
    state === NumberState.intEnds ||
    state === NumberState.fractionEnds ||
    state === NumberState.exponentEnds
  );
}

/** The state after the first byte of a number, or -1 when none begins so. */
export function firstInNumber(byte: number): number {
  return byte === 0x2d ? NumberState.minus : nextInNumber(NumberState.minus, byte);
}
