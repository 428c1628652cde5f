/** Revocations of participant tokens, as the management API shows and takes them. There is no way to take one back. */

import { z } from "zod";
import { pagedMembers } from "./api-pages.ts";
import type { Paged } from "./api-pages.ts";
import { checkedName } from "./api-resources.ts";

/** Either `token_id` is set, or `room`, `participant` and `issued_before` are. */
export interface Revocation {
  readonly id: string;
  readonly project_id: string;
  readonly token_id: string | null;
  readonly room: string | null;
  readonly participant: string | null;
  /** Tokens that say an earlier `iat`, or none, are revoked. */
  readonly issued_before: string | null;
  readonly created_at: string;
}

export const revocationSchema: z.ZodType<Revocation> = z.object({
  id: z.string(),
  project_id: z.string(),
  token_id: z.string().nullable(),
  room: z.string().nullable(),
  participant: z.string().nullable(),
  issued_before: z.string().nullable(),
  created_at: z.string(),
});

export interface RevocationList extends Paged {
  readonly revocations: readonly Revocation[];
}

export const revocationListSchema: z.ZodType<RevocationList> = z.object({
  revocations: z.array(revocationSchema),
  ...pagedMembers,
});

/** Either `token_id`, or `participant` and `room`. */
export interface CreateRevocationBody {
  readonly token_id?: string | null | undefined;
  readonly participant?: string | null | undefined;
  readonly room?: string | null | undefined;
}

/** As long as a token may be, because a `jti` may be most of it. */
const MAX_TOKEN_ID_LENGTH = 16_384;

const isGiven = (value: unknown): boolean => (value ?? null) !== null;

export const createRevocationBodySchema: z.ZodType<CreateRevocationBody> = z
  .strictObject({
    token_id: z.string().min(1).max(MAX_TOKEN_ID_LENGTH).nullish().meta({
      description:
        "The token's identity: its `jti`, or, without one, the SHA-256 of its `header.payload` in hex.",
    }),
    participant: checkedName.nullish().meta({
      description: "With `room`: all tokens of this participant in this room that were issued so far.",
    }),
    room: checkedName.nullish(),
  })
  .refine(
    ({ token_id, participant, room }) =>
      isGiven(token_id) ? !isGiven(participant) && !isGiven(room) : isGiven(participant) && isGiven(room),
    "Give either `token_id`, or `participant` and `room`.",
  );
