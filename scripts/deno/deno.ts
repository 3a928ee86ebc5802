// Runs Deno with the arguments given: the one on PATH if it is 2.x, else the one this directory's own
// package.json pins, fetched by npm on first use. For tests; nothing in the house needs Deno.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const here = import.meta.dirname;

const child = spawn(findDeno(), process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});

function findDeno(): string {
  const version = spawnSync("deno", ["--version"], { encoding: "utf8" });
  if (/^deno 2\./.test(version.stdout ?? "")) return "deno";
  const fetched = join(here, "node_modules", "@deno", "linux-x64-glibc", "deno");
  if (!existsSync(fetched)) {
    process.stderr.write("fetching Deno with npm\n");
    const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
    execFileSync("npm", args, { cwd: here, stdio: ["ignore", "ignore", "inherit"] });
  }
  if (existsSync(fetched)) return fetched;
  process.stderr.write("Cannot find Deno: install Deno 2 and put it on PATH\n");
  process.exit(1);
}
