/** Definitions of limits as rows. What they hold is one JSON document each: nothing searches inside. */

import type { LimitDefinition } from "../../limit-definition.ts";
import { integer, text } from "../columns.ts";
import type { Row } from "../columns.ts";
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
      .map(readDefinition);
  }

  /** Of whatever project. */
  find(id: string): LimitDefinition | null {
    const row = this.#sql("SELECT * FROM limits WHERE id = ?").get(id);
    return row === undefined ? null : readDefinition(row);
  }

  remove(projectId: string, id: string): boolean {
    return this.#sql("DELETE FROM limits WHERE project_id = ? AND id = ?").run(projectId, id).changes > 0;
  }
}

function readDefinition(row: Row): LimitDefinition {
  // Written by this file alone, from the type that it is read as.
  const rest = JSON.parse(text(row, "definition")) as LimitDefinition;
  return {
    ...rest,
    id: text(row, "id"),
    projectId: text(row, "project_id"),
    createdAtMs: integer(row, "created_at"),
  };
}
