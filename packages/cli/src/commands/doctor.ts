/** `meshagent doctor`: every check in order, as a table. It changes nothing. */

import { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { checkAccount } from "../checks/account.ts";
import { checkClients } from "../checks/clients.ts";
import type { Check } from "../checks/check.ts";
import { checkGateway } from "../checks/gateway.ts";
import { checkDataDir } from "../checks/here.ts";
import { checkMachine } from "../checks/machine.ts";
import { checkTokens } from "../checks/tokens.ts";
import { isLoopbackUrl, resolveApiUrl } from "../connection.ts";
import { exitCodes } from "../failure.ts";
import type { Style } from "../terminal.ts";
import { cleanCell } from "../table.ts";
import type { ProjectFlags } from "./options.ts";
import { withProject } from "./options.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  return withProject(new Command("doctor"))
    .description(
      "Check this machine, the gateway and the clients, and say what to do about what is wrong. It writes no\n" +
        "file and uses no provider but to try its key. " +
        "Exit code 1 when something does not work, or not as it was meant to.",
    )
    .action(async (flags: ProjectFlags) => {
      const checks = await examine(context, flags);
      const isFine = checks.every(({ status }) => status !== "fail");
      if (!isFine) context.finish(exitCodes.failed);
      if (flags.json) return context.terminal.printJson({ ok: isFine, checks });
      for (const check of checks) printCheck(context, check);
    });
}

/** Every check, in the order in which one would mend what it finds. */
async function examine(context: CliContext, flags: ProjectFlags): Promise<readonly Check[]> {
  const machine = checkMachine(context);
  // The profile names the gateway, the project and the key: without it all else would be about another set-up.
  if (machine.some(({ status }) => status === "fail")) return machine;
  const apiUrl = resolveApiUrl(context, flags.apiUrl);
  const gateway = await checkGateway(context, apiUrl);
  const account = gateway.isUp
    ? await checkAccount(context, apiUrl, flags.projectId)
    : { checks: [], publicUrl: null };
  const clients = await checkClients(context, { apiUrl, publicUrl: account.publicUrl });
  return [
    ...machine,
    ...(isLoopbackUrl(apiUrl) ? [checkDataDir(context, gateway.isUp)] : []),
    ...gateway.checks,
    ...account.checks,
    ...clients.checks,
    ...(await checkTokens(context, clients.tokens, gateway.isUp ? apiUrl : null)),
  ];
}

const STYLES: Readonly<Record<Check["status"], Style>> = { ok: "green", warn: "yellow", fail: "red" };
const AREA_WIDTH = 12;

/** What to do gets a line of its own, so that it can be copied. */
function printCheck({ terminal }: CliContext, { status, area, found, todo }: Check): void {
  const mark = terminal.paint(STYLES[status], status.padEnd(4));
  terminal.print(`${mark}  ${area.padEnd(AREA_WIDTH)}  ${cleanCell(found)}\n`);
  if (todo !== null) terminal.print(`${" ".repeat(AREA_WIDTH + 8)}-> ${cleanCell(todo)}\n`);
}
