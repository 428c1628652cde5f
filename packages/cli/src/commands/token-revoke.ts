/** `meshagent token revoke`: ends tokens before their time, through the gateway. Sends no token, only its identity. */

import { Command } from "commander";
import type { Revocation } from "@meshagent/llm-proxy-protocol/api-revocations";
import { parseToken } from "@meshagent/llm-proxy-protocol/token";
import { TokenError } from "@meshagent/llm-proxy-protocol/token-error";
import type { CliContext } from "../cli-context.ts";
import { connect } from "../connection.ts";
import { CliFailure, UsageFailure } from "../failure.ts";
import type { ProjectFlags } from "./options.ts";
import { connectToProject, withProject } from "./options.ts";

interface RevokeFlags extends ProjectFlags {
  readonly participant?: string;
  readonly room?: string;
}

/** See the file comment. */
export function buildRevoke(context: CliContext): Command {
  return withProject(new Command("revoke"))
    .description("End one token, or all of a participant's in a room that were issued so far. For good.")
    .usage("<jwt> [options]\n       meshagent token revoke --participant <name> --room <name> [options]")
    .argument("[jwt]", "the token; - reads it from stdin")
    .option("--participant <name>", "whose tokens")
    .option("--room <name>", "in which room")
    .action(async (jwt: string | undefined, _own: RevokeFlags, command: Command) => {
      // `token` itself has a --project-id, and takes it first.
      const flags = command.optsWithGlobals<RevokeFlags>();
      const revocation = await revoke(context, jwt, flags);
      if (flags.json) return context.terminal.printJson(revocation);
      context.terminal.say(
        revocation.token_id === null
          ? `Revoked the tokens of ${revocation.participant} in room ${revocation.room} that were issued before ` +
              `${revocation.issued_before}, and those that do not say when.`
          : `Revoked the token ${revocation.token_id}.`,
      );
    });
}

async function revoke(context: CliContext, jwt: string | undefined, flags: RevokeFlags): Promise<Revocation> {
  const { participant, room } = flags;
  if (jwt !== undefined && participant === undefined && room === undefined) {
    return revokeToken(context, (await context.terminal.readArgument(jwt, "<jwt>")).trim(), flags);
  }
  if (jwt !== undefined || participant === undefined || room === undefined) {
    throw new UsageFailure(
      "Which tokens?",
      "Give one token, or both names: meshagent token revoke --participant NAME --room NAME",
    );
  }
  const { client, project } = connectToProject(context, flags);
  const revocation = await client.createRevocation({ project, participant, room });
  await waitUntil(context, Date.parse(revocation.issued_before ?? revocation.created_at));
  return revocation;
}

async function revokeToken(context: CliContext, text: string, flags: RevokeFlags): Promise<Revocation> {
  const token = readToken(text);
  const { projectId } = token.claims;
  if (flags.projectId !== undefined && flags.projectId.toLowerCase() !== projectId) {
    throw new CliFailure(`The token belongs to project ${projectId}, not to ${flags.projectId}.`);
  }
  return connect(context, flags).createRevocation({ project: projectId, token_id: await token.identity() });
}

function readToken(text: string): ReturnType<typeof parseToken> {
  try {
    return parseToken(text);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw new CliFailure(`This token could not work anyway: ${error.message}`, {
      hint: "Was it copied whole? meshagent token inspect says more.",
    });
  }
}

/** The second of a revocation is revoked whole: what is minted once the command has ended is minted after it. */
async function waitUntil(context: CliContext, instantMs: number): Promise<void> {
  const leftMs = Math.min(1000, instantMs - context.nowMs());
  if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
}
