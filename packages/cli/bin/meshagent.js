#!/usr/bin/env node
// The door of the `meshagent` command. Written in the oldest JavaScript that any Node can parse, because its
// one task is to get the command onto a Node that can run it. It knows nothing about the commands.
//
// A clone holds src/main.ts and runs it as it is; the published package holds dist/main.js.
"use strict";

var fs = require("fs");
var path = require("path");

var NEEDED_MAJOR = 24;
var REEXEC_MARK = "MESHAGENT_REEXEC";

function main() {
  var major = Number(process.versions.node.split(".")[0]);
  if (major >= NEEDED_MAJOR) return runHere();
  var newer = process.env[REEXEC_MARK] ? null : findNodePackage();
  if (newer !== null) return runThere(newer);
  process.stderr.write(
    "meshagent needs Node " +
      NEEDED_MAJOR +
      " or newer, and this is " +
      process.version +
      " (" +
      process.execPath +
      ").\n" +
      "Install it from https://nodejs.org, or put it beside meshagent with: npm install node@" +
      NEEDED_MAJOR +
      "\n",
  );
  process.exitCode = 1;
}

/** The binary of the npm package `node`, found the way a `require` from here would find it; else null. */
function findNodePackage() {
  var manifest;
  try {
    manifest = require.resolve("node/package.json");
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    return null;
  }
  if (!(Number(require(manifest).version.split(".")[0]) >= NEEDED_MAJOR)) return null;
  var binary = path.join(path.dirname(manifest), "bin", process.platform === "win32" ? "node.exe" : "node");
  return fs.existsSync(binary) ? binary : null;
}

function runHere() {
  hideExperimentalWarnings();
  dieWithParent();
  var source = path.join(__dirname, "..", "src", "main.ts");
  var entry = fs.existsSync(source) ? source : path.join(__dirname, "..", "dist", "main.js");
  return require(entry).runAsCommand(process);
}

/** They go to the developers of Node, not to people who run a command. */
function hideExperimentalWarnings() {
  var emitWarning = process.emitWarning;
  process.emitWarning = function (warning, options) {
    var type = options && typeof options === "object" ? options.type : options;
    if (type === "ExperimentalWarning" || (warning && warning.name === "ExperimentalWarning")) return;
    emitWarning.apply(process, arguments);
  };
}

function runThere(binary) {
  var env = {};
  for (var name in process.env) env[name] = process.env[name];
  env[REEXEC_MARK] = "1";
  var child = require("child_process").spawn(binary, [__filename].concat(process.argv.slice(2)), {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: env,
  });
  var handlers = forwardSignals(child);
  child.on("error", function (error) {
    process.stderr.write("meshagent could not start " + binary + ": " + error.message + "\n");
    process.exitCode = 1;
  });
  child.on("exit", function (code, signal) {
    for (var name in handlers) process.removeListener(name, handlers[name]);
    if (signal) process.kill(process.pid, signal);
    process.exitCode = code === null ? 1 : code;
  });
}

function forwardSignals(child) {
  // A terminal sends its own Ctrl-C and hang-up to both processes; a second one would cut a graceful stop short.
  var hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  var handlers = {};
  ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"].forEach(function (name) {
    handlers[name] = function () {
      if (name !== "SIGINT" || !hasTerminal) child.kill(name);
    };
    process.on(name, handlers[name]);
  });
  return handlers;
}

/** When the process that re-executed us is killed outright, nobody could stop this one any more: it stops itself. */
function dieWithParent() {
  if (!process.env[REEXEC_MARK]) return;
  delete process.env[REEXEC_MARK];
  if (!process.channel) return;
  process.on("disconnect", function () {
    process.kill(process.pid, "SIGTERM");
  });
  process.channel.unref();
}

main();
