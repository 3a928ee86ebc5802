// Owns the finding and questioning of programs on this machine.
import { execFileSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseVersion } from "./version.ts";

/** Where servers live that a user's PATH often leaves out. */
const EXTRA_PLACES = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin"];

/** The absolute path of a program, or undefined. Only absolute entries of PATH count. */
export function findOnPath(name: string): string | undefined {
  return [...(process.env.PATH ?? "").split(delimiter), ...EXTRA_PLACES]
    .filter((dir) => dir.startsWith("/"))
    .map((dir) => join(dir, name))
    .find(isExecutable);
}

/** The version a program reports; undefined when it does not run here (wrong libc, wrong CPU). */
export function versionOf(bin: string, env: Record<string, string> = {}): string | undefined {
  try {
    const output = execFileSync(bin, ["--version"], {
      encoding: "utf8",
      timeout: 10_000,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "ignore"],
    });
    return parseVersion(output);
  } catch {
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
