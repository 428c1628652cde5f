/**
 * The calendar period of a budget that a moment lies in, in the budget's time zone. Knows no budget and no clock.
 */

import type { BudgetPeriod } from "../store/limit-definition.ts";

export interface Period {
  /** Names the period inside its kind: `2026-11-25`, `2026-11-23` (the Monday of a week), `2026-11`, `total`. */
  readonly key: string;
  /** Milliseconds since the epoch; 0 for `total`. */
  readonly startMs: number;
  /** Where the next one begins; null for `total`. */
  readonly endMs: number | null;
}

interface LocalDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

const DAY_MS = 86_400_000;
const total: Period = { key: "total", startMs: 0, endMs: null };

/** Finds periods, and keeps the last one of each kind and zone: nearly every request asks for the same. */
export class Calendar {
  readonly #formats = new Map<string, Intl.DateTimeFormat>();
  readonly #last = new Map<string, Period>();

  /** Throws a RangeError for a time zone that the runtime does not know; `isTimeZone` asks before. */
  periodAt(period: BudgetPeriod, timeZone: string, atMs: number): Period {
    if (period === "total") return total;
    const name = `${period} ${timeZone}`;
    const last = this.#last.get(name);
    if (last !== undefined && atMs >= last.startMs && last.endMs !== null && atMs < last.endMs) return last;
    const found = this.#find(period, timeZone, atMs);
    this.#last.set(name, found);
    return found;
  }

  #find(period: Exclude<BudgetPeriod, "total">, timeZone: string, atMs: number): Period {
    const first = firstDay(period, this.#localDate(timeZone, atMs));
    const next = dayAfter(period, first);
    return {
      key: period === "month" ? textOf(first).slice(0, 7) : textOf(first),
      startMs: this.#midnight(timeZone, first),
      endMs: this.#midnight(timeZone, next),
    };
  }

  /** When a day begins there. Where clocks skip midnight, the first moment after the gap. */
  #midnight(timeZone: string, { year, month, day }: LocalDate): number {
    const asUtc = Date.UTC(year, month - 1, day);
    // The offset depends on the moment that is looked for: two rounds settle it, also beside a change of clocks.
    const first = asUtc - this.#offsetMs(timeZone, asUtc);
    const second = asUtc - this.#offsetMs(timeZone, first);
    return this.#localDate(timeZone, second).day === day ? second : Math.max(first, second);
  }

  #offsetMs(timeZone: string, atMs: number): number {
    const parts = this.#parts(timeZone, atMs);
    const asUtc = Date.UTC(
      parts["year"] ?? 0,
      (parts["month"] ?? 1) - 1,
      parts["day"] ?? 1,
      parts["hour"] ?? 0,
      parts["minute"] ?? 0,
      parts["second"] ?? 0,
    );
    return asUtc - Math.floor(atMs / 1000) * 1000;
  }

  #localDate(timeZone: string, atMs: number): LocalDate {
    const parts = this.#parts(timeZone, atMs);
    return { year: parts["year"] ?? 0, month: parts["month"] ?? 1, day: parts["day"] ?? 1 };
  }

  #parts(timeZone: string, atMs: number): Readonly<Record<string, number>> {
    let format = this.#formats.get(timeZone);
    if (format === undefined) {
      format = new Intl.DateTimeFormat("en-US", {
        timeZone,
        hourCycle: "h23",
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
      });
      this.#formats.set(timeZone, format);
    }
    return Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
  }
}

/** True for an IANA name that this runtime knows. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function firstDay(period: Exclude<BudgetPeriod, "total">, date: LocalDate): LocalDate {
  if (period === "month") return { ...date, day: 1 };
  if (period === "day") return date;
  const weekday = (new Date(Date.UTC(date.year, date.month - 1, date.day)).getUTCDay() + 6) % 7;
  return plusDays(date, -weekday);
}

function dayAfter(period: Exclude<BudgetPeriod, "total">, first: LocalDate): LocalDate {
  if (period === "month") {
    return first.month === 12
      ? { year: first.year + 1, month: 1, day: 1 }
      : { ...first, month: first.month + 1 };
  }
  return plusDays(first, period === "day" ? 1 : 7);
}

function plusDays({ year, month, day }: LocalDate, days: number): LocalDate {
  const moved = new Date(Date.UTC(year, month - 1, day) + days * DAY_MS);
  return { year: moved.getUTCFullYear(), month: moved.getUTCMonth() + 1, day: moved.getUTCDate() };
}

function textOf({ year, month, day }: LocalDate): string {
  return `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}
