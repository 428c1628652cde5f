/**
 * Log lines: JSON when stdout is no terminal, short text when it is. Says what happened and to which exchange;
 * never a header, a body, a credential or a secret (those have a type that prints `[redacted]`).
 */

import type { Clock } from "../clock.ts";
import { toRfc3339 } from "../clock.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Flat values only, so that a line stays a line. Errors are logged by their messages, causes included. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly clock: Clock;
  readonly minLevel: LogLevel;
  readonly form: "json" | "text";
  readonly write: (line: string) => void;
  /** In every line: which of several processes writes it. */
  readonly fields?: LogFields;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function createLog(options: LogOptions): Log {
  const at =
    (level: LogLevel) =>
    (message: string, given: LogFields = {}): void => {
      if (ranks[level] < ranks[options.minLevel]) return;
      const fields = options.fields === undefined ? given : { ...given, ...options.fields };
      const time = toRfc3339(options.clock.now());
      options.write(
        `${options.form === "json" ? jsonLine(time, level, message, fields) : textLine(time, level, message, fields)}\n`,
      );
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function jsonLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  return JSON.stringify({ time, level, message, ...fields });
}

function textLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => ` ${name}=${String(value)}`)
    .join("");
  return `${time.slice(11, 19)} ${level.padEnd(5)} ${oneLine(message + rest)}`;
}

/** Control bytes as escapes: a text from outside must not forge a line or move a terminal's cursor. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => `\\x${control.codePointAt(0)?.toString(16).padStart(2, "0")}`);
}

/** The messages of an error and its causes, outermost first; for a log field. */
export function errorText(error: unknown): string {
  const messages: string[] = [];
  for (let current = error; current !== undefined && current !== null && messages.length < 5;) {
    if (!(current instanceof Error)) {
      messages.push(typeof current === "string" ? current : "unknown");
      break;
    }
    const code = "code" in current && typeof current.code === "string" ? ` (${current.code})` : "";
    messages.push((current.message === "" ? current.name : current.message) + code);
    current = current.cause;
  }
  return messages.join(": ");
}
