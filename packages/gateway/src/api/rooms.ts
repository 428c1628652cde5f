/**
 * Rooms. The official client names a room by its name to read it and by its id to delete it, our CLI always
 * by its name: every path takes either, and a name goes before an id.
 */

import type { Room } from "@meshagent/llm-proxy-protocol/api";
import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { REQUIRE_ROOMS_SETTING } from "../authenticate/room-registry.ts";
import { toRfc3339 } from "../clock.ts";
import type { Directory, Room as RoomRow } from "../store/store.ts";
import type { ApiCall, ApiDeps, Handlers } from "./call.ts";
import { ApiFault } from "./fault.ts";

type RoomHandlers = Pick<Handlers, "listRooms" | "createRoom" | "getRoom" | "deleteRoom">;

export function roomHandlers({ directory }: ApiDeps): RoomHandlers {
  return {
    listRooms: async ({ project, query }) => {
      const rooms = await directory.listRooms(project.id);
      const { offset = 0, limit = rooms.length } = query;
      return { rooms: rooms.slice(offset, offset + limit).map(roomShape), total: rooms.length };
    },
    createRoom: async (call) => roomShape(await createRoom(directory, call)),
    getRoom: async ({ project, params }) => roomShape(await findLiveRoom(directory, project.id, params.room)),
    deleteRoom: async ({ project, params }) => {
      const room = await findLiveRoom(directory, project.id, params.room);
      await directory.deleteRoom(project.id, room.name);
      return null;
    },
  };
}

async function createRoom(
  directory: Directory,
  { project, body, caller }: ApiCall<"createRoom">,
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
  return directory.createRoom(project.id, body.name);
}

async function findLiveRoom(directory: Directory, projectId: string, nameOrId: string): Promise<RoomRow> {
  const named = await directory.findRoom(projectId, nameOrId);
  if (named !== null && named.deletedAtMs === null) return named;
  const identified = (await directory.listRooms(projectId)).find(({ id }) => id === nameOrId);
  if (identified !== undefined) return identified;
  throw new ApiFault("not_found", `The project has no room ${quoted(nameOrId)}.`);
}

function roomShape(row: RoomRow): Room {
  return {
    id: row.id,
    project_id: row.projectId,
    name: row.name,
    metadata: {},
    annotations: {},
    created_at: toRfc3339(row.createdAtMs),
  };
}
