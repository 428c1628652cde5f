/**
 * Rooms. The official client names a room by its name to read it and by its id to delete it, our CLI always
 * by its name: every path takes either, and a name goes before an id.
 */

import type { Room, RoomDetails as RoomDetailsBody, RoomList } from "@meshagent/llm-proxy-protocol/api";
import { MAX_PAGE_LIMIT } from "@meshagent/llm-proxy-protocol/api";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { REQUIRE_ROOMS_SETTING } from "../authenticate/room-registry.ts";
import { toRfc3339 } from "../clock.ts";
import type { Directory, Room as RoomRow, RoomDetails } from "../store/store.ts";
import type { ApiCall, ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";
import { storedPage } from "./pages.ts";

type RoomHandlers = Pick<Handlers, "listRooms" | "createRoom" | "getRoom" | "updateRoom" | "deleteRoom">;

export function roomHandlers({ directory, clock }: ApiDeps): RoomHandlers {
  return {
    listRooms: (call) => listRooms(directory, call),
    createRoom: async (call) => roomShape(await createRoom(directory, call)),
    getRoom: async ({ project, params }) => roomShape(await findLiveRoom(directory, project.id, params.room)),
    updateRoom: async (call) => roomShape(await updateRoom(directory, call, clock.now())),
    deleteRoom: async ({ project, params, write }) => {
      const room = await findLiveRoom(directory, project.id, params.room);
      await write.deleteRoom(project.id, room.name);
      return null;
    },
  };
}

async function listRooms(directory: Directory, { project, query }: ApiCall<"listRooms">): Promise<RoomList> {
  const { offset = 0 } = query;
  // Whoever names an offset and no limit wants the rest.
  const limit = offset > 0 ? (query.limit ?? MAX_PAGE_LIMIT) : query.limit;
  const { items, next_cursor } = await storedPage({
    list: "rooms",
    query: { ...query, limit },
    read: (page) => directory.listRooms(project.id, page === undefined ? page : { ...page, offset }),
    keyOf: ({ name }) => name,
  });
  return { rooms: items.map(roomShape), total: await directory.countRooms(project.id), next_cursor };
}

async function createRoom(
  directory: Directory,
  { project, body, caller, write }: ApiCall<"createRoom">,
): Promise<RoomRow> {
  const room = await directory.findRoom(project.id, body.name);
  if (room !== null && room.deletedAtMs === null) {
    if (body.if_not_exists === true) return room;
    throw new ApiFault("conflict", `The project has a room ${quoted(body.name)} already.`);
  }
  // A key may do what a token of it does by naming a room, and no more.
  if (caller.kind === "api_key" && room !== null) {
    throw new ApiFault(
      "forbidden",
      `The room ${quoted(body.name)} was deleted. Only the owner may bring it back.`,
    );
  }
  if (caller.kind === "api_key" && project.settings[REQUIRE_ROOMS_SETTING] === true) {
    throw new ApiFault("forbidden", "In this project only the owner may create rooms.");
  }
  return write.createRoom(project.id, body.name, detailsOf(body));
}

async function updateRoom(
  directory: Directory,
  { project, params, body, write }: ApiCall<"updateRoom">,
  nowMs: number,
): Promise<RoomRow> {
  const room = await findLiveRoom(directory, project.id, params.room);
  const name = body.name ?? room.name;
  // What is disabled already stays so since then.
  const isDisabled = body.disabled ?? room.disabledAtMs !== null;
  const disabledAtMs = isDisabled ? (room.disabledAtMs ?? nowMs) : null;
  const updated = await write.updateRoom(project.id, room.name, {
    name,
    disabledAtMs,
    ...detailsOf(body),
  });
  if (updated !== null) return updated;
  throw new ApiFault("conflict", `The project has a room ${quoted(name)} already.`);
}

/** What is absent or null stays as it is. */
function detailsOf({ metadata, annotations }: RoomDetailsBody): RoomDetails {
  return {
    ...((metadata ?? null) === null ? {} : { metadata }),
    ...((annotations ?? null) === null ? {} : { annotations }),
  } as RoomDetails;
}

async function findLiveRoom(directory: Directory, projectId: string, nameOrId: string): Promise<RoomRow> {
  const named = await directory.findRoom(projectId, nameOrId);
  if (named !== null && named.deletedAtMs === null) return named;
  const identified = await directory.findRoomById(projectId, nameOrId);
  if (identified !== null && identified.deletedAtMs === null) return identified;
  throw new ApiFault("not_found", `The project has no room ${quoted(nameOrId)}.`);
}

function roomShape(row: RoomRow): Room {
  return {
    id: row.id,
    project_id: row.projectId,
    name: row.name,
    metadata: row.metadata,
    annotations: row.annotations,
    disabled_at: row.disabledAtMs === null ? null : toRfc3339(row.disabledAtMs),
    created_at: toRfc3339(row.createdAtMs),
  };
}
