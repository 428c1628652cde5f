/**
 * The fast half of the JSON scanner, in AssemblyScript: walks the inside of values that nobody asked for, 16 bytes at
 * a time inside strings. `npm run build:wasm` compiles it to `src/json-skip-wasm.ts`, and a test compares the two.
 *
 * It only ever stops early, and never judges: at a byte that JSON does not allow, at a token that the chunk does not
 * hold whole, at a nesting that the caller does not allow, and in front of every byte of which the scanner's listener
 * hears, it stops and leaves that byte to `src/json-scan.ts`, which knows what to say. So what is accepted here must
 * be what is accepted there, and nothing else must agree. Byte counts of string contents (ascii, others), should a
 * later feature want them, belong in `inString`, which has the high bits of 16 bytes in one instruction.
 */

/** Where the caller puts the kinds of the containers that are open, outermost first: 1 an object, 2 an array. */
const KINDS: usize = 0;
const OBJECT: u8 = 1;
const ARRAY: u8 = 2;

/**
 * What `skip` leaves behind, numbers of 32 bits: `expect`, `depth`, `inside`, where the member name begins that is not
 * over (0 when it began before), and 1 when something was added to `SEEN`.
 */
const STATE: usize = 1024;

/** Names to look out for, by length: the index of the first in `NAMES`, 0 for none. One byte each. */
const BY_LENGTH: usize = 1088;
const MAX_NAME_BYTES: usize = 16;
/** For each name a number of 32 bits: at which depths it stood. The one at 0 is of names that an escape may spell. */
const SEEN: usize = 1120;
/** Sorted by length; 36 bytes each: 16 of the name, 16 that are ones where it has bytes, and 4 with its length. */
const NAMES: usize = 1184;
const NAME_BYTES: usize = 36;

/** As `Expect` in `src/json-scan.ts`. */
const VALUE: i32 = 0;
const VALUE_OR_CLOSE: i32 = 1;
const KEY: i32 = 2;
const KEY_OR_CLOSE: i32 = 3;
const COLON: i32 = 4;
const COMMA_OR_CLOSE: i32 = 5;

/** What comes next between two tokens, as above. */
let expect: i32 = 0;
/** How many containers are open. */
let depth: i32 = 0;
/** 0 between two tokens, 1 in a string that is a value, 2 in one that is a key. */
let inside: i32 = 0;
/** Of how many containers around these the listener hears. */
let outside: i32 = 0;
/** Where the member name begins in which the walk is; 0 when it began before. */
let nameAt: usize = 0;
/** A string has had an escape since this was last set back. */
let hasEscape: bool = false;
let hasSeen: i32 = 0;

/**
 * Walks `[from, to)` and returns where it stopped. `was` packs where the text stands: `expect`, from bit 4 on `inside`,
 * from bit 8 on `depth`, from bit 20 on `outside`. With no container open only the rest of a string can be skipped. Up to 16 bytes behind `to`
 * are read and mean nothing. `maxDepth` is how many containers may be open.
 */
export function skip(from: usize, to: usize, was: i32, maxDepth: i32): usize {
  expect = was & 15;
  inside = (was >> 4) & 15;
  depth = (was >> 8) & 0xfff;
  outside = (was >> 20) & 0xfff;
  nameAt = 0;
  hasSeen = 0;
  const stop = walk(from, to, maxDepth);
  store<i32>(STATE, expect);
  store<i32>(STATE + 4, depth);
  store<i32>(STATE + 8, inside);
  store<i32>(STATE + 12, nameAt as i32);
  store<i32>(STATE + 16, hasSeen);
  return stop;
}

function walk(from: usize, to: usize, maxDepth: i32): usize {
  let at = from;
  if (inside != 0) {
    at = inString(at, to);
    // Of the end of a string on a watched level the listener hears; a name's beginning is not here.
    if (at == to || depth == 0 || inside == 2 || load<u8>(at) != 0x22) return at;
    at = afterString(at);
  }
  while (at < to) {
    const byte = load<u8>(at);
    if (byte == 0x22) {
      if (expect == KEY || expect == KEY_OR_CLOSE) {
        inside = 2;
        nameAt = at + 1;
        hasEscape = false;
        at = inString(nameAt, to);
        if (at == to || load<u8>(at) != 0x22) return at;
        note(nameAt, at);
      } else {
        if (expect != VALUE && expect != VALUE_OR_CLOSE) return at;
        inside = 1;
        at = inString(at + 1, to);
        if (at == to || load<u8>(at) != 0x22) return at;
      }
      at = afterString(at);
    } else if (byte == 0x2c) {
      if (expect != COMMA_OR_CLOSE) return at;
      expect = load<u8>(KINDS + depth - 1) == OBJECT ? KEY : VALUE;
      at++;
    } else if (byte == 0x3a) {
      if (expect != COLON) return at;
      expect = VALUE;
      at++;
    } else if (byte == 0x7d || byte == 0x5d) {
      const kind = byte == 0x7d ? OBJECT : ARRAY;
      const mayClose = expect == COMMA_OR_CLOSE || expect == (byte == 0x7d ? KEY_OR_CLOSE : VALUE_OR_CLOSE);
      if (depth == 1 || !mayClose || load<u8>(KINDS + depth - 1) != kind) return at;
      depth--;
      expect = COMMA_OR_CLOSE;
      at++;
    } else if (byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09) {
      at++;
    } else {
      if (expect != VALUE && expect != VALUE_OR_CLOSE) return at;
      if (byte == 0x7b || byte == 0x5b) {
        if (depth == maxDepth) return at;
        store<u8>(KINDS + depth, byte == 0x7b ? OBJECT : ARRAY);
        depth++;
        expect = byte == 0x7b ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
        at++;
      } else {
        const next = byte >= 0x61 ? afterLiteral(at, to) : afterNumber(at, to);
        if (next == 0) return at;
        expect = COMMA_OR_CLOSE;
        at = next;
      }
    }
  }
  return at;
}

/** A member name is over: says at which depth it stood when it is one to look out for, or may be. */
function note(from: usize, to: usize): void {
  if (hasEscape) {
    if (maySpell(from, to)) noteAt(0);
    return;
  }
  const length = to - from;
  if (length > MAX_NAME_BYTES) return;
  let index: usize = load<u8>(BY_LENGTH + length);
  if (index == 0) return;
  const bytes = v128.load(from);
  for (let name = NAMES + index * NAME_BYTES; load<u32>(name + 32) == (length as u32); name += NAME_BYTES) {
    const differs = v128.and(v128.xor(bytes, v128.load(name)), v128.load(name + 16));
    if (!v128.any_true(differs)) noteAt(index);
    index++;
  }
}

function noteAt(index: usize): void {
  const levels = outside + depth;
  const at = SEEN + index * 4;
  store<u32>(at, load<u32>(at) | ((1 as u32) << (levels < 31 ? levels : 31)));
  hasSeen = 1;
}

/** An escape spells a character of ASCII that is no control character: `\u0020` to `\u007f`. */
function maySpell(from: usize, to: usize): bool {
  for (let at = from; at + 5 < to; at++) {
    if (load<u8>(at) != 0x5c) continue;
    if (load<u32>(at + 1) << 8 == 0x30307500) {
      const digit = load<u8>(at + 4);
      if (digit >= 0x32 && digit <= 0x37) return true;
    }
    // The second half of an escape begins none.
    at++;
  }
  return false;
}

/** `at` is the closing quote. */
function afterString(at: usize): usize {
  expect = inside == 2 ? COLON : COMMA_OR_CLOSE;
  inside = 0;
  return at + 1;
}

/**
 * From a place in a string that is in no escape: to its closing quote, to `to`, to a control character, or to the
 * backslash of an escape that is broken or not whole.
 */
function inString(from: usize, to: usize): usize {
  const quotes = i8x16.splat(0x22);
  const backslashes = i8x16.splat(0x5c);
  const highBits = i8x16.splat(0xe0 as i8);
  const zeros = i8x16.splat(0);
  const ns = i8x16.splat(0x6e);
  const ts = i8x16.splat(0x74);
  let at = from;
  while (at < to) {
    const bytes = v128.load(at);
    const controls = i8x16.eq(v128.and(bytes, highBits), zeros);
    const ends = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), controls));
    const escapes = i8x16.bitmask(i8x16.eq(bytes, backslashes));
    if ((ends | escapes) == 0) {
      at += 16;
      continue;
    }
    // Code has an escape in every second block, nearly all of them of these three, and nearly never two side by side.
    if (to - at > 16 && (escapes & (escapes << 1)) == 0) {
      const after = v128.load(at + 1);
      const known = v128.or(v128.or(i8x16.eq(after, ns), i8x16.eq(after, quotes)), i8x16.eq(after, ts));
      if ((escapes & ~i8x16.bitmask(known)) == 0 && (ends & ~(escapes << 1)) == 0) {
        hasEscape = true;
        at += 16 + (escapes >> 15);
        continue;
      }
    }
    let mask = ends | escapes;
    // All stops of these 16 bytes in turn.
    let next = at + 16;
    while (mask != 0) {
      const stop = at + ctz(mask);
      if (stop >= to) return to;
      if (load<u8>(stop) != 0x5c) return stop;
      hasEscape = true;
      const end = afterEscape(stop, to);
      if (end == 0) return stop;
      const passed = end - at;
      if (passed >= 16) {
        next = end;
        break;
      }
      mask &= -1 << (passed as i32);
    }
    at = next;
  }
  return to;
}

/** The place behind the escape that begins at `at`, or 0 when it is broken or not whole. */
function afterEscape(at: usize, to: usize): usize {
  if (to - at < 2) return 0;
  const byte = load<u8>(at + 1);
  if (byte == 0x6e || byte == 0x22 || byte == 0x5c || byte == 0x74) return at + 2;
  if (byte == 0x2f || byte == 0x62 || byte == 0x66 || byte == 0x72) return at + 2;
  if (byte != 0x75 || to - at < 6) return 0;
  for (let place: usize = 2; place < 6; place++) if (!isHexDigit(load<u8>(at + place))) return 0;
  return at + 6;
}

function isHexDigit(byte: u8): bool {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39;
}

/** The place behind `true`, `false` or `null`, or 0 for what is none or not whole. */
function afterLiteral(at: usize, to: usize): usize {
  if (to - at < 5) return 0;
  const word = load<u32>(at);
  if (word == 0x65757274 || word == 0x6c6c756e) return at + 4;
  return word == 0x736c6166 && load<u8>(at + 4) == 0x65 ? at + 5 : 0;
}

/** The place behind a number (RFC 8259 section 6) and in front of the byte that ends it; 0 where either is not there. */
function afterNumber(from: usize, to: usize): usize {
  let at = from;
  if (load<u8>(at) == 0x2d) at++;
  if (at < to && load<u8>(at) == 0x30) {
    at++;
  } else {
    const digits = at;
    at = afterDigits(at, to);
    if (at == digits) return 0;
  }
  if (at < to && load<u8>(at) == 0x2e) {
    const digits = at + 1;
    at = afterDigits(digits, to);
    if (at == digits) return 0;
  }
  if (at < to && (load<u8>(at) | 0x20) == 0x65) {
    at++;
    if (at < to && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++;
    const digits = at;
    at = afterDigits(digits, to);
    if (at == digits) return 0;
  }
  return at < to ? at : 0;
}

function afterDigits(from: usize, to: usize): usize {
  let at = from;
  while (at < to && isDigit(load<u8>(at))) at++;
  return at;
}
