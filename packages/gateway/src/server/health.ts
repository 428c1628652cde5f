/** `/healthz`, `/readyz` and `/`: what load balancers and people ask first. Needs no credential and tells no secret. */

import type { OwnReply } from "../dialects/dialect.ts";

export interface HealthDeps {
  readonly isDraining: () => boolean;
  /** Throws when the store cannot be used. */
  readonly checkStore: () => Promise<void>;
  /** True when at least one provider can answer. */
  readonly hasProvider: () => Promise<boolean>;
}

export async function healthReply(deps: HealthDeps, path: string): Promise<OwnReply | null> {
  if (path === "/healthz") return json(200, { status: "ok" });
  if (path === "/readyz") return readiness(deps);
  return null;
}

async function readiness(deps: HealthDeps): Promise<OwnReply> {
  if (deps.isDraining()) return json(503, { status: "draining" });
  try {
    await deps.checkStore();
    const isAnswerable = await deps.hasProvider();
    return isAnswerable ? json(200, { status: "ready" }) : json(503, { status: "no_provider_configured" });
  } catch {
    // The provider's settings are in the store, too.
    return json(503, { status: "store_unusable" });
  }
}

function json(status: number, body: Readonly<Record<string, string>>): OwnReply {
  return { status, headers: [["content-type", "application/json"]], body: JSON.stringify(body) };
}
