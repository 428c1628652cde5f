/** `docs/reference/configuration.md`: every setting of the gateway, from the table that the gateway reads. */

import type { Command } from "commander";
import { settings } from "@meshagent/llm-proxy-gateway/config/settings";
import { providers } from "@meshagent/llm-proxy-gateway/gateway";
import { encodingsText } from "@meshagent/llm-proxy-gateway/passing";
import { code, opening, table } from "./markdown.ts";

/** `serve` is the command whose flags are settings, too. */
export function configurationPage(serve: Command): string {
  const flags = new Map(serve.options.map((option) => [option.attributeName(), option.long ?? ""]));
  const rows = Object.entries(settings).map(([key, setting]) => [
    [setting.variable, ...(setting.aliases ?? [])].map(code).join(", "),
    setting.isSecret === true ? "" : code(key),
    code(flags.get(key) ?? ""),
    code(setting.defaultText),
    [setting.about, ...choicesText(setting.choices)].join(" "),
  ]);
  return [
    opening("Configuration", [
      "packages/gateway/src/config/settings.ts",
      "packages/gateway/src/providers",
      "packages/cli/src/commands/serve.ts",
    ]),
    "A flag of `meshagent serve` wins over the environment, that over the file named by `--config` (YAML or JSON; its " +
      "keys are in the second column), that over the default. A variable that is set to nothing counts as unset. What " +
      "cannot be used is refused at the start, by name. A setting without a key is a secret: environment alone.\n",
    "Durations are written `500ms`, `30s`, `10m`, `1h`; sizes `512KiB`, `64MiB`, `2GiB`; lists with commas.\n",
    "## Settings\n",
    table(["variable", "key in the file", "flag", "default", "what it is"], rows),
    "## Providers\n",
    "A key that stands in the environment is for every project that has none of its own. `meshagent provider set` gives " +
      "a project its own key and base URL, which win.\n",
    table(
      ["provider", "its key", "its base URL", "default base URL", "dialect"],
      providers.map((provider) => [
        provider.displayName,
        code(provider.apiKeyVariable),
        code(provider.baseUrlVariable),
        code(provider.defaultBaseUrl),
        code(provider.dialect),
      ]),
    ),
    "\nTwo choices hold for every project that `meshagent provider set` gives none of its own (`--rate-limit-headers`, " +
      "`--accepted-encodings`). The lines in which a provider tells what is left of the account's rate limits come down to " +
      "callers with `pass`, the default, and stay here with `drop`; `retry-after` always comes down. A request's body in an " +
      "encoding that is not among the accepted ones (names with commas, or `none`) goes up decoded.\n",
    table(
      ["provider", "rate-limit headers: `pass` or `drop`", "which they are", "accepted encodings", "default"],
      providers.map((provider) => [
        provider.displayName,
        code(provider.rateLimitHeadersVariable),
        provider.rateLimitHeaderPrefixes.map((prefix) => code(`${prefix}*`)).join(", "),
        code(provider.acceptedEncodingsVariable),
        code(encodingsText(provider.acceptedEncodings)),
      ]),
    ),
  ].join("\n");
}

function choicesText(choices: readonly string[] | undefined): readonly string[] {
  return choices === undefined ? [] : [`One of ${choices.map(code).join(", ")}.`];
}
