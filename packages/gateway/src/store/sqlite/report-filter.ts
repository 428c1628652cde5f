/**
 * The filter of a report as SQL. `exchanges` and `usage_hours` name these columns alike. Values are bound,
 * never put into the text.
 */

import type { SQLInputValue } from "node:sqlite";
import type { ExchangeFilter } from "../store.ts";
import { numberOfName } from "./names.ts";

/** Conditions to join with AND, and the values for their placeholders. */
export interface Conditions {
  readonly sql: string[];
  readonly values: SQLInputValue[];
}

/** Adds a condition with its values, in place. */
export function where(conditions: Conditions, sql: string, ...values: readonly SQLInputValue[]): void {
  conditions.sql.push(sql);
  conditions.values.push(...values);
}

/** Everything of the filter but its times and its model, which the two tables read differently. */
export function filterConditions(filter: ExchangeFilter): Conditions {
  const conditions: Conditions = { sql: [], values: [] };
  where(conditions, `project_n = ${numberOfName}`, filter.projectId);
  if (filter.room !== undefined) where(conditions, `room_n = ${numberOfName}`, filter.room);
  if (filter.participant !== undefined)
    where(conditions, `participant_n = ${numberOfName}`, filter.participant);
  if (filter.participants !== undefined) {
    const numbers = filter.participants.map(() => numberOfName);
    where(conditions, `participant_n IN (${numbers.join(", ")})`, ...filter.participants);
  }
  if (filter.provider !== undefined) where(conditions, `provider_n = ${numberOfName}`, filter.provider);
  if (filter.sessionId !== undefined) where(conditions, `session_n = ${numberOfName}`, filter.sessionId);
  if (filter.apiKeyId !== undefined) where(conditions, `api_key_n = ${numberOfName}`, filter.apiKeyId);
  return conditions;
}
