/**
 * Rooms on SQLite. A deleted room stays as a tombstone, and so does a name that a room no longer has: what
 * was good for the old name is good for nothing until somebody creates a room of that name.
 */

import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../clock.ts";
import { newUuid } from "../../ids.ts";
import type { Directory, Room, RoomChange, RoomDetails, RoomPage } from "../store.ts";
import { integer } from "./columns.ts";
import { readRoom } from "./directory-rows.ts";
import { inTransaction } from "./schema.ts";
import type { Statements } from "./statements.ts";

type Rooms = Pick<
  Directory,
  "createRoom" | "listRooms" | "countRooms" | "findRoom" | "findRoomById" | "updateRoom" | "deleteRoom"
>;

export interface SqliteRoomsOptions {
  readonly database: DatabaseSync;
  readonly clock: Clock;
  readonly sql: Statements;
  /** Called after a change is committed, with the name that it is about, and waited for. */
  readonly onChange: (projectId: string, name: string) => Promise<void>;
}

/** See `Directory` for what every method promises. */
export class SqliteRooms implements Rooms {
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #sql: Statements;
  readonly #onChange: SqliteRoomsOptions["onChange"];

  constructor(options: SqliteRoomsOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#sql = options.sql;
    this.#onChange = options.onChange;
  }

  async createRoom(projectId: string, name: string, details: RoomDetails = {}): Promise<Room> {
    const { metadata = {}, annotations = {} } = details;
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
    if (changes > 0) await this.#onChange(projectId, name);
    const room = await this.findRoom(projectId, name);
    if (room === null) throw new Error(`The room ${name} was not there after it was written.`);
    return room;
  }

  async listRooms(projectId: string, page?: RoomPage): Promise<readonly Room[]> {
    // Every name comes after "", and a limit of -1 is none.
    return this.#sql(`SELECT * FROM rooms WHERE project_id = ? AND deleted_at IS NULL AND name > ?
      ORDER BY name LIMIT ? OFFSET ?`)
      .all(projectId, page?.after ?? "", page?.limit ?? -1, page?.offset ?? 0)
      .map(readRoom);
  }

  async countRooms(projectId: string): Promise<number> {
    const row = this.#sql("SELECT count(*) AS n FROM rooms WHERE project_id = ? AND deleted_at IS NULL").get(
      projectId,
    );
    return row === undefined ? 0 : integer(row, "n");
  }

  async findRoom(projectId: string, name: string): Promise<Room | null> {
    return this.#find(projectId, name);
  }

  async findRoomById(projectId: string, id: string): Promise<Room | null> {
    const row = this.#sql("SELECT * FROM rooms WHERE id = ? AND project_id = ?").get(id, projectId);
    return row === undefined ? null : readRoom(row);
  }

  async updateRoom(projectId: string, name: string, change: RoomChange): Promise<Room | null> {
    const updated = inTransaction(this.#database, () => {
      const room = this.#find(projectId, name);
      if (room === null || room.deletedAtMs !== null) return null;
      const changed = { ...room, ...change };
      if (changed.name !== name && !this.#makeWay(projectId, changed.name)) return null;
      this.#sql("UPDATE rooms SET name = ?, disabled_at = ?, metadata = ?, annotations = ? WHERE id = ?").run(
        changed.name,
        changed.disabledAtMs,
        JSON.stringify(changed.metadata),
        JSON.stringify(changed.annotations),
        room.id,
      );
      if (changed.name !== name) this.#bury(projectId, name);
      return changed;
    });
    if (updated === null) return null;
    await Promise.all(
      [...new Set([name, updated.name])].map((changed) => this.#onChange(projectId, changed)),
    );
    return updated;
  }

  /** Takes a tombstone of the name away. False when a room has the name. */
  #makeWay(projectId: string, name: string): boolean {
    this.#sql("DELETE FROM rooms WHERE project_id = ? AND name = ? AND deleted_at IS NOT NULL").run(
      projectId,
      name,
    );
    return this.#find(projectId, name) === null;
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

  #find(projectId: string, name: string): Room | null {
    const row = this.#sql("SELECT * FROM rooms WHERE project_id = ? AND name = ?").get(projectId, name);
    return row === undefined ? null : readRoom(row);
  }

  async deleteRoom(projectId: string, name: string): Promise<boolean> {
    const { changes } = this.#sql(`UPDATE rooms SET deleted_at = ?
      WHERE project_id = ? AND name = ? AND deleted_at IS NULL`).run(this.#clock.now(), projectId, name);
    if (changes === 0) return false;
    await this.#onChange(projectId, name);
    return true;
  }
}
