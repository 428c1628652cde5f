/**
 * Whether a room may be used: it exists, or it is registered on its first use. A deleted or disabled room is never
 * brought back from here; that takes somebody who creates it again by name, or enables it.
 */

import { quoted } from "@meshagent/llm-proxy-protocol/name";
import { GatewayError } from "../errors.ts";
import type { Directory, Room } from "../store/store.ts";

/** The project setting that turns registration on first use off, when it is `true`. */
export const REQUIRE_ROOMS_SETTING = "require_rooms";

type RoomDirectory = Pick<Directory, "findRoom" | "registerRoom" | "findProject">;

export class RoomRegistry {
  readonly #directory: RoomDirectory;
  // Many requests may be the first of a room at once: they share one creation. A look-up is never shared,
  // because one that began before a deletion would answer for a request that came after it.
  readonly #creations = new Map<string, Promise<Room>>();

  constructor(directory: RoomDirectory) {
    this.#directory = directory;
  }

  /**
   * The room. Throws `token_revoked` when it was deleted or disabled, `invalid_credential` when the project wants rooms
   * created first.
   */
  async resolve(projectId: string, name: string): Promise<Room> {
    const room = await this.#directory.findRoom(projectId, name);
    if (room !== null) return refuseEnded(room);
    const project = await this.#directory.findProject(projectId);
    if (project?.settings[REQUIRE_ROOMS_SETTING] === true) {
      throw new GatewayError(
        "invalid_credential",
        `The project has no room ${quoted(name)}, and its rooms must be created before they are ` +
          "used: `meshagent rooms create`.",
      );
    }
    return refuseEnded(await this.#register(projectId, name));
  }

  #register(projectId: string, name: string): Promise<Room> {
    const key = `${projectId}\n${name}`;
    const running = this.#creations.get(key);
    if (running !== undefined) return running;
    const creation = this.#directory.registerRoom(projectId, name).finally(() => this.#creations.delete(key));
    this.#creations.set(key, creation);
    return creation;
  }
}

function refuseEnded(room: Room): Room {
  if (room.deletedAtMs === null && room.disabledAtMs === null) return room;
  if (room.deletedAtMs === null) {
    throw new GatewayError(
      "token_revoked",
      `The room ${quoted(room.name)} is disabled, and its tokens with it. They work again once the owner enables ` +
        "it: `meshagent rooms enable`.",
    );
  }
  throw new GatewayError(
    "token_revoked",
    `The room ${quoted(room.name)} was deleted, and its tokens with it. They work again once the ` +
      "room is created anew: `meshagent rooms create`.",
  );
}
