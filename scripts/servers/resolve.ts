// Owns the finding of nats-server and redis-server: the path given in the environment, else PATH,
// else the project's cache, else fetched from Debian's archive into the cache (no root, nothing is
// installed). Promises a program that runs here and is new enough, or a ServerError with what to do.
// Several processes may ask at once: one fetches, the others wait; a finished fetch is put in place
// by one rename, so nobody ever sees half a server.
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identify } from "../../shared/process_identity.ts";
import { makeDirectory } from "../make_directory.ts";
import { debianRelease, machineName, openArchive } from "./debian.ts";
import { findOnPath, versionOf } from "./executable.ts";
import { type Claim, claimFile, livingRecord } from "./pid_file.ts";
import { lastLine, ServerError } from "./server_error.ts";
import { compareVersions } from "./version.ts";

/** A server program that was asked its version and answered. */
export type ServerProgram = { bin: string; version: string; env: Record<string, string> };

/** Where to look and whom to tell. `cacheDir` default: .cache/servers of this project. */
export type ResolveOptions = {
  /** Programs given by hand; default ONHAND_NATS_SERVER and ONHAND_REDIS_SERVER. */
  natsServer?: string;
  redisServer?: string;
  cacheDir?: string;
  onProgress?: (line: string) => void;
  /** Look on PATH too (default true). */
  usePath?: boolean;
};

const FETCH_WAIT_MAX_MS = 300_000;
const PROJECT_CACHE = resolve(import.meta.dirname, "..", "..", ".cache", "servers");

type Recipe = {
  name: "nats-server" | "redis-server";
  versionMin: string;
  option: "natsServer" | "redisServer";
  envName: string;
  pathNames: readonly string[];
  /** Below the cache's own directory for this server. */
  binInCache: string;
  folder: string;
  brew: string;
  /** Suites of the archive in order of preference; "own" is the machine's own release. */
  suites: readonly string[];
  /** Fetch only the package itself: it needs nothing but libc. */
  alone: boolean;
};

/** The oldest Redis supported. */
export const REDIS_VERSION_MIN = "6.2.0";

const NATS: Recipe = {
  name: "nats-server",
  versionMin: "2.12.0",
  option: "natsServer",
  envName: "ONHAND_NATS_SERVER",
  pathNames: ["nats-server"],
  binInCache: "usr/sbin/nats-server",
  folder: "nats",
  brew: "brew install nats-server",
  // Newer than the machine's own release: a Go program asks for little more than libc6 (>= 2.34).
  suites: ["testing", "unstable", "stable"],
  alone: true,
};

const REDIS: Recipe = {
  name: "redis-server",
  versionMin: REDIS_VERSION_MIN,
  option: "redisServer",
  envName: "ONHAND_REDIS_SERVER",
  pathNames: ["redis-server", "valkey-server"],
  binInCache: "usr/bin/redis-server",
  folder: "redis",
  brew: "brew install redis",
  suites: ["own"],
  alone: false,
};

/** nats-server >= 2.12, fetched if need be. Throws ServerError. */
export function resolveNats(options: ResolveOptions = {}): Promise<ServerProgram> {
  return resolveProgram(NATS, options);
}

/** redis-server (or valkey-server) >= 6.2, fetched if need be. Throws ServerError. */
export function resolveRedis(options: ResolveOptions = {}): Promise<ServerProgram> {
  return resolveProgram(REDIS, options);
}

async function resolveProgram(recipe: Recipe, options: ResolveOptions): Promise<ServerProgram> {
  const given = options[recipe.option] ?? process.env[recipe.envName];
  if (given) return requireGiven(recipe, given);
  const cacheDir = resolve(options.cacheDir ?? process.env.ONHAND_SERVERS_CACHE ?? PROJECT_CACHE);
  const say = options.onProgress ?? ((line) => process.stderr.write(`${line}\n`));
  for (const name of options.usePath === false ? [] : recipe.pathNames) {
    const found = usable(recipe, findOnPath(name));
    if (found) return found;
  }
  const cached = inCache(recipe, cacheDir);
  if (cached) return cached;
  const release = debianRelease();
  if (!release) throw notFound(recipe);
  makeDirectory(cacheDir);
  const claim = await claimFetch(recipe, cacheDir, say);
  if (!claim) return inCache(recipe, cacheDir) ?? resolveProgram(recipe, options);
  try {
    return inCache(recipe, cacheDir) ?? (await fetchProgram(recipe, cacheDir, release, say));
  } finally {
    claim.release();
  }
}

function requireGiven(recipe: Recipe, path: string): ServerProgram {
  const program = usable(recipe, resolve(path));
  if (program) return program;
  throw new ServerError(
    "server_unusable",
    `Cannot use ${recipe.envName}=${path}: not a ${recipe.name} >= ${recipe.versionMin}`,
    { hint: `Point ${recipe.envName} at one, or unset it to let it be found or fetched.` },
  );
}

function usable(
  recipe: Recipe,
  bin: string | undefined,
  env: Record<string, string> = {},
): ServerProgram | undefined {
  const version = bin ? versionOf(bin, env) : undefined;
  if (!bin || !version || compareVersions(version, recipe.versionMin) < 0) return undefined;
  return { bin, version, env };
}

function inCache(recipe: Recipe, cacheDir: string): ServerProgram | undefined {
  return inDirectory(recipe, join(cacheDir, recipe.folder));
}

function inDirectory(recipe: Recipe, root: string): ServerProgram | undefined {
  const bin = join(root, recipe.binInCache);
  return existsSync(bin) ? usable(recipe, bin, recipe.alone ? {} : libraryPath(root)) : undefined;
}

/** Where the unpacked packages keep the shared libraries that came with them. */
function libraryPath(root: string): Record<string, string> {
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  return {
    LD_LIBRARY_PATH: [join(root, "usr/lib", triplet), join(root, "lib", triplet)].join(":"),
  };
}

function notFound(recipe: Recipe): ServerError {
  const how =
    process.platform === "darwin"
      ? `Run "${recipe.brew}".`
      : `Install ${recipe.name} >= ${recipe.versionMin} on PATH, or set ${recipe.envName}.`;
  return new ServerError(
    "server_not_found",
    `Cannot find ${recipe.name} >= ${recipe.versionMin} on this machine (${machineName()}), ` +
      "and it is fetched by itself on Debian only",
    { hint: `${how} Or use Docker: docker compose up -d` },
  );
}

/** The claim to fetch, or undefined when another process fetched meanwhile. */
async function claimFetch(
  recipe: Recipe,
  cacheDir: string,
  say: (line: string) => void,
): Promise<Claim | undefined> {
  const path = join(cacheDir, `${recipe.folder}.fetching`);
  const until = performance.now() + FETCH_WAIT_MAX_MS;
  const hint = `If that is not so, remove ${path}.`;
  for (let told = false; ; ) {
    try {
      return claimFile(path, `fetch of ${recipe.name}`, hint);
    } catch (error) {
      const busy = error instanceof ServerError && error.code === "already_running";
      if (!busy || performance.now() > until) throw error;
    }
    if (!told) {
      const holder = livingRecord(path);
      say(`waiting for process ${holder?.pid ?? "?"}, which is fetching ${recipe.name}`);
      told = true;
    }
    await sleep(100);
    if (!existsSync(path) && inCache(recipe, cacheDir)) return undefined;
  }
}

async function fetchProgram(
  recipe: Recipe,
  cacheDir: string,
  release: string,
  say: (line: string) => void,
): Promise<ServerProgram> {
  removeLitter(cacheDir);
  const tried: string[] = [];
  for (const suite of recipe.suites.map((name) => (name === "own" ? release : name))) {
    const stage = join(cacheDir, `${recipe.folder}.${process.pid}.stage`);
    const archive = openArchive(cacheDir, suite, release);
    try {
      say(`looking for ${recipe.name} in Debian ${suite}`);
      await archive.update();
      const version = await archive.offered(recipe.name);
      if (!version || compareVersions(version, recipe.versionMin) < 0) {
        tried.push(`${suite}: ${version ?? "none"}`);
        continue;
      }
      const planned = recipe.alone ? [] : await archive.plan(recipe.name);
      // Already installed but not on PATH, or known to dpkg only: take the package all the same.
      const packages = planned.includes(recipe.name) ? planned : [recipe.name, ...planned];
      say(`fetching ${packages.join(" ")} (${version}) from Debian ${suite}`);
      await archive.unpack(packages, stage);
      if (!inDirectory(recipe, stage)) {
        tried.push(`${suite}: ${version} does not run here`);
        continue;
      }
      return putInPlace(recipe, cacheDir, stage);
    } catch (error) {
      tried.push(`${suite}: ${lastLine(error)}`);
    } finally {
      rmSync(stage, { recursive: true, force: true });
      archive.close();
    }
  }
  throw new ServerError(
    "fetch_failed",
    `Cannot fetch ${recipe.name} >= ${recipe.versionMin} from Debian: ${tried.join("; ")}`,
    {
      hint: `Install it on PATH, or set ${recipe.envName}. Or use Docker: docker compose up -d`,
      retryable: true,
    },
  );
}

/** What fetches that were killed left behind; their process is part of the name. */
function removeLitter(cacheDir: string): void {
  for (const name of readdirSync(cacheDir)) {
    const pid = /^apt-.*-(\d+)$|^\w+\.(\d+)\.(?:stage|old)$/.exec(name)?.slice(1).find(Boolean);
    if (pid === undefined || identify(Number(pid)) !== undefined) continue;
    rmSync(join(cacheDir, name), { recursive: true, force: true });
  }
}

function putInPlace(recipe: Recipe, cacheDir: string, stage: string): ServerProgram {
  const target = join(cacheDir, recipe.folder);
  const old = `${target}.${process.pid}.old`;
  if (existsSync(target)) renameSync(target, old);
  renameSync(stage, target);
  rmSync(old, { recursive: true, force: true });
  const program = inCache(recipe, cacheDir);
  if (program) return program;
  throw new ServerError("fetch_failed", `Cannot run ${recipe.name} after fetching it`, {
    hint: `Remove ${target} and try again.`,
    retryable: true,
  });
}
