/** `meshagent provider`: where a project's requests go and with whose key. A provider's key is never printed. */

import { Command, InvalidArgumentError } from "commander";
import { listAll } from "@meshagent/llm-proxy-protocol/api-pages";
import { contentEncodings } from "@meshagent/llm-proxy-protocol/api-resources";
import type {
  ContentEncoding,
  HeaderPolicy,
  Provider,
  SetProviderBody,
} from "@meshagent/llm-proxy-protocol/api-resources";
import { findVariable } from "../cli-context.ts";
import type { CliContext } from "../cli-context.ts";
import { CliFailure, exitCodes, UsageFailure } from "../failure.ts";
import type { ProjectFlags } from "./options.ts";
import { connectToProject, withProject } from "./options.ts";

/** See the file comment. */
export function build(context: CliContext): Command {
  const command = new Command("provider").description(
    "Model providers of a project: openai, anthropic and what else the gateway knows.",
  );
  const add = (name: string, about: string): Command => {
    const child = withProject(new Command(name)).description(about);
    command.addCommand(child);
    return child;
  };
  add("list", "List the providers and where their keys come from.").action(async (flags: ProjectFlags) => {
    const { client, project } = connectToProject(context, flags);
    const list = await listAll("providers", (page) => client.listProviders({ project, ...page }));
    if (flags.json) return context.terminal.printJson(list);
    printProviders(context, list.providers);
  });
  add("set", "Set a provider's key, address or choices. What is not named stays as it is.")
    .argument("<name>")
    .option("--api-key-from-env <variable>", "take the key from this variable of your environment")
    .option("--api-key-from-stdin", "take the key from stdin")
    .option("--base-url <url>", "where the provider is; 'default' goes back to the gateway's own")
    .option(
      "--rate-limit-headers <choice>",
      "'pass' the account's rate-limit headers to callers, or 'drop' them; 'default' goes back to the gateway's own",
      parsePolicy,
    )
    .option(
      "--accepted-encodings <names>",
      `encodings of bodies that go up as they came, of ${contentEncodings.join(",")}, or 'none'; 'default' goes back`,
      parseEncodings,
    )
    .action((name: string, flags: SetFlags) => setProvider(context, name, flags));
  add("test", "Send the provider a small request that costs nothing. Exit code 1 when it fails.")
    .argument("<name>")
    .action((name: string, flags: ProjectFlags) => testProvider(context, name, flags));
  add("remove", "Forget the project's own key and address; the gateway's default holds again.")
    .argument("<name>")
    .action(async (name: string, flags: ProjectFlags) => {
      const { client, project } = connectToProject(context, flags);
      await client.removeProvider({ project, provider: name });
      if (flags.json) return context.terminal.printJson({ removed: name });
      context.terminal.say(`Removed the project's own settings of ${name}.`);
    });
  return command;
}

interface SetFlags extends ProjectFlags {
  readonly apiKeyFromEnv?: string;
  readonly apiKeyFromStdin?: true;
  readonly baseUrl?: string;
  readonly rateLimitHeaders?: HeaderPolicy | "default";
  readonly acceptedEncodings?: readonly ContentEncoding[] | "default";
}

function parsePolicy(text: string): HeaderPolicy | "default" {
  if (text === "default" || text === "pass" || text === "drop") return text;
  throw new InvalidArgumentError("It is pass, drop or default.");
}

function parseEncodings(text: string): readonly ContentEncoding[] | "default" {
  if (text === "default") return text;
  if (text === "none") return [];
  const names = text.split(",").map((name) => name.trim());
  const known = names.flatMap((name) => contentEncodings.filter((encoding) => encoding === name));
  if (known.length === names.length) return known;
  throw new InvalidArgumentError(`Name some of ${contentEncodings.join(",")} with commas, none or default.`);
}

async function setProvider(context: CliContext, name: string, flags: SetFlags): Promise<void> {
  const apiKey = await readProviderKey(context, flags);
  const { baseUrl, rateLimitHeaders, acceptedEncodings } = flags;
  const body: SetProviderBody = {
    ...(apiKey === undefined ? {} : { api_key: apiKey }),
    ...(baseUrl === undefined ? {} : { base_url: orNull(baseUrl) }),
    ...(rateLimitHeaders === undefined ? {} : { rate_limit_headers: orNull(rateLimitHeaders) }),
    ...(acceptedEncodings === undefined ? {} : { accepted_encodings: orNull(acceptedEncodings) }),
  };
  if (Object.keys(body).length === 0) {
    throw new UsageFailure(
      "Nothing to set.",
      "Give --api-key-from-env VARIABLE, --api-key-from-stdin, --base-url URL, --rate-limit-headers pass|drop or " +
        "--accepted-encodings NAMES.",
    );
  }
  const { client, project } = connectToProject(context, flags);
  const provider = await client.setProvider({ project, provider: name, ...body });
  if (provider.key_dropped) {
    context.terminal.warn(
      `${name} has a new address, so its stored key was dropped: a key goes to no other place. Set it again.`,
    );
  }
  if (flags.json) return context.terminal.printJson(provider);
  context.terminal.say(`Set ${name}. Try it: meshagent provider test ${name}`);
}

/** How the API says that the gateway's own holds again. */
function orNull<Value>(value: Value): Exclude<Value, "default"> | null {
  return value === "default" ? null : (value as Exclude<Value, "default">);
}

async function readProviderKey(context: CliContext, flags: SetFlags): Promise<string | undefined> {
  if (flags.apiKeyFromEnv !== undefined && flags.apiKeyFromStdin) {
    throw new UsageFailure("The key comes from the environment or from stdin, not from both.");
  }
  if (flags.apiKeyFromEnv !== undefined) {
    const key = findVariable(context.env, flags.apiKeyFromEnv);
    if (key === null) throw new CliFailure(variableProblem(flags.apiKeyFromEnv));
    return key;
  }
  if (!flags.apiKeyFromStdin) return undefined;
  const key = (await context.terminal.readArgument("-", "--api-key-from-stdin")).trim();
  if (key === "") throw new CliFailure("There is no key on stdin.");
  return key;
}

/** A text that is no name may be the key itself, given by mistake: it is not repeated. */
function variableProblem(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
    ? `The variable ${name} is not set.`
    : "--api-key-from-env takes the name of a variable, not the key itself.";
}

async function testProvider(context: CliContext, name: string, flags: ProjectFlags): Promise<void> {
  const { client, project } = connectToProject(context, flags);
  const result = await client.testProvider({ project, provider: name });
  if (!result.ok) context.finish(exitCodes.failed);
  if (flags.json) return context.terminal.printJson(result);
  const mark = result.ok ? context.terminal.paint("green", "ok") : context.terminal.paint("red", "fail");
  context.terminal.print(`${mark}  ${result.message}\n`);
}

const SOURCES: Readonly<Record<Provider["source"], string>> = {
  project: "this project",
  environment: "the gateway's environment",
  simulated: "none: answers are simulated",
  none: "none",
};

function printProviders(context: CliContext, providers: readonly Provider[]): void {
  context.terminal.printTable(
    [
      { title: "NAME" },
      { title: "DIALECT" },
      { title: "KEY FROM" },
      { title: "BASE URL" },
      { title: "RATE-LIMIT HEADERS" },
      { title: "ENCODINGS" },
    ],
    providers.map((provider) => [
      provider.name,
      provider.dialect,
      SOURCES[provider.source],
      provider.base_url ?? "-",
      provider.rate_limit_headers,
      provider.accepted_encodings.join(",") || "none",
    ]),
  );
}
