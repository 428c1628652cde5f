/**
 * What the log says of each change: one function per kind of change, so that every store tells it alike. They name the
 * fields that are shown; what they do not name is not in the log. Pure.
 */

import { formatUsd } from "@meshagent/llm-proxy-protocol/usd";
import { encodingsText } from "../passing.ts";
import type { AuditEvent, AuditFields, AuditTarget } from "./audit.ts";
import type { LimitDefinition } from "./limit-definition.ts";
import type { Revocation } from "./revocation.ts";
import type { ApiKeyRow, Project, ProviderSettings, Room, ServiceAccount } from "./store.ts";

/** The first entry of every log: what was before it is not known. */
export const auditBegan: AuditEvent = {
  action: "audit.begin",
  projectId: null,
  target: { kind: "audit", id: null, name: null },
  before: null,
  after: null,
};

/** Stands for a value that people keep what they like in, or that could be a secret: it is there, and that is all. */
const HIDDEN = "(not shown)";

/** What may be shown of each member; those that no row here names are hidden. */
const SHOWN_SETTINGS: ReadonlySet<string> = new Set(["require_rooms", "on_disconnect", "share_objects"]);
const SHOWN_OF_ROOM: ReadonlySet<string> = new Set(["name", "disabled"]);

function shown(fields: AuditFields, names: ReadonlySet<string>): AuditFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, names.has(name) ? value : HIDDEN]),
  );
}

const projectTarget = ({ id, name }: Project): AuditTarget => ({ kind: "project", id, name });

export function projectCreated(project: Project): AuditEvent {
  return {
    action: "project.create",
    projectId: project.id,
    target: projectTarget(project),
    before: null,
    after: shown(project.settings, SHOWN_SETTINGS),
  };
}

/** null when nothing is different. */
export function projectChanged(before: Project, after: Project): AuditEvent | null {
  const change = changed(before.settings, after.settings, SHOWN_SETTINGS);
  if (change === null) return null;
  return { action: "project.update", projectId: after.id, target: projectTarget(after), ...change };
}

function serviceAccountEvent(verb: "create" | "delete", { projectId, id, name }: ServiceAccount): AuditEvent {
  const target = { kind: "service_account", id, name } as const;
  return { action: `service_account.${verb}`, projectId, target, before: null, after: null };
}

export const serviceAccountCreated = (account: ServiceAccount): AuditEvent =>
  serviceAccountEvent("create", account);
export const serviceAccountDeleted = (account: ServiceAccount): AuditEvent =>
  serviceAccountEvent("delete", account);

function apiKeyFields({ serviceAccountId, description }: ApiKeyRow): AuditFields {
  return {
    service_account_id: serviceAccountId,
    ...(description === "" ? {} : { description }),
  };
}

const apiKeyTarget = ({ id, name }: ApiKeyRow): AuditTarget => ({ kind: "api_key", id, name });

export function apiKeyCreated(key: ApiKeyRow): AuditEvent {
  return {
    action: "api_key.create",
    projectId: key.projectId,
    target: apiKeyTarget(key),
    before: null,
    after: apiKeyFields(key),
  };
}

export function apiKeyDeleted(key: ApiKeyRow): AuditEvent {
  return {
    action: "api_key.delete",
    projectId: key.projectId,
    target: apiKeyTarget(key),
    before: apiKeyFields(key),
    after: null,
  };
}

function roomFields(room: Room): AuditFields {
  return {
    name: room.name,
    disabled: room.disabledAtMs !== null,
    ...(Object.keys(room.metadata).length === 0 ? {} : { metadata: room.metadata }),
    ...(Object.keys(room.annotations).length === 0 ? {} : { annotations: room.annotations }),
  };
}

const roomTarget = ({ id, name }: Room): AuditTarget => ({ kind: "room", id, name });

/** `before`: the tombstone that came back to life, or null. */
export function roomCreated(before: Room | null, room: Room): AuditEvent {
  return {
    action: "room.create",
    projectId: room.projectId,
    target: roomTarget(room),
    before: before === null ? null : { deleted: true },
    after: shown(roomFields(room), SHOWN_OF_ROOM),
  };
}

/** null when nothing is different. */
export function roomChanged(before: Room, after: Room): AuditEvent | null {
  const change = changed(roomFields(before), roomFields(after), SHOWN_OF_ROOM);
  if (change === null) return null;
  const was = before.disabledAtMs !== null;
  const is = after.disabledAtMs !== null;
  const verb = was === is ? "update" : is ? "disable" : "enable";
  return { action: `room.${verb}`, projectId: after.projectId, target: roomTarget(after), ...change };
}

export function roomDeleted(room: Room): AuditEvent {
  return {
    action: "room.delete",
    projectId: room.projectId,
    target: roomTarget(room),
    before: shown(roomFields(room), SHOWN_OF_ROOM),
    after: null,
  };
}

export function tokenRevoked(revocation: Revocation): AuditEvent {
  const event = { action: "token.revoke", projectId: revocation.projectId, before: null } as const;
  if (revocation.kind === "token") {
    const target = { kind: "token", id: revocation.tokenId, name: null } as const;
    return { ...event, target, after: { revocation_id: revocation.id } };
  }
  return {
    ...event,
    target: { kind: "participant", id: null, name: revocation.participant },
    after: {
      revocation_id: revocation.id,
      room: revocation.room,
      issued_before: new Date(revocation.issuedBeforeMs).toISOString(),
    },
  };
}

/** null when nothing is different. */
export function limitSet(before: LimitDefinition | null, after: LimitDefinition): AuditEvent | null {
  const event = { projectId: after.projectId, target: limitTarget(after) };
  if (before === null) {
    return { ...event, action: `${event.target.kind}.create`, before: null, after: limitFields(after) };
  }
  const change = changed(limitFields(before), limitFields(after));
  return change === null ? null : { ...event, action: `${event.target.kind}.update`, ...change };
}

export function limitRemoved(limit: LimitDefinition): AuditEvent {
  const target = limitTarget(limit);
  return {
    action: `${target.kind}.delete`,
    projectId: limit.projectId,
    target,
    before: limitFields(limit),
    after: null,
  };
}

function limitTarget({ kind, id, name }: LimitDefinition): AuditTarget {
  return { kind: kind === "budget" ? "budget" : "limit", id, name: name ?? null };
}

/** As the API names and writes them; what is not limited is left out. */
function limitFields(limit: LimitDefinition): AuditFields {
  const { id: _, projectId: __, kind: ___, createdAtMs: ____, scope, ...rest } = limit;
  return { ...apiFields(rest), scope: apiFields(scope) };
}

function apiFields(members: object): AuditFields {
  const given = Object.entries(members).filter(([, value]) => (value ?? null) !== null);
  return Object.fromEntries(
    given.map(([name, value]) =>
      name.endsWith("NanoUsd")
        ? [snakeCase(name.replace(/NanoUsd$/, "Usd")), formatUsd(Number(value))]
        : [snakeCase(name), value as unknown],
    ),
  );
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Of a key nothing is told but whether there is one, and whether it is another than before. */
export function providerSet(before: ProviderSettings | null, after: ProviderSettings): AuditEvent {
  const isKept = before?.apiKey !== null && before?.apiKey?.reveal() === after.apiKey?.reveal();
  return {
    action: "provider.set",
    projectId: after.projectId,
    target: { kind: "provider", id: null, name: after.name },
    before: before === null ? null : providerFields(before),
    after: {
      ...providerFields(after),
      ...(after.apiKey === null ? {} : { api_key: isKept ? "kept" : "new" }),
    },
  };
}

export function providerRemoved(settings: ProviderSettings): AuditEvent {
  return {
    action: "provider.remove",
    projectId: settings.projectId,
    target: { kind: "provider", id: null, name: settings.name },
    before: providerFields(settings),
    after: null,
  };
}

function providerFields({ baseUrl, apiKey, passing }: ProviderSettings): AuditFields {
  const { rateLimitHeaders, acceptedEncodings } = passing;
  return {
    base_url: baseUrl,
    api_key: apiKey === null ? "none" : "set",
    ...(rateLimitHeaders === undefined ? {} : { rate_limit_headers: rateLimitHeaders }),
    ...(acceptedEncodings === undefined ? {} : { accepted_encodings: encodingsText(acceptedEncodings) }),
  };
}

/** Only the fields that differ, of either side; null when none does. Without `names` all may be shown. */
function changed(
  before: AuditFields,
  after: AuditFields,
  names?: ReadonlySet<string>,
): { readonly before: AuditFields; readonly after: AuditFields } | null {
  const all = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const different = all.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  if (different.length === 0) return null;
  const pick = (fields: AuditFields): AuditFields => {
    const picked = different.filter((name) => name in fields).map((name) => [name, fields[name]]);
    return shown(Object.fromEntries(picked) as AuditFields, names ?? new Set(different));
  };
  return { before: pick(before), after: pick(after) };
}
