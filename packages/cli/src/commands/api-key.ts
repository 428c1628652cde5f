/** `meshagent api-key`: the signing keys of a project, and which one is active here. */

import { Command } from "commander";
import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import { parseApiKey } from "@meshagent/llm-proxy-protocol/api-key";
import { Secret } from "@meshagent/llm-proxy-protocol/secret";
import { findApiKey, findProjectId, loadProfile, updateProfile } from "../cli-context.ts";
import type { CliContext } from "../cli-context.ts";
import { CliFailure } from "../failure.ts";
import type { JsonFlags, ProjectFlags } from "./options.ts";
import { connectToProject, withJson, withProject } from "./options.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  const command = new Command("api-key").description(
    "API keys sign participant tokens. A key is shown once, when it is made.",
  );
  const add = (child: Command, about: string): Command => {
    command.addCommand(child.description(about));
    return child;
  };
  add(withProject(new Command("create")), "Create an API key and print it, alone and once.")
    .argument("<name>")
    .option("--description <text>", "what it is for")
    .option("--activate", "sign tokens with it from now on")
    .action((name: string, flags: CreateFlags) => createApiKey(context, name, flags));
  add(withProject(new Command("list")), "List the project's API keys. The active one has a star.").action(
    (flags: ProjectFlags) => listApiKeys(context, flags),
  );
  add(
    withProject(new Command("delete")),
    "Delete an API key. It and every token it signed stop working at once.",
  )
    .argument("<id>", "the key's id, as in the list")
    .action((id: string, flags: ProjectFlags) => deleteApiKey(context, id, flags));
  add(withJson(new Command("get")), "Print the active API key, alone.").action((flags: JsonFlags) => {
    const key = requireApiKey(context).reveal();
    if (flags.json) return context.terminal.printJson({ api_key: key });
    context.terminal.print(`${key}\n`);
  });
  add(new Command("env"), 'Print the active API key for a shell: eval "$(meshagent api-key env)"').action(
    () => {
      context.terminal.print(`export MESHAGENT_API_KEY=${shellWord(requireApiKey(context).reveal())}\n`);
    },
  );
  add(new Command("activate"), "Sign tokens with this API key from now on.")
    .argument("<key>", "the key's text; - reads it from stdin")
    .action(async (text: string) => {
      activateApiKey(context, new Secret((await context.terminal.readArgument(text, "<key>")).trim()));
    });
  return command;
}

interface CreateFlags extends ProjectFlags {
  readonly description?: string;
  readonly activate?: true;
}

async function createApiKey(context: CliContext, name: string, flags: CreateFlags): Promise<void> {
  const { client, project } = connectToProject(context, flags);
  const key = await client.createApiKey({ project, name, description: flags.description });
  if (flags.json) context.terminal.printJson(key);
  else context.terminal.print(`${key.value}\n`);
  context.terminal.say(`Created API key ${key.name}. It is shown this once; keep it secret.`);
  if (flags.activate) activateApiKey(context, new Secret(key.value));
}

async function listApiKeys(context: CliContext, flags: ProjectFlags): Promise<void> {
  const { client, project } = connectToProject(context, flags);
  const list = await listAll("keys", (page) => client.listApiKeys({ project, ...page }));
  if (flags.json) return context.terminal.printJson(list);
  const active = findApiKey(context, project);
  const activeId = active === null ? null : parseApiKey(active.reveal()).id;
  context.terminal.printTable(
    [{ title: "" }, { title: "ID" }, { title: "NAME" }, { title: "DESCRIPTION" }, { title: "CREATED" }],
    list.keys.map((key) => [
      key.id === activeId ? "*" : "",
      key.id,
      key.name,
      key.description,
      key.created_at,
    ]),
  );
}

async function deleteApiKey(context: CliContext, id: string, flags: ProjectFlags): Promise<void> {
  const { client, project } = connectToProject(context, flags);
  await client.deleteApiKey({ project, api_key: id });
  const { apiKeys } = loadProfile(context);
  const others = Object.entries(apiKeys).filter(
    ([, key]) => parseApiKey(key.reveal()).id !== id.toLowerCase(),
  );
  if (others.length < Object.keys(apiKeys).length)
    updateProfile(context, { apiKeys: Object.fromEntries(others) });
  if (flags.json) return context.terminal.printJson({ deleted: id });
  context.terminal.say(`Deleted API key ${id}. The tokens that it signed do not work any more.`);
}

/**
 * Remembers the key as its project's active one, and its project as the active one. Throws ApiKeyError for
 * a text that is no key.
 */
export function activateApiKey(context: CliContext, key: Secret): void {
  const { id, projectId } = parseApiKey(key.reveal());
  const profile = loadProfile(context);
  const isOtherProject = profile.projectId !== projectId;
  updateProfile(context, {
    apiKeys: { ...profile.apiKeys, [projectId]: key },
    ...(isOtherProject ? { projectId, projectName: null } : {}),
  });
  context.terminal.say(`API key ${id} is active now.`);
  if (isOtherProject) context.terminal.say(`Its project ${projectId} is active now, too.`);
}

function requireApiKey(context: CliContext): Secret {
  const key = findApiKey(context);
  if (key !== null) return key;
  const isProjectActive = findProjectId(context) !== null;
  throw new CliFailure(
    isProjectActive ? "The active project has no active API key here." : "No project is active.",
    {
      hint: isProjectActive ? "Run: meshagent api-key create NAME --activate" : "Run: meshagent setup",
    },
  );
}

/** The text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
