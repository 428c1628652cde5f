/** `meshagent serve`: hands its flags to the gateway, which is loaded here and nowhere else in the CLI. */

import { Command } from "commander";
import type { CliContext } from "../cli-context.ts";

interface ServeFlags {
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly database?: string;
  readonly config?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly publicUrl?: string;
  readonly workers?: string;
}

/** See the file comment. */
export function build(context: CliContext): Command {
  return new Command("serve")
    .description(
      "Run the gateway until it is stopped. It is ready when GET /healthz answers 200. Every flag can also be set\n" +
        "in the environment (MESHAGENT_PORT for --port) or in the configuration file.",
    )
    .option("--host <address>", "where to listen (default 127.0.0.1)")
    .option("--port <number>", "the port (default 8700)")
    .option("--workers <number>", "how many processes serve (default 1)")
    .option("--data-dir <dir>", "where its files are (default ~/.meshagent/gateway)")
    .option("--database <url>", "sqlite:PATH (default: meshagent.db in the data directory)")
    .option("--config <file>", "a configuration file")
    .option("--tls-cert <file>", "serve TLS with this certificate chain (PEM)")
    .option("--tls-key <file>", "the certificate's private key (PEM)")
    .option("--public-url <url>", "what callers reach the gateway at")
    .action(async (flags: ServeFlags) => {
      const { runServe } = await import("@meshagent/llm-proxy-gateway/serve");
      context.finish(await runServe(flags));
    });
}
