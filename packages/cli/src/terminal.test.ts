import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { UsageFailure } from "./failure.ts";
import { Terminal } from "./terminal.ts";

function open(
  isTTY: boolean,
  env: Record<string, string> = {},
): {
  readonly terminal: Terminal;
  readonly stdin: PassThrough;
  readonly read: () => { out: string; err: string };
} {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const streams = {
    stdin: Object.assign(stdin, { isTTY }),
    stdout: Object.assign(stdout, { isTTY }),
    stderr: Object.assign(stderr, { isTTY }),
  };
  const text = (stream: PassThrough): string => String(stream.read() ?? "");
  return {
    terminal: new Terminal(streams, env),
    stdin,
    read: () => ({ out: text(stdout), err: text(stderr) }),
  };
}

test("data goes to stdout and talk to stderr", () => {
  const { terminal, read } = open(false);
  terminal.print("data\n");
  terminal.printJson({ a: 1 });
  terminal.say("talk");
  terminal.warn("careful");
  terminal.fail("broken", "mend it");
  assert.deepEqual(read(), {
    out: 'data\n{\n  "a": 1\n}\n',
    err: "talk\nwarning: careful\nerror: broken\nmend it\n",
  });
});

test("colours only on a terminal, and not with NO_COLOR or a dumb one", () => {
  assert.equal(open(true).terminal.paint("red", "x"), "\u001b[31mx\u001b[0m");
  assert.equal(open(true, { NO_COLOR: "" }).terminal.paint("red", "x"), "\u001b[31mx\u001b[0m");
  assert.equal(open(true, { NO_COLOR: "1" }).terminal.paint("red", "x"), "x");
  assert.equal(open(true, { TERM: "dumb" }).terminal.paint("red", "x"), "x");
  assert.equal(open(false).terminal.paint("red", "x"), "x");
});

test("a question is asked on stderr, and Enter takes the default", async () => {
  const { terminal, stdin, read } = open(true);
  assert.equal(terminal.isInteractive, true);
  for (const [typed, byDefault, answer] of [
    ["\n", true, true],
    ["\n", false, false],
    ["y\n", false, true],
    ["no\n", true, false],
  ] as const) {
    const asked = terminal.confirm("Really?", byDefault);
    stdin.write(typed);
    assert.equal(await asked, answer);
  }
  const { out, err } = read();
  assert.equal(out, "");
  assert.match(err, /Really\? \[Y\/n\]/);
});

test("a secret that is typed does not show", async () => {
  const { terminal, stdin, read } = open(true);
  const asked = terminal.askSecret("Token: ");
  stdin.write("hidden\n");
  assert.equal(await asked, "hidden");
  const { out, err } = read();
  assert.match(err, /Token: /);
  assert.doesNotMatch(out + err, /hidden/);
});

test("a dash reads stdin, once, without the line break at its end", async () => {
  const { terminal, stdin } = open(false);
  stdin.end("secret\r\n");
  assert.equal(await terminal.readArgument("given", "--key"), "given");
  assert.equal(await terminal.readArgument("-", "--key"), "secret");
  await assert.rejects(terminal.readArgument("-", "--input"), UsageFailure);
});
