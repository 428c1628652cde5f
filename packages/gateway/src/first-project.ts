/** What a gateway makes by itself when it starts on a store that has nothing. */

import { systemAuthor } from "./store/audit.ts";
import type { Directory } from "./store/store.ts";

/** Makes the project `default`, unless there is any. */
export async function ensureProject(directory: Directory): Promise<void> {
  const projects = await directory.listProjects({ limit: 1 });
  if (projects.length === 0) await directory.as(systemAuthor).createProject("default");
}
