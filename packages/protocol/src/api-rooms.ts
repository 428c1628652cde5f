/** Rooms, as the management API shows and takes them. Shapes follow what the official client reads and sends. */

import { z } from "zod";
import { pageQueryMembers, pagedMembers } from "./api-pages.ts";
import type { Paged, PageQuery } from "./api-pages.ts";
import { checkedName } from "./api-resources.ts";

export interface Room {
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  /** Whatever its users keep there; the gateway gives it no meaning. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Since when it is disabled; null when it is not. */
  readonly disabled_at: string | null;
  readonly created_at: string;
}

export const roomSchema: z.ZodType<Room> = z.object({
  id: z.string(),
  project_id: z.string(),
  name: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  annotations: z.record(z.string(), z.string()),
  disabled_at: z.string().nullable(),
  created_at: z.string(),
});

export interface RoomList extends Paged {
  readonly rooms: readonly Room[];
  /** How many there are in all, whatever the page. */
  readonly total: number;
}

export const roomListSchema: z.ZodType<RoomList> = z.object({
  rooms: z.array(roomSchema),
  total: z.int(),
  ...pagedMembers,
});

/** `offset` and `order_by` are the official client's; `cursor` is the better way to page. */
export interface RoomListQuery extends PageQuery {
  readonly offset?: number | undefined;
  /** The only order there is. */
  readonly order_by?: "room_name" | undefined;
}

export const roomListQuerySchema: z.ZodType<RoomListQuery> = z.strictObject({
  ...pageQueryMembers,
  offset: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .meta({ description: "Leaves out so many rooms. `cursor` is the better way to page." }),
  order_by: z.literal("room_name").optional().meta({ description: "The only order there is." }),
});

export interface RoomDetails {
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined;
  readonly annotations?: Readonly<Record<string, string>> | null | undefined;
}

const MAX_DETAILS_LENGTH = 65_536;

const isShort = (details: object): boolean => JSON.stringify(details).length <= MAX_DETAILS_LENGTH;
const tooLong = `is longer than ${MAX_DETAILS_LENGTH} characters of JSON`;

const roomDetailsMembers = {
  metadata: z.record(z.string(), z.unknown()).refine(isShort, tooLong).nullish(),
  annotations: z.record(z.string(), z.string()).refine(isShort, tooLong).nullish(),
};

export interface CreateRoomBody extends RoomDetails {
  readonly name: string;
  /** Answer with the room that is there instead of 409. */
  readonly if_not_exists?: boolean | null | undefined;
  /** The official client's grants for user accounts, which there are none of yet: anything but `{}` is refused. */
  readonly permissions?: Readonly<Record<string, unknown>> | null | undefined;
}

export const createRoomBodySchema: z.ZodType<CreateRoomBody> = z.object({
  name: checkedName,
  if_not_exists: z
    .boolean()
    .nullish()
    .meta({ description: "Answer with the room that is there instead of 409." }),
  ...roomDetailsMembers,
  permissions: z
    .record(z.string(), z.unknown())
    .refine(
      (permissions) => Object.keys(permissions).length === 0,
      "there are no user accounts to give permissions to; leave it out",
    )
    .nullish(),
});

/** What is absent or null stays as it is. */
export interface UpdateRoomBody extends RoomDetails {
  /**
   * Another one than now renames the room: tokens of the old name get 401 until a room of that name is created,
   * and what the ledger has under the old name stays there.
   */
  readonly name?: string | null | undefined;
  /** The tokens of a disabled room get 401 until it is enabled; it stays where it is. */
  readonly disabled?: boolean | null | undefined;
}

export const updateRoomBodySchema: z.ZodType<UpdateRoomBody> = z.object({
  name: checkedName.nullish(),
  disabled: z
    .boolean()
    .nullish()
    .meta({ description: "The tokens of a disabled room get 401 until it is enabled." }),
  ...roomDetailsMembers,
});
