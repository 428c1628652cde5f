/** `meshagent project`: the projects of a gateway, and which one is active here. */

import { Command, Option } from "commander";
import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import type { Project } from "@meshagent/llm-proxy-protocol/api-resources";
import { findProjectId, updateProfile } from "../cli-context.ts";
import type { CliContext } from "../cli-context.ts";
import { connect, resolveApiUrl } from "../connection.ts";
import { UsageFailure } from "../failure.ts";
import type { GatewayFlags } from "./options.ts";
import { withGateway } from "./options.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  const command = new Command("project").description("Projects own providers, rooms, API keys and usage.");
  const add = (name: string, about: string): Command => {
    const child = withGateway(new Command(name)).description(about);
    command.addCommand(child);
    return child;
  };
  add("create", "Create a project and print its id.")
    .argument("<name>")
    .option("--activate", "make it the active project")
    .action((name: string, flags: CreateFlags) => createProject(context, name, flags));
  add("list", "List all projects, oldest first. The active one has a star.").action((flags: GatewayFlags) =>
    listProjects(context, flags),
  );
  add("get", "Show one project.")
    .argument("<id>")
    .action(async (id: string, flags: GatewayFlags) => {
      const project = await connect(context, flags).getProject({ project: id });
      if (flags.json) return context.terminal.printJson(project);
      printProjects(context, [project]);
    });
  add("activate", "Make a project the one that commands are about.")
    .argument("<id>")
    .action(async (id: string, flags: GatewayFlags) => {
      const project = await connect(context, flags).getProject({ project: id });
      activateProject(context, project);
      if (flags.json) context.terminal.printJson(project);
    });
  add("set", "Change settings of a project. What is not named stays as it is.")
    .argument("<id>")
    .addOption(
      new Option(
        "--require-rooms <choice>",
        "whether rooms must be created before they are used, instead of being registered on first use",
      ).choices(["yes", "no", "default"]),
    )
    .addOption(
      new Option(
        "--on-disconnect <choice>",
        "when a caller leaves mid-reply: drain reads it to its end (exact), cancel ends it (estimated)",
      ).choices(["drain", "cancel", "default"]),
    )
    .addOption(
      new Option(
        "--share-objects <choice>",
        "whether all rooms see what any of them made at the provider: stored responses, files, batches",
      ).choices(["yes", "no", "default"]),
    )
    .action((id: string, flags: SetFlags) => setProject(context, id, flags));
  return command;
}

interface SetFlags extends GatewayFlags {
  readonly requireRooms?: "yes" | "no" | "default";
  readonly onDisconnect?: "drain" | "cancel" | "default";
  readonly shareObjects?: "yes" | "no" | "default";
}

async function setProject(context: CliContext, id: string, flags: SetFlags): Promise<void> {
  const { requireRooms, onDisconnect, shareObjects } = flags;
  if ([requireRooms, onDisconnect, shareObjects].every((choice) => choice === undefined)) {
    throw new UsageFailure("Name what to set: --require-rooms, --on-disconnect, --share-objects.");
  }
  const project = await connect(context, flags).updateProjectSettings({
    project: id,
    ...(requireRooms === undefined
      ? {}
      : { require_rooms: requireRooms === "default" ? null : requireRooms === "yes" }),
    ...(onDisconnect === undefined
      ? {}
      : { on_disconnect: onDisconnect === "default" ? null : onDisconnect }),
    ...(shareObjects === undefined
      ? {}
      : { share_objects: shareObjects === "default" ? null : shareObjects === "yes" }),
  });
  if (flags.json) return context.terminal.printJson(project);
  context.terminal.say(`Project ${project.name} is set.`);
  context.terminal.printTable(
    [{ title: "SETTING" }, { title: "VALUE" }],
    Object.entries(project.settings).map(([name, value]) => [name, String(value)]),
  );
}

interface CreateFlags extends GatewayFlags {
  readonly activate?: true;
}

async function createProject(context: CliContext, name: string, flags: CreateFlags): Promise<void> {
  const project = await connect(context, flags).createProject({ name });
  context.terminal.say(`Created project ${project.name} at ${resolveApiUrl(context, flags.apiUrl)}.`);
  if (flags.activate) activateProject(context, project);
  if (flags.json) return context.terminal.printJson(project);
  context.terminal.print(`${project.id}\n`);
}

async function listProjects(context: CliContext, flags: GatewayFlags): Promise<void> {
  const client = connect(context, flags);
  const list = await listAll("projects", (page) => client.listProjects(page));
  if (flags.json) return context.terminal.printJson(list);
  printProjects(context, list.projects);
}

function printProjects(context: CliContext, projects: readonly Project[]): void {
  const active = findProjectId(context);
  context.terminal.printTable(
    [{ title: "" }, { title: "ID" }, { title: "NAME" }, { title: "CREATED" }],
    projects.map((project) => [
      project.id === active ? "*" : "",
      project.id,
      project.name,
      project.created_at,
    ]),
  );
}

/** Remembers the project as the active one and says so. */
export function activateProject(context: CliContext, project: Pick<Project, "id" | "name">): void {
  const profile = updateProfile(context, { projectId: project.id, projectName: project.name });
  context.terminal.say(`Project ${project.name} is active now.`);
  if (profile.apiKeys[project.id] === undefined) {
    context.terminal.say("It has no active API key here: meshagent api-key create NAME --activate");
  }
}
