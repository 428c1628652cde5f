/** What a report's model filter finds: the model of that name and its dated snapshots, never a sibling. */

/** `gpt-5.5` finds `gpt-5.5` and `gpt-5.5-2026-04-23`; `claude-haiku-4-5` finds `claude-haiku-4-5-20251001`. */
export function isModelOrSnapshot(filter: string, model: string): boolean {
  if (!model.startsWith(filter)) return false;
  return /^(?:-\d{4}-\d{2}-\d{2}|-\d{8})?$/.test(model.slice(filter.length));
}
