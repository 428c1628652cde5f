/** Which projects let all their rooms see each other's objects at the provider (`share_objects` of their settings). */

import type { Directory } from "../store/store.ts";

/** Remembers each project's answer until the project changes. */
export function createSharing(
  directory: Pick<Directory, "findProject" | "onChange">,
): (projectId: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>();
  directory.onChange((change) => {
    if (change.kind === "project") known.clear();
  });
  const read = async (projectId: string): Promise<boolean> =>
    (await directory.findProject(projectId))?.settings["share_objects"] === true;
  return (projectId) => {
    let answer = known.get(projectId);
    if (answer === undefined) {
      answer = read(projectId);
      known.set(projectId, answer);
      // A failed look-up must not stay.
      answer.catch(() => known.delete(projectId));
    }
    return answer;
  };
}
