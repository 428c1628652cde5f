/**
 * `meshagent backup`: a copy of the ledger, made beside a gateway that may be running. Loads the server's store, and
 * needs no gateway that answers.
 */

import { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { UsageFailure } from "../failure.ts";
import type { JsonFlags } from "./options.ts";
import { withJson } from "./options.ts";

interface BackupFlags extends JsonFlags {
  readonly dataDir?: string;
  readonly database?: string;
  readonly config?: string;
  readonly withKeys?: true;
}

type Report = ReturnType<typeof import("@meshagent/llm-proxy-gateway/backup").runBackup>;

/** See the file comment. */
export function build(context: CliContext): Command {
  return withJson(new Command("backup"))
    .description(
      "Copy the ledger into FILE while the gateway runs, and check the copy. Run it where the gateway's data directory\n" +
        "is, as the gateway's user. To restore, put FILE as meshagent.db into an empty data directory, with the master\n" +
        "key as master.key, and start the gateway there.",
    )
    .argument("<file>", "where the copy goes; nothing may be there")
    .option("--data-dir <dir>", "the gateway's (default: MESHAGENT_DATA_DIR, or ~/.meshagent/gateway)")
    .option("--database <url>", "sqlite:PATH, when it is not meshagent.db there")
    .option("--config <file>", "the gateway's configuration file, when it says where the data is")
    .option(
      "--with-keys",
      "copy the master key and the owner's token beside it: then it opens every stored secret",
    )
    .action(async (file: string, { json, withKeys, ...flags }: BackupFlags) => {
      const { runBackup } = await import("@meshagent/llm-proxy-gateway/backup");
      const report = explained(() => runBackup({ file, flags, withKeys: withKeys === true }));
      if (json) return context.terminal.printJson(asJson(report));
      const megabytes = (report.bytes / 1_000_000).toFixed(1);
      context.terminal.print(`${report.file}  ${report.exchanges} exchanges, ${megabytes} MB, checked\n`);
      sayKeys(context, report);
    });
}

/** A setting that cannot be is wrong usage. The server's error classes are not loaded with this file. */
function explained<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && error.name === "ConfigError") throw new UsageFailure(error.message);
    throw error;
  }
}

function sayKeys({ terminal }: CliContext, { masterKey, ownerToken }: Report): void {
  switch (masterKey.from) {
    case "environment":
      terminal.say(`A restore needs the same ${masterKey.variable}, which is not in the backup.`);
      break;
    case "nowhere":
      terminal.warn(
        `No master key was found (${masterKey.path}). Without it a restore cannot read the stored keys.`,
      );
      break;
    case "file":
      if (masterKey.copy === null) {
        terminal.say(
          `A restore needs the master key, too: keep ${masterKey.path} somewhere else than this backup.`,
        );
      } else {
        terminal.warn(
          `${masterKey.copy} opens every key in the backup: keep the two apart, or both locked up.`,
        );
      }
  }
  if (ownerToken.from === "file" && ownerToken.copy === null) {
    terminal.say(
      `The owner's token is in ${ownerToken.path}; without it a restored gateway makes a new one.`,
    );
  }
}

/** Members as everywhere in JSON that the command prints. */
function asJson({ masterKey, ownerToken, ...report }: Report): object {
  return { ...report, master_key: masterKey, owner_token: ownerToken };
}
