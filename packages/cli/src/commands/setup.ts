/**
 * `meshagent setup`: from a running gateway to a machine on which Codex and Claude Code use it. Asks only a
 * person, changes no file without saying what, and running it again changes nothing.
 */

import { hostname } from "node:os";
import { Command } from "commander";
import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import type { Project } from "@meshagent/llm-proxy-protocol/api-resources";
import type { Client } from "@meshagent/llm-proxy-protocol/client";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { findVariable, loadProfile, updateProfile } from "../cli-context.ts";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../failure.ts";
import { cleanCell } from "../table.ts";
import { inspectClaude } from "../clients/claude-code.ts";
import { inspectCodex } from "../clients/codex.ts";
import { configureClients } from "../clients/configure.ts";
import { signIn } from "../sign-in.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  return new Command("setup")
    .description(
      "Sign in to a gateway, pick or create a project and an API key, and configure Codex and Claude Code for it.",
    )
    .option(
      "--api-url <url>",
      "the gateway (default: MESHAGENT_API_URL, the one set up before, or the one on this machine)",
    )
    .option(
      "--token <token>",
      "the owner's token; - reads it from stdin (default: found by itself where the gateway runs)",
    )
    .option("--project <name>", "the project to use, by name or id; created when there is none of that name")
    .option("--yes", "say yes to every question")
    .option("--configure-codex", "change Codex's settings without asking")
    .option("--no-configure-codex", "leave Codex's settings alone")
    .option("--configure-claude", "change Claude Code's settings without asking")
    .option("--no-configure-claude", "leave Claude Code's settings alone")
    .action((flags: SetupFlags) => setUp(context, flags));
}

interface SetupFlags {
  readonly apiUrl?: string;
  readonly token?: string;
  readonly project?: string;
  readonly yes?: true;
  readonly configureCodex?: boolean;
  readonly configureClaude?: boolean;
}

async function setUp(context: CliContext, flags: SetupFlags): Promise<void> {
  const { terminal } = context;
  const { client, apiUrl, token, version } = await signIn(context, flags);
  terminal.say(`Signed in to the gateway at ${apiUrl} (version ${cleanCell(version)}).`);
  const project = await chooseProject(context, client, flags);
  updateProfile(context, { apiUrl, adminToken: token, projectId: project.id, projectName: project.name });
  terminal.say(`Project: ${project.name} (${project.id}).`);
  await ensureApiKey(context, client, project);
  await configureClients(context, {
    apiUrl,
    isYes: flags.yes === true,
    wishes: { codex: flags.configureCodex, claude: flags.configureClaude },
  });
  sayNextSteps(context, apiUrl);
}

async function chooseProject(context: CliContext, client: Client, flags: SetupFlags): Promise<Project> {
  const { projects } = await listAll("projects", (page) => client.listProjects(page));
  const wanted = flags.project ?? findVariable(context.env, "MESHAGENT_PROJECT_ID");
  if (wanted !== null) return findOrCreate(context, client, { projects, wanted });
  const active = projects.find(({ id }) => id === loadProfile(context).projectId);
  const only = projects.length === 1 ? projects[0] : undefined;
  if (active !== undefined || only !== undefined) return (active ?? only)!;
  if (projects.length === 0) return createProject(context, client, await nameFirstProject(context, flags));
  if (!context.terminal.isInteractive) {
    throw new CliFailure(`There are ${projects.length} projects, and none is active.`, {
      hint: `Say which: --project NAME. There are: ${projects.map(({ name }) => name).join(", ")}`,
    });
  }
  for (const [index, { name, id }] of projects.entries())
    context.terminal.say(`  ${index + 1}  ${cleanCell(name)}  ${id}`);
  const answer = await context.terminal.ask("Which project (a number, or the name of a new one)? ");
  const chosen = /^\d+$/.test(answer) ? projects[Number(answer) - 1] : undefined;
  return chosen ?? findOrCreate(context, client, { projects, wanted: answer });
}

interface ProjectWish {
  readonly projects: readonly Project[];
  readonly wanted: string;
}

async function findOrCreate(
  context: CliContext,
  client: Client,
  { projects, wanted }: ProjectWish,
): Promise<Project> {
  const found = projects.filter(({ id, name }) => id === wanted.toLowerCase() || name === wanted);
  if (found.length > 1) {
    throw new CliFailure(`There are ${found.length} projects named ${wanted}.`, {
      hint: `Name one by its id: ${found.map(({ id }) => id).join(", ")}`,
    });
  }
  return found[0] ?? createProject(context, client, wanted);
}

async function createProject(context: CliContext, client: Client, name: string): Promise<Project> {
  const project = await client.createProject({ name });
  context.terminal.say(`Created project ${project.name}.`);
  return project;
}

async function nameFirstProject(context: CliContext, flags: SetupFlags): Promise<string> {
  if (flags.yes || !context.terminal.isInteractive) return "default";
  return (
    (await context.terminal.ask("There is no project yet. Name of the first one [default]: ")) || "default"
  );
}

/** The active key stays while the gateway knows it; otherwise there is a new one. */
async function ensureApiKey(context: CliContext, client: Client, project: Project): Promise<void> {
  const profile = loadProfile(context);
  const active = profile.apiKeys[project.id];
  if (active !== undefined) {
    const { id } = parseApiKey(active.reveal());
    const { keys } = await listAll("keys", (page) => client.listApiKeys({ project: project.id, ...page }));
    if (keys.some((key) => key.id === id)) return context.terminal.say(`API key: ${id} is active.`);
    context.terminal.say(`The active API key ${id} was deleted on the gateway.`);
  }
  const created = await client.createApiKey({
    project: project.id,
    name: `setup on ${hostname()}`,
    description: "Made by meshagent setup.",
  });
  updateProfile(context, { apiKeys: { ...profile.apiKeys, [project.id]: new Secret(created.value) } });
  context.terminal.say(`Created and activated API key ${created.id}. meshagent api-key get prints it.`);
}

/** A clone runs its sources, and its command is npm's to find; an installed one is on the path. */
const command = import.meta.filename.endsWith(".ts") ? "npx meshagent" : "meshagent";

/** Lines that work as they are, whether or not the clients' own settings were changed. */
function sayNextSteps({ env, terminal }: CliContext, apiUrl: string): void {
  const codex = inspectCodex(env);
  const isCodexSet = codex.hasProfile && codex.baseUrl === `${apiUrl}/openai/v1`;
  const isClaudeSet = inspectClaude(env).baseUrl === `${apiUrl}/anthropic`;
  const mint = `"$(${command} token --input token-spec.yaml)"`;
  terminal.say(`
Next:
  1. Say who may do what, in token-spec.yaml (safe to commit):
       version: v1
       kind: ParticipantToken
       room: my-room
       identity: cli-agent
       role: agent
       api:
         llm: {}
  2. Codex:${isCodexSet ? "" : `\n       ${command} setup --configure-codex`}
       export MESHAGENT_ROOM_TOKEN=${mint}
       codex --profile meshagent
  3. Claude Code:${isClaudeSet ? "" : `\n       export ANTHROPIC_BASE_URL=${apiUrl}/anthropic`}
       export ANTHROPIC_AUTH_TOKEN=${mint} ANTHROPIC_API_KEY=""
       claude
  ${command} doctor checks all of this; ${command} usage shows what it cost.`);
}
