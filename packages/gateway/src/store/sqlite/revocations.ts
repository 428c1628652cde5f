/** Revocations as rows. Nothing here is ever changed or deleted: what was revoked stays so. */

import { newUuid } from "../../ids.ts";
import type { RevocableToken, Revocation, RevocationTarget } from "../revocation.ts";
import { readRevocation } from "./directory-rows.ts";
import type { Statements } from "./statements.ts";

export class RevocationRows {
  readonly #sql: Statements;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Writes a revocation; one token is revoked once, and a repeat finds what is there. */
  create(
    projectId: string,
    target: RevocationTarget,
    createdAtMs: number,
  ): { revocation: Revocation; isNew: boolean } {
    const made = { ...target, id: newUuid(), projectId, createdAtMs };
    const [token, room, participant, issuedBefore] =
      target.kind === "token"
        ? [target.tokenId, null, null, null]
        : [null, target.room, target.participant, target.issuedBeforeMs];
    const { changes } = this.#sql(`INSERT INTO revocations
      (id, project_id, created_at, token_id, room, participant, issued_before) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (project_id, token_id) WHERE token_id IS NOT NULL DO NOTHING`).run(
      made.id,
      projectId,
      createdAtMs,
      token,
      room,
      participant,
      issuedBefore,
    );
    if (changes > 0) return { revocation: made, isNew: true };
    const row = this.#sql("SELECT * FROM revocations WHERE project_id = ? AND token_id = ?").get(
      projectId,
      token,
    );
    if (row === undefined) throw new Error("A revocation was neither written nor there.");
    return { revocation: readRevocation(row), isNew: false };
  }

  find({ projectId, tokenId, room, participant, issuedAtMs }: RevocableToken): Revocation | null {
    const row =
      this.#sql("SELECT * FROM revocations WHERE project_id = ? AND token_id = ?").get(projectId, tokenId) ??
      this.#sql(`SELECT * FROM revocations
        WHERE project_id = ? AND room = ? AND participant = ? AND issued_before > ?
        ORDER BY issued_before DESC LIMIT 1`).get(
        projectId,
        room,
        participant,
        issuedAtMs ?? Number.MIN_SAFE_INTEGER,
      );
    return row === undefined ? null : readRevocation(row);
  }
}
