/** The scope of a budget or a limit, between the words of the API and those of the store. */

import type { LimitScope as ScopeShape } from "@meshagent/llm-proxy-protocol/api";
import type { LimitScope } from "../store/limit-definition.ts";

/** Store member and API member of what can be `*`, in the order in which an account's key has their values. */
const members = [
  ["room", "room"],
  ["participant", "participant"],
  ["apiKeyId", "api_key_id"],
  ["sessionId", "session_id"],
] as const;

export function scopeOf(shape: ScopeShape | null | undefined): LimitScope {
  return {
    room: shape?.room ?? null,
    participant: shape?.participant ?? null,
    apiKeyId: shape?.api_key_id ?? null,
    sessionId: shape?.session_id ?? null,
    model: shape?.model ?? null,
  };
}

export function scopeShape(scope: LimitScope): ScopeShape {
  return {
    room: scope.room,
    participant: scope.participant,
    api_key_id: scope.apiKeyId,
    session_id: scope.sessionId,
    model: scope.model,
  };
}

export function isSameScope(a: LimitScope, b: LimitScope): boolean {
  return a.model === b.model && members.every(([name]) => a[name] === b[name]);
}

/** From the last part of an account's key: the values of what the scope has `*` for. */
export function subjectOf(scope: LimitScope, values: string): ScopeShape {
  const wanted = members.filter(([name]) => scope[name] === "*");
  const texts = values.split("|");
  return Object.fromEntries(
    wanted.map(([, member], index) => [member, decodeURIComponent(texts[index] ?? "")]),
  );
}

/** As `subjectOf`, from the whole key of an account (`hold/accounts.ts`): limit, period, values. */
export function subjectOfKey(scope: LimitScope, accountKey: string): ScopeShape {
  return subjectOf(scope, accountKey.split("|").slice(2).join("|"));
}
