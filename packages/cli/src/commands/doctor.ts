/** `meshagent doctor`: every check in order, as a table. It changes nothing. */

import { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { checkClients } from "../checks/clients.ts";
import type { Check } from "../checks/check.ts";
import { checkGateway } from "../checks/gateway.ts";
import { checkMachine } from "../checks/machine.ts";
import { exitCodes } from "../failure.ts";
import type { Style } from "../terminal.ts";
import { cleanCell } from "../table.ts";
import type { ProjectFlags } from "./options.ts";
import { withProject } from "./options.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  return withProject(new Command("doctor"))
    .description("Check this machine, the gateway and the clients. Exit code 1 when something does not work.")
    .action(async (flags: ProjectFlags) => {
      const checks = [
        ...checkMachine(context),
        ...(await checkGateway(context, flags)),
        ...(await checkClients(context, flags)),
      ];
      const isFine = checks.every(({ status }) => status !== "fail");
      if (!isFine) context.finish(exitCodes.failed);
      if (flags.json) return context.terminal.printJson({ ok: isFine, checks });
      for (const check of checks) printCheck(context, check);
    });
}

const STYLES: Readonly<Record<Check["status"], Style>> = { ok: "green", warn: "yellow", fail: "red" };
const AREA_WIDTH = 12;

/** What to do gets a line of its own, so that it can be copied. */
function printCheck({ terminal }: CliContext, { status, area, found, todo }: Check): void {
  const mark = terminal.paint(STYLES[status], status.padEnd(4));
  terminal.print(`${mark}  ${area.padEnd(AREA_WIDTH)}  ${cleanCell(found)}\n`);
  if (todo !== null) terminal.print(`${" ".repeat(AREA_WIDTH + 8)}-> ${cleanCell(todo)}\n`);
}
