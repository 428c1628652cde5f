/**
 * Calls a client's own shell tool, so that coding agents can run a whole turn with a tool against the
 * simulated provider. Knows the forms that clients offer (facts of Codex 0.169 and Claude Code 2.1).
 */

import { asObject, asString } from "./json.ts";
import type { OfferedTool, PlannedToolCall } from "./prompt.ts";
import { valueFor } from "./schema-value.ts";

const SHELL_NAMES =
  /^(exec_command|bash|shell|shell_command|local_shell|run_shell_command|run_command|execute_command|terminal)$/i;

/** The command in a message such as "run: ls -l" or "run: `ls -l`", null when it asks for none. */
export function wantedCommand(message: string): string | null {
  const match = /\brun:[ \t]*(?:`([^`]+)`|([^\n`]+))/i.exec(message);
  const command = (match?.[1] ?? match?.[2] ?? "").trim();
  return command === "" ? null : command;
}

/** A call of the shell among `tools`, null when there is none. */
export function shellCall(tools: readonly OfferedTool[], command: string): PlannedToolCall | null {
  const shell = tools.find((tool) => tool.kind === "function" && SHELL_NAMES.test(tool.name));
  if (shell !== undefined) return { tool: shell, input: JSON.stringify(shellArguments(shell, command)) };
  // Codex gives newer models one free-text tool that takes JavaScript, its other tools being functions there.
  const script = tools.find((tool) => tool.kind === "custom" && tool.name === "exec");
  if (script === undefined) return null;
  const call = `tools.exec_command(${JSON.stringify({ cmd: command })})`;
  return { tool: script, input: `const result = await ${call};\ntext(result.output);\n` };
}

function shellArguments(tool: OfferedTool, command: string): unknown {
  const properties = asObject(tool.schema["properties"]);
  const name = "cmd" in properties ? "cmd" : "command";
  const texts = { description: "Run the command that the user asked for", [name]: command };
  const given = { ...asObject(valueFor(tool.schema, texts)), [name]: command };
  const isArgumentList = asString(asObject(properties["command"])["type"]) === "array";
  return isArgumentList ? { ...given, command: ["bash", "-lc", command] } : given;
}
