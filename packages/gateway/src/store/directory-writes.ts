/**
 * What can be changed in the directory, and what each change promises. There is no way to these but `Directory.as`, so
 * that each has an author, and each is on the audit log when it resolves.
 */

import type { LimitDefinition } from "./limit-definition.ts";
import type { Revocation, RevocationTarget } from "./revocation.ts";
import type {
  ApiKeyWithSecret,
  Project,
  ProviderSettings,
  Room,
  RoomChange,
  RoomDetails,
  ServiceAccount,
} from "./store.ts";

/** One author's. */
export interface DirectoryWrites {
  createProject(name: string, settings?: Project["settings"]): Promise<Project>;
  /**
   * Changes these settings and leaves the others, as one step; null takes a setting away. null when there is
   * no such project.
   */
  changeProjectSettings(id: string, change: Project["settings"]): Promise<Project | null>;

  /** null when the project has one of this name. One that was deleted comes back, with its id. */
  createServiceAccount(projectId: string, name: string): Promise<ServiceAccount | null>;
  /** False when there is none, or when it still has API keys. */
  deleteServiceAccount(projectId: string, id: string): Promise<boolean>;

  /** Stores the key with its secret encrypted. */
  createApiKey(key: ApiKeyWithSecret): Promise<void>;
  /** False when there is none. Verified tokens of the key stop working before this resolves. */
  deleteApiKey(projectId: string, id: string): Promise<boolean>;

  /**
   * Creates the room, or brings a deleted one of this name back (same id, not disabled). One that is there stays as
   * it is.
   */
  createRoom(projectId: string, name: string, details?: RoomDetails): Promise<Room>;
  /**
   * null when the project has no live room `name`, or has one of the new name. A room that gets another name
   * leaves a tombstone under the old one, so that no token of the old name is good for a new room.
   */
  updateRoom(projectId: string, name: string, change: RoomChange): Promise<Room | null>;
  deleteRoom(projectId: string, name: string): Promise<boolean>;

  /**
   * The tokens stop working before this resolves. There is no way back. A token that is revoked already keeps its
   * revocation, which is then the answer.
   */
  createRevocation(projectId: string, target: RevocationTarget): Promise<Revocation>;

  /** Creates the limit, or replaces the one of this id in the same project; an id of another project changes nothing. */
  setLimit(limit: LimitDefinition): Promise<void>;
  removeLimit(projectId: string, id: string): Promise<boolean>;

  setProvider(settings: ProviderSettings): Promise<void>;
  removeProvider(projectId: string, name: string): Promise<boolean>;
}
