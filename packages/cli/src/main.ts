/**
 * The command as a process: streams, signals, exit code. bin/meshagent.js calls it once the Node is right;
 * importing it does nothing.
 */

import { Terminal } from "./terminal.ts";
import { exitCodes } from "./failure.ts";
import { runCommandLine } from "./program.ts";

/** Runs the command line of this process and sets its exit code. */
export function runAsCommand(host: NodeJS.Process): void {
  const interrupted = new AbortController();
  const onInterrupt = (): void => {
    interrupted.abort();
    host.exit(exitCodes.interrupted);
  };
  host.on("SIGINT", onInterrupt);
  // Whoever reads us may stop early, as `head` does; that is no failure of ours.
  const onStreamError = (error: NodeJS.ErrnoException): void =>
    host.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.failed);
  host.stdout.on("error", onStreamError);
  const running = runCommandLine(host.argv.slice(2), {
    env: host.env,
    terminal: new Terminal(host, host.env),
    nowMs: Date.now,
    signal: interrupted.signal,
    leaveProcess: () => {
      host.removeListener("SIGINT", onInterrupt);
      host.stdout.removeListener("error", onStreamError);
    },
  });
  void running.then((exitCode) => {
    host.exitCode = exitCode;
  });
}
