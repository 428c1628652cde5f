/** What operators set, found by kind and id: budgets and limits are kept in one list. */

import { quoted } from "@meshagent/llm-proxy-protocol/name";
import type { LimitDefinition } from "../store/limit-definition.ts";
import type { ApiDeps } from "./call.ts";
import { ApiFault } from "./fault.ts";

export type DefinitionOf<Kind extends LimitDefinition["kind"]> = Extract<LimitDefinition, { kind: Kind }>;

/** What users call each kind, in messages and commands. */
const words = { budget: "budget", rate: "limit" } as const;

/** Those of one kind, in the order in which they were made. */
export async function definitionsOf<Kind extends LimitDefinition["kind"]>(
  { directory }: Pick<ApiDeps, "directory">,
  projectId: string,
  kind: Kind,
): Promise<readonly DefinitionOf<Kind>[]> {
  const isOfKind = (each: LimitDefinition): each is DefinitionOf<Kind> => each.kind === kind;
  return (await directory.listLimits(projectId)).filter(isOfKind);
}

/** Rejects with `not_found`. */
export async function findDefinition<Kind extends LimitDefinition["kind"]>(
  deps: Pick<ApiDeps, "directory">,
  projectId: string,
  { kind, id }: { readonly kind: Kind; readonly id: string },
): Promise<DefinitionOf<Kind>> {
  const definition = (await definitionsOf(deps, projectId, kind)).find((each) => each.id === id);
  if (definition !== undefined) return definition;
  const word = words[kind];
  throw new ApiFault(
    "not_found",
    `The project has no ${word} ${quoted(id)}. \`meshagent ${word} list\` shows the ids.`,
  );
}

/** Where one stands in the pages of a list. */
export function placeOfDefinition({ createdAtMs, id }: LimitDefinition): readonly string[] {
  return [String(createdAtMs).padStart(16, "0"), id];
}
