/** Definitions of limits as rows. What they hold is one JSON document each: nothing searches inside. */

import type { LimitDefinition } from "../../limit-definition.ts";
import { integer, text } from "../columns.ts";
import type { Statements } from "../statements.ts";

export class DefinitionRows {
  readonly #sql: Statements;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** False: the id belongs to another project, and nothing was written. */
  set(limit: LimitDefinition): boolean {
    const { id, projectId, createdAtMs, ...rest } = limit;
    const { changes } =
      this.#sql(`INSERT INTO limits (id, project_id, created_at, definition) VALUES (?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET definition = excluded.definition WHERE project_id = excluded.project_id`).run(
        id,
        projectId,
        createdAtMs,
        JSON.stringify(rest),
      );
    return changes > 0;
  }

  list(projectId: string): readonly LimitDefinition[] {
    return this.#sql("SELECT * FROM limits WHERE project_id = ? ORDER BY created_at, id")
      .all(projectId)
      .map((row): LimitDefinition => {
        // Written by this class alone, from the type that it is read as.
        const rest = JSON.parse(text(row, "definition")) as LimitDefinition;
        return { ...rest, id: text(row, "id"), projectId, createdAtMs: integer(row, "created_at") };
      });
  }

  remove(projectId: string, id: string): boolean {
    return this.#sql("DELETE FROM limits WHERE project_id = ? AND id = ?").run(projectId, id).changes > 0;
  }
}
