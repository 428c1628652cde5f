/** `meshagent token`: signs participant tokens and explains them, both without any gateway, and revokes them. */

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { parseDocument } from "yaml";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import type { ApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { describeCaps } from "@meshagent/llm-proxy-protocol/llm-caps";
import { parseToken, signParticipantToken } from "@meshagent/llm-proxy-protocol/token";
import { TokenError } from "@meshagent/llm-proxy-protocol/token-error";
import { inspectToken } from "@meshagent/llm-proxy-protocol/token-inspect";
import type { TokenInspection } from "@meshagent/llm-proxy-protocol/token-inspect";
import { parseTokenSpec, TokenSpecError } from "@meshagent/llm-proxy-protocol/token-spec";
import type { TokenSpec } from "@meshagent/llm-proxy-protocol/token-spec";
import { findApiKey, findVariable } from "../cli-context.ts";
import type { CliContext } from "../cli-context.ts";
import { formatDuration, parseDurationMs } from "../duration.ts";
import { CliFailure, exitCodes, messageOf, UsageFailure } from "../failure.ts";
import { writePrivateFile } from "../private-file.ts";
import type { JsonFlags } from "./options.ts";
import { withJson } from "./options.ts";
import { buildRevoke } from "./token-revoke.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  const command = new Command("token")
    .description("Sign a participant token with an API key, offline, and print it alone.")
    .usage(
      "--input <file> [options]\n       meshagent token inspect <jwt>\n       meshagent token revoke <jwt>",
    )
    .option("--input <file>", "the token spec, YAML or JSON; - reads it from stdin")
    .option("--output <file>", "write the token there, readable by you alone, instead of printing it")
    .option(
      "--key <key>",
      "the API key to sign with; - reads it from stdin (default: MESHAGENT_API_KEY, or the active one)",
    )
    .option("--project-id <id>", "sign with the active key of this project")
    .option(
      "--expires-in <span>",
      "end the token after 90m, 12h, 30d, ... (default: it lives as long as its key)",
    )
    .action((flags: TokenFlags) => mint(context, flags));
  const inspect = withJson(new Command("inspect"))
    .description(
      "Explain a token: whose it is, what it may do, what is wrong with it. Exit code 1 when it cannot work.",
    )
    .argument("<jwt>", "the token; - reads it from stdin")
    .action((text: string, flags: JsonFlags) => inspectText(context, text, flags));
  command.addCommand(inspect);
  command.addCommand(buildRevoke(context));
  return command;
}

interface TokenFlags {
  readonly input?: string;
  readonly output?: string;
  readonly key?: string;
  readonly projectId?: string;
  readonly expiresIn?: string;
}

async function mint(context: CliContext, flags: TokenFlags): Promise<void> {
  if (flags.input === undefined)
    throw new UsageFailure(
      "--input is missing.",
      "Name a token spec: meshagent token --input token-spec.yaml",
    );
  const lifeMs = flags.expiresIn === undefined ? null : parseDurationMs(flags.expiresIn, "--expires-in");
  const spec = parseSpecText(await readInput(context, flags.input), flags.input);
  const apiKey = await chooseKey(context, flags);
  const iat = Math.floor(context.nowMs() / 1000);
  const token = await signParticipantToken(spec, {
    apiKey,
    iat,
    jti: randomUUID(),
    ...(lifeMs === null ? {} : { exp: iat + Math.floor(lifeMs / 1000) }),
  });
  if (spec.llm === null) {
    context.terminal.warn("the token has no api.llm grant, so it cannot use the proxy.");
  }
  if (flags.output === undefined) return context.terminal.print(`${token}\n`);
  writePrivateFile(flags.output, `${token}\n`);
  const life = lifeMs === null ? "until its key is deleted" : `for ${formatDuration(lifeMs)}`;
  context.terminal.say(
    `Wrote a token for ${spec.identity} in room ${spec.room} to ${flags.output}. It is valid ${life}.`,
  );
}

async function readInput(context: CliContext, input: string): Promise<string> {
  if (input === "-") return context.terminal.readArgument(input, "--input");
  try {
    return readFileSync(input, "utf8");
  } catch (cause) {
    throw new CliFailure("The token spec cannot be read", { cause });
  }
}

function parseSpecText(text: string, name: string): TokenSpec {
  const document = parseDocument(text, { prettyErrors: true, stringKeys: true });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) throw new CliFailure(`${name} is no valid YAML: ${problem.message}`);
  try {
    return parseTokenSpec(document.toJS());
  } catch (error) {
    if (!(error instanceof TokenSpecError)) throw error;
    throw new CliFailure(
      `${name} is no token spec:\n${error.problems.map((line) => `  ${line}`).join("\n")}`,
    );
  }
}

async function chooseKey(context: CliContext, flags: TokenFlags): Promise<ApiKey> {
  const given =
    flags.key === undefined ? null : (await context.terminal.readArgument(flags.key, "--key")).trim();
  const text = given ?? findApiKey(context, flags.projectId?.toLowerCase())?.reveal() ?? null;
  if (text === null) {
    throw new CliFailure("There is no API key to sign with.", {
      hint: "Run: meshagent setup, or: meshagent api-key create NAME --activate, or set MESHAGENT_API_KEY.",
    });
  }
  const key = parseApiKey(text);
  if (flags.projectId !== undefined && flags.projectId.toLowerCase() !== key.projectId) {
    throw new CliFailure(`The API key belongs to project ${key.projectId}, not to ${flags.projectId}.`, {
      hint: "A token belongs to the project of the key that signs it. Give that project's key with --key.",
    });
  }
  return key;
}

type SignatureVerdict = "valid" | "invalid" | "not_checked";

async function inspectText(context: CliContext, argument: string, flags: JsonFlags): Promise<void> {
  const text = (await context.terminal.readArgument(argument, "<jwt>")).trim();
  const inspection = await inspectToken(text, context.nowMs());
  const signature = await checkSignature(context, text, inspection);
  const problems = [...inspection.problems];
  if (signature === "invalid") problems.push("Its signature does not fit the API key that it names.");
  const remarks = inspection.remarks.filter(
    (remark) => signature === "not_checked" || !remark.startsWith("The signature"),
  );
  if (problems.length > 0) context.finish(exitCodes.failed);
  if (flags.json) {
    const { claims, payload, tokenId, expiresAt } = inspection;
    return context.terminal.printJson({
      claims,
      token_id: tokenId,
      expires_at: expiresAt,
      signature,
      problems,
      remarks,
      payload,
    });
  }
  printInspection(context, inspection);
  for (const problem of problems)
    context.terminal.print(`${context.terminal.paint("red", "problem")}  ${problem}\n`);
  for (const remark of remarks)
    context.terminal.print(`${context.terminal.paint("dim", "note")}     ${remark}\n`);
  if (signature === "valid")
    context.terminal.print(
      `${context.terminal.paint("green", "ok")}       Signed with the active API key.\n`,
    );
}

/** With the key that signs here, when it is the one that the token names. */
async function checkSignature(
  context: CliContext,
  text: string,
  { claims }: TokenInspection,
): Promise<SignatureVerdict> {
  if (claims === null) return "not_checked";
  const isFromEnvironment = findVariable(context.env, "MESHAGENT_API_KEY") !== null;
  const keyText = findApiKey(context, isFromEnvironment ? undefined : claims.projectId);
  if (keyText === null) return "not_checked";
  const key = parseApiKey(keyText.reveal());
  if (key.id !== claims.apiKeyId) return "not_checked";
  try {
    await parseToken(text).verifySignature(key.secret);
    return "valid";
  } catch (error) {
    if (error instanceof TokenError) return "invalid";
    throw new CliFailure(messageOf(error), { cause: error });
  }
}

function printInspection(context: CliContext, { claims, tokenId, expiresAt }: TokenInspection): void {
  if (claims === null) return;
  const { llm } = claims.grants;
  const models =
    llm === null ? "none: no api.llm grant" : llm.models === null ? "all" : llm.models.join(", ") || "none";
  const expiry =
    claims.exp === null
      ? "never by itself"
      : `${expiresAt} (${relativeTime(claims.exp * 1000 - context.nowMs())})`;
  context.terminal.printTable(
    [{ title: "CLAIM" }, { title: "VALUE" }],
    [
      ["participant", claims.participant],
      ["room", claims.grants.room],
      ["role", claims.grants.role || "none"],
      ["models", models],
      ["caps", describeCaps(llm?.caps).join("; ") || "none"],
      ["project", claims.projectId],
      ["api key", claims.apiKeyId],
      ["token id", tokenId ?? ""],
      ["issued", claims.iat === null ? "not said" : new Date(claims.iat * 1000).toISOString()],
      ["expires", expiry],
    ],
  );
}

function relativeTime(aheadMs: number): string {
  return aheadMs >= 0 ? `in ${formatDuration(aheadMs)}` : `${formatDuration(-aheadMs)} ago`;
}
