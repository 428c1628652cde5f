/** `meshagent rooms`: the rooms of a project. */

import { Command } from "commander";
import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import type { Room } from "@meshagent/llm-proxy-protocol/api-rooms";
import type { CliContext } from "../cli-context.ts";
import type { ProjectFlags } from "./options.ts";
import { connectToProject, withProject } from "./options.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  const command = new Command("rooms").description(
    "Rooms are named places inside a project. A room that a token names is registered on first use.",
  );
  const add = (name: string, about: string): Command => {
    const child = withProject(new Command(name)).description(about);
    command.addCommand(child);
    return child;
  };
  add("create", "Create a room, or bring a deleted one back.")
    .argument("<name>")
    .action(async (name: string, flags: ProjectFlags) => {
      const { client, project } = connectToProject(context, flags);
      const room = await client.createRoom({ project, name });
      if (flags.json) return context.terminal.printJson(room);
      context.terminal.say(`Created room ${room.name}.`);
      context.terminal.print(`${room.id}\n`);
    });
  add("list", "List the rooms by name.").action(async (flags: ProjectFlags) => {
    const { client, project } = connectToProject(context, flags);
    const list = await listAll("rooms", (page) => client.listRooms({ project, ...page }));
    if (flags.json) return context.terminal.printJson(list);
    printRooms(context, list.rooms);
  });
  add("get", "Show one room.")
    .argument("<name>")
    .action(async (name: string, flags: ProjectFlags) => {
      const { client, project } = connectToProject(context, flags);
      const room = await client.getRoom({ project, room: name });
      if (flags.json) return context.terminal.printJson(room);
      printRooms(context, [room]);
    });
  for (const { name, about, disabled, said } of SWITCHES) {
    add(name, about)
      .argument("<name>")
      .action(async (room: string, flags: ProjectFlags) => {
        const { client, project } = connectToProject(context, flags);
        const changed = await client.updateRoom({ project, room, disabled });
        if (flags.json) return context.terminal.printJson(changed);
        context.terminal.say(said(changed.name));
      });
  }
  add("delete", "Delete a room. Its tokens get 401 until it is created again.")
    .argument("<name>")
    .action(async (name: string, flags: ProjectFlags) => {
      const { client, project } = connectToProject(context, flags);
      await client.deleteRoom({ project, room: name });
      if (flags.json) return context.terminal.printJson({ deleted: name });
      context.terminal.say(`Deleted room ${name}. Its tokens do not work any more.`);
    });
  return command;
}

const SWITCHES = [
  {
    name: "disable",
    about: "Disable a room. It stays listed, and its tokens get 401 until it is enabled.",
    disabled: true,
    said: (room: string): string => `Disabled room ${room}. Its tokens do not work until it is enabled.`,
  },
  {
    name: "enable",
    about: "Enable a disabled room. Its tokens work again.",
    disabled: false,
    said: (room: string): string => `Enabled room ${room}. Its tokens work.`,
  },
] as const;

function printRooms(context: CliContext, rooms: readonly Room[]): void {
  context.terminal.printTable(
    [{ title: "NAME" }, { title: "ID" }, { title: "CREATED" }, { title: "STATE" }],
    rooms.map((room) => [
      room.name,
      room.id,
      room.created_at,
      room.disabled_at === null ? "enabled" : `disabled since ${room.disabled_at}`,
    ]),
  );
}
