/** Notices when a credential that was good may have ended while its connection lives. Decides nothing. */

import type { Principal } from "../exchange.ts";
import type { AuthenticateDeps } from "./authenticate.ts";
import { restsOn } from "./credential-cache.ts";

/** Node fires a timer at once when it is longer than this. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Calls back at the credential's expiry, and after each change of the key, room or project that it rests on: then
 * it is to be verified again. Returns what ends the watch.
 */
export function watchCredential(
  deps: Pick<AuthenticateDeps, "directory" | "clock">,
  principal: Principal,
  onDoubt: () => void,
): () => void {
  let timer: NodeJS.Timeout | null = null;
  const { expiresAtMs } = principal;
  if (expiresAtMs !== null) {
    // `exp` has passed from the next millisecond on.
    const leftMs = expiresAtMs - deps.clock.now() + 1;
    if (leftMs <= longestTimerMs) timer = setTimeout(onDoubt, Math.max(0, leftMs));
  }
  const unsubscribe = deps.directory.onChange((change) => {
    if (restsOn(principal, change)) onDoubt();
  });
  return () => {
    if (timer !== null) clearTimeout(timer);
    unsubscribe();
  };
}
