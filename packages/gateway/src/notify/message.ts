/**
 * A notice as it is told: the body of the webhook and the fields of the log line. It names the budget and, where each
 * room, participant, API key or session has one of its own, whose it is. Nothing of a request is in it.
 */

import { formatUsd } from "@meshagent/llm-proxy-protocol/usd";
import { scopeShape, subjectOfKey } from "../api/limit-scope.ts";
import { toRfc3339 } from "../clock.ts";
import type { LogFields } from "../observe/log.ts";
import type { BudgetNotice } from "../store/notices.ts";

/** The event's type, in the webhook and in the log. */
export const thresholdType = "budget.threshold";
const testType = "webhook.test";

/** JSON. The same text in every attempt, because it says what was, not what is. */
export function noticeBody(notice: BudgetNotice): string {
  const { budget } = notice;
  return JSON.stringify({
    type: thresholdType,
    timestamp: toRfc3339(notice.madeAtMs),
    data: {
      project_id: budget.projectId,
      budget_id: budget.id,
      budget_name: budget.name ?? null,
      mode: budget.mode,
      period: budget.period,
      time_zone: budget.timeZone,
      scope: scopeShape(budget.scope),
      subject: subjectOfKey(budget.scope, notice.accountKey),
      percent: notice.percent,
      spent_usd: formatUsd(notice.spentNanoUsd),
      amount_usd: formatUsd(notice.amountNanoUsd),
      resets_at: resetText(notice),
    },
  });
}

/** A body that announces nothing, for whoever sets a receiver up. */
export function testBody(nowMs: number): string {
  return JSON.stringify({ type: testType, timestamp: toRfc3339(nowMs), data: {} });
}

export function noticeFields(notice: BudgetNotice): LogFields {
  const { budget } = notice;
  return {
    event: thresholdType,
    notice_id: notice.id,
    project_id: budget.projectId,
    budget_id: budget.id,
    budget: budget.name,
    scope: textOf(scopeShape(budget.scope)),
    subject: textOf(subjectOfKey(budget.scope, notice.accountKey)),
    percent: notice.percent,
    spent_usd: formatUsd(notice.spentNanoUsd),
    amount_usd: formatUsd(notice.amountNanoUsd),
    period: budget.period,
    resets_at: resetText(notice),
  };
}

function resetText({ resetsAtMs }: BudgetNotice): string | null {
  return resetsAtMs === null ? null : toRfc3339(resetsAtMs);
}

/** `room=lab participant=*`; absent for everything. */
function textOf(shape: object): string | undefined {
  const parts = Object.entries(shape).flatMap(([name, value]) =>
    typeof value === "string" ? [`${name}=${value}`] : [],
  );
  return parts.length === 0 ? undefined : parts.join(" ");
}
