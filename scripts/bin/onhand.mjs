#!/usr/bin/env node
// The `onhand` program as npx starts it, under whatever Node the machine has: hands over to the
// project's own Node 24 (an npm package), which runs the TypeScript sources as they are.
import { spawn } from "node:child_process";
import * as module from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR_MIN = 24;
const own = fileURLToPath(import.meta.url);

if (Number(process.versions.node.split(".")[0]) >= NODE_MAJOR_MIN) {
  // Before the first TypeScript file: where all of them are in the cache, what strips types is never loaded.
  module.enableCompileCache(join(dirname(own), "..", "..", ".cache", "compiled"));
  await import("../onhand.ts");
} else {
  handOver(projectNode());
}

function projectNode() {
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const require = module.createRequire(import.meta.url);
    return join(dirname(require.resolve(`${name}/package.json`)), "bin", "node");
  } catch {
    console.error(
      `onhand: needs Node ${NODE_MAJOR_MIN}, this is ${process.version} and ${name} is not installed. ` +
        `Run "npm ci", or use Node ${NODE_MAJOR_MIN}.`,
    );
    process.exit(1);
  }
}

function handOver(node) {
  const child = spawn(node, [own, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`onhand: cannot run ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
    if (signal) process.kill(process.pid, signal);
    else process.exit(code ?? 1);
  });
}
