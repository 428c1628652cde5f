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
  host.stdout.on("error", (error: NodeJS.ErrnoException) =>
    host.exit(error.code === "EPIPE" ? exitCodes.done : exitCodes.failed),
  );
  const running = runCommandLine(host.argv.slice(2), {
    env: host.env,
    terminal: new Terminal(host, host.env),
    nowMs: Date.now,
    signal: interrupted.signal,
    leaveSignals: () => host.removeListener("SIGINT", onInterrupt),
  });
  void running.then((exitCode) => {
    host.exitCode = exitCode;
  });
}
