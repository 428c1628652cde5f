/**
 * Rooms as rows. A deleted room stays as a tombstone, and so does a name that a room no longer has: what
 * was good for the old name is good for nothing until somebody creates a room of that name. Begins no transaction:
 * what changes more than one row is called in one.
 */

import type { Clock } from "../../clock.ts";
import { newUuid } from "../../ids.ts";
import type { Room, RoomChange, RoomDetails, RoomPage } from "../store.ts";
import { integer } from "./columns.ts";
import { readRoom } from "./directory-rows.ts";
import type { Statements } from "./statements.ts";

export class RoomRows {
  readonly #sql: Statements;
  readonly #clock: Clock;

  constructor(sql: Statements, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
  }

  /** Makes the room, or brings a deleted one back. False when a live one is there, which stays as it is. */
  create(projectId: string, name: string, { metadata = {}, annotations = {} }: RoomDetails = {}): boolean {
    const { changes } = this.#sql(`INSERT INTO rooms (id, project_id, name, created_at, metadata, annotations)
      VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (project_id, name) DO UPDATE SET
        deleted_at = NULL, disabled_at = NULL, metadata = excluded.metadata, annotations = excluded.annotations
        WHERE deleted_at IS NOT NULL`).run(
      newUuid(),
      projectId,
      name,
      this.#clock.now(),
      JSON.stringify(metadata),
      JSON.stringify(annotations),
    );
    return changes > 0;
  }

  /** Makes the room. False when one is there, be it deleted. */
  register(projectId: string, name: string): boolean {
    const { changes } = this.#sql(`INSERT INTO rooms (id, project_id, name, created_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (project_id, name) DO NOTHING`).run(newUuid(), projectId, name, this.#clock.now());
    return changes > 0;
  }

  list(projectId: string, page?: RoomPage): readonly Room[] {
    // Every name comes after "", and a limit of -1 is none.
    return this.#sql(`SELECT * FROM rooms WHERE project_id = ? AND deleted_at IS NULL AND name > ?
      ORDER BY name LIMIT ? OFFSET ?`)
      .all(projectId, page?.after ?? "", page?.limit ?? -1, page?.offset ?? 0)
      .map(readRoom);
  }

  count(projectId: string): number {
    const row = this.#sql("SELECT count(*) AS n FROM rooms WHERE project_id = ? AND deleted_at IS NULL").get(
      projectId,
    );
    return row === undefined ? 0 : integer(row, "n");
  }

  find(projectId: string, name: string): Room | null {
    const row = this.#sql("SELECT * FROM rooms WHERE project_id = ? AND name = ?").get(projectId, name);
    return row === undefined ? null : readRoom(row);
  }

  findById(projectId: string, id: string): Room | null {
    const row = this.#sql("SELECT * FROM rooms WHERE id = ? AND project_id = ?").get(id, projectId);
    return row === undefined ? null : readRoom(row);
  }

  /** In a transaction. null when another room has the new name; then nothing was changed. */
  update(room: Room, change: RoomChange): Room | null {
    const changed = { ...room, ...change };
    if (changed.name !== room.name && !this.#makeWay(room.projectId, changed.name)) return null;
    this.#sql("UPDATE rooms SET name = ?, disabled_at = ?, metadata = ?, annotations = ? WHERE id = ?").run(
      changed.name,
      changed.disabledAtMs,
      JSON.stringify(changed.metadata),
      JSON.stringify(changed.annotations),
      room.id,
    );
    if (changed.name !== room.name) this.#bury(room.projectId, room.name);
    return changed;
  }

  delete(room: Room): void {
    this.#sql("UPDATE rooms SET deleted_at = ? WHERE id = ?").run(this.#clock.now(), room.id);
  }

  /** Takes a tombstone of the name away. False when a room has the name. */
  #makeWay(projectId: string, name: string): boolean {
    this.#sql("DELETE FROM rooms WHERE project_id = ? AND name = ? AND deleted_at IS NOT NULL").run(
      projectId,
      name,
    );
    return this.find(projectId, name) === null;
  }

  #bury(projectId: string, name: string): void {
    const now = this.#clock.now();
    this.#sql("INSERT INTO rooms (id, project_id, name, created_at, deleted_at) VALUES (?, ?, ?, ?, ?)").run(
      newUuid(),
      projectId,
      name,
      now,
      now,
    );
  }
}
