/** Patterns of models, as grants and limits have them: `provider/model`, exact or ending in `*`. */

/** Case-sensitive, not trimmed; `*` stands at the end alone, and anywhere else for itself. */
export function matchesModel(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
