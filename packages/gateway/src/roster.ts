/**
 * Who is there now, where members come and go thousands of times a second. A `Set` is no place for that: when its
 * table is full of members that have left, V8 makes another and lets the old one, with all that it held, point to it.
 * Once one of them is old, each collection of young garbage keeps what all later ones held (measured: five MB at a
 * time, and a quarter of the collector's work). It promises no order.
 */

/** What users of a roster need; a `Set` has it, too. */
export interface Members<Member> extends Iterable<Member> {
  readonly size: number;
  add(member: Member): unknown;
  delete(member: Member): unknown;
}

/** Leaving takes a look at each member: for thousands of them, not for millions. */
export class Roster<Member> implements Members<Member> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** A member comes once: it is not looked for. */
  add(member: Member): void {
    this.#members.push(member);
  }

  /** Nothing where it is not there. */
  delete(member: Member): void {
    const at = this.#members.indexOf(member);
    if (at === -1) return;
    const last = this.#members.pop();
    if (last !== undefined && at < this.#members.length) this.#members[at] = last;
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#members[Symbol.iterator]();
  }
}
