/**
 * Participant tokens that the gateway signs for a caller. `meshagent token` signs its own offline; this is
 * for programs that hold the owner's token, or an API key and no code that signs.
 */

import { z } from "zod";
import { checkedName } from "./api-resources.ts";

/** A grant as it stands in the token. */
export interface TokenGrant {
  readonly name: string;
  readonly scope?: unknown;
}

/** Either `grants`, or `room_name` for an agent of that room that may use every model. */
export interface CreateParticipantTokenBody {
  /** The participant; the signing key's name when absent. */
  readonly name?: string | null | undefined;
  /** As they stand in the token; one of them is the room's. */
  readonly grants?: readonly TokenGrant[] | null | undefined;
  readonly room_name?: string | null | undefined;
  /** Seconds; without it the token lives as long as its key. */
  readonly expires_in?: number | null | undefined;
}

const MAX_GRANTS = 100;
/** Ten years: a slip of milliseconds for seconds is refused. */
const MAX_EXPIRES_IN_S = 315_360_000;

export const createParticipantTokenBodySchema: z.ZodType<CreateParticipantTokenBody> = z
  .object({
    name: checkedName.nullish().meta({ description: "The participant; the signing key's name when absent." }),
    grants: z
      .array(z.strictObject({ name: z.string(), scope: z.unknown().optional() }))
      .max(MAX_GRANTS)
      .nullish()
      .meta({ description: "As they stand in the token; one of them is the room's." }),
    room_name: checkedName
      .nullish()
      .meta({ description: "Instead of `grants`: an agent of this room that may use every model." }),
    expires_in: z
      .int()
      .min(1)
      .max(MAX_EXPIRES_IN_S)
      .nullish()
      .meta({ description: "Seconds; without it the token lives as long as its key." }),
  })
  .refine(
    ({ grants, room_name }) => ((grants ?? null) === null) !== ((room_name ?? null) === null),
    "Give either `grants` or `room_name`.",
  );

export interface CreatedParticipantToken {
  /** The JWT. It is in this reply and nowhere else. */
  readonly token: string;
  /** Its `jti`: the `token_id` of its exchanges. */
  readonly id: string;
  /** The key that signed it: when that is deleted, the token stops working. */
  readonly api_key_id: string;
  readonly room: string;
  readonly participant: string;
  readonly expires_at: string | null;
}

export const createdParticipantTokenSchema: z.ZodType<CreatedParticipantToken> = z.object({
  token: z.string(),
  id: z.string(),
  api_key_id: z.string(),
  room: z.string(),
  participant: z.string(),
  expires_at: z.string().nullable(),
});
