/** Where a Responses request, or a message that begins one, names models besides its own. */

import type { PickPath } from "../../json-pick.ts";

/** The image tool names the model that draws and the one that writes SVG; tools may stand among the input, too. */
export const responsesModels: readonly PickPath[] = [
  ["tools", "*", "model"],
  ["tools", "*", "svg", "model"],
  ["input", "*", "tools", "*", "model"],
  ["input", "*", "tools", "*", "svg", "model"],
];
