// Owns starting Postgres: making its cluster once, whole or not at all, and running it.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { identify } from "../../shared/process_identity.ts";
import { makeDirectory } from "../make_directory.ts";
import { endProcess } from "./end_process.ts";
import {
  makeOwned,
  POSTGRES_LOCKS,
  type PostgresPlace,
  postgresPlace,
  postgresVersion,
} from "./postgres_home.ts";
import { newPassword, readIfThere, writePrivate } from "./private_file.ts";
import { lastLine, ServerError } from "./server_error.ts";
import { deathSignal, type RunningServer, startServer } from "./server_process.ts";

/** `dir` gets the cluster in `dir/data`, postgres.pid and postgres.log. */
export type StartPostgresOptions = {
  dir: string;
  port: number;
  /** Extra `name=value` settings, after ours. */
  settings?: readonly string[];
  logFile?: string;
  pidFile?: string;
  dieWithParent?: boolean;
  onProgress?: (line: string) => void;
};

/** User and database of the cluster. */
export const POSTGRES_NAME = "onhand";

/**
 * Sized for a machine that also runs everything else. Commits reach the disk before they are told
 * (synchronous_commit on); max_wal_size keeps checkpoints from bunching under bulk import, and until there are old WAL
 * files to use again, new ones are not filled with zeros first (a tenth of a commit's work). Room for the locks of look-ups in
 * many partitions costs 18 MB (docs/decisions/0010-ledger-partitions.md).
 */
const SETTINGS = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "max_connections=200",
  `max_locks_per_transaction=${POSTGRES_LOCKS}`,
  "shared_buffers=256MB",
  "max_wal_size=4GB",
  "checkpoint_timeout=15min",
  "wal_init_zero=off",
  "synchronous_commit=on",
  "timezone=UTC",
  "log_timezone=UTC",
];

/** Starts Postgres on loopback with a password of its own, making the cluster first if there is none. Throws ServerError. */
export async function startPostgres(options: StartPostgresOptions): Promise<RunningServer> {
  const dir = resolve(options.dir);
  makeDirectory(dir);
  const place = postgresPlace(join(dir, "data"));
  const passwordFile = join(place.data, PASSWORD_FILE);
  const password = readIfThere(passwordFile) ?? newPassword();
  const flags = [...SETTINGS, ...(options.settings ?? [])].flatMap((setting) => ["-c", setting]);
  const started = startServer({
    kind: "postgres",
    url: `postgres://${POSTGRES_NAME}:${password}@127.0.0.1:${options.port}/${POSTGRES_NAME}`,
    port: options.port,
    pidFile: options.pidFile ?? join(dir, "postgres.pid"),
    logFile: options.logFile ?? join(dir, "postgres.log"),
    command: {
      bin: join(place.home, "bin", "postgres"),
      args: ["-D", place.data, "-p", String(options.port), ...flags],
      env: serverEnv(),
      prefix: place.prefix,
      ...(place.uid === undefined ? {} : { uid: place.uid }),
      ...(place.gid === undefined ? {} : { gid: place.gid }),
    },
    // Fast shutdown: open transactions are rolled back, nothing waits for clients.
    stopSignal: "SIGINT",
    stopGraceMs: 15_000,
    prepare: async () => {
      if (existsSync(join(place.data, "PG_VERSION"))) {
        await endLeftOver(place.data);
        // A cluster of before there were passwords.
        if (!existsSync(passwordFile)) await lock(place, place.data, password);
      } else await makeCluster(place, password, options.onProgress ?? (() => {}));
    },
    isReady: async (pid) => {
      const lines = postmasterLines(place.data);
      return lines[0] === String(pid) && lines[7] === "ready";
    },
    ...(options.dieWithParent === undefined ? {} : { dieWithParent: options.dieWithParent }),
  });
  return started.catch((error: unknown) => {
    requireMajor(place);
    throw error;
  });
}

/**
 * Says so when a start failed because the cluster is of another major version: what Postgres says then is hard to
 * understand, and to ask for the version first takes a tenth of a second of every start.
 */
function requireMajor({ home, data }: PostgresPlace): void {
  const made = readIfThere(join(data, "PG_VERSION"))?.trim() ?? "";
  const version = postgresVersion(home) ?? "unknown";
  if (made === "" || Number.parseInt(version, 10) === Number.parseInt(made, 10)) return;
  throw new ServerError(
    "server_unusable",
    `Cannot use the Postgres in ${home}: it is ${version}, and the data in ${data} was made by ${made}`,
    { hint: `Set ONHAND_POSTGRES_HOME to a Postgres ${made}, or move the data over with pg_dump.` },
  );
}

const WHO_MAY_CONNECT = "host all all 127.0.0.1/32 scram-sha-256\n";
/** In the cluster, so that it goes where that goes. */
const PASSWORD_FILE = "onhand.password";

/** Lets nobody into a cluster that does not run without `password`, which it keeps. */
async function lock(place: PostgresPlace, data: string, password: string): Promise<void> {
  // The password is random: there is nothing that many rounds of hashing would protect.
  const alter = `set scram_iterations = 1;\nalter role ${POSTGRES_NAME} password '${password}';\n`;
  await runProgram(place, "postgres", ["--single", "-D", data, "postgres"], alter);
  writeFileSync(join(data, "pg_hba.conf"), WHO_MAY_CONNECT);
  writePrivate(join(data, PASSWORD_FILE), password);
}

/** Builds the cluster beside its place and renames it there, so that a kill leaves none or all. */
async function makeCluster(
  place: PostgresPlace,
  password: string,
  say: (line: string) => void,
): Promise<void> {
  say(`making a Postgres cluster (${place.how}) in ${place.data}`);
  const stage = `${place.data}.new`;
  rmSync(stage, { recursive: true, force: true });
  makeOwned(place, stage);
  const initdb = ["-D", stage, "-U", POSTGRES_NAME, "-A", "trust", "--no-sync"];
  await runProgram(place, "initdb", [...initdb, "--locale=C", "--encoding=UTF8"]);
  const create = `create database ${POSTGRES_NAME};\n`;
  await runProgram(place, "postgres", ["--single", "-F", "-D", stage, "postgres"], create);
  await lock(place, stage, password);
  makeDirectory(dirname(place.data));
  renameSync(stage, place.data);
}

async function runProgram(
  place: PostgresPlace,
  program: string,
  args: readonly string[],
  input = "",
): Promise<void> {
  // Killed with this process: one that went on, or cleaned up, would do so in the cluster of the next start.
  const prefix = [...place.prefix, ...deathSignal("SIGKILL")];
  const line = [...prefix, join(place.home, "bin", program), ...args];
  const child = spawn(line[0] ?? program, line.slice(1), {
    cwd: "/",
    env: serverEnv(),
    stdio: ["pipe", "ignore", "pipe"],
    ...(place.uid === undefined ? {} : { uid: place.uid, gid: place.gid ?? place.uid }),
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  // One that fails before it has read all of it says why itself.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const failure = await new Promise<string | undefined>((done) => {
    child.once("error", (error) => done(error.message));
    child.once("close", (code) => done(code === 0 ? undefined : faultIn(stderr) || `exit ${code}`));
  });
  if (failure === undefined) return;
  throw new ServerError("start_failed", `Cannot make a Postgres cluster: ${program}: ${failure}`, {
    hint: "Set ONHAND_DATABASE_URL to use a Postgres you already have.",
  });
}

/** What initdb and postgres call a fault; they end with what they tidied up. */
function faultIn(stderr: string): string {
  return (
    stderr.split("\n").find((line) => /\b(error|fatal|panic):/i.test(line)) ?? lastLine(stderr)
  );
}

/**
 * Deals with postmaster.pid of a server that was killed: if that very server still runs, it is
 * stopped; else the file goes, for Postgres would refuse to start when its pid has been reused.
 */
async function endLeftOver(data: string): Promise<void> {
  const pid = Number(postmasterLines(data)[0] ?? 0);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const identity = identify(pid);
  const command = identity ? commandLine(pid) : "";
  if (identity && command.includes("postgres") && command.includes(data)) {
    await endProcess(identity, "SIGINT", 15_000);
  }
  rmSync(join(data, "postmaster.pid"), { force: true });
}

function postmasterLines(data: string): string[] {
  try {
    const text = readFileSync(join(data, "postmaster.pid"), "utf8");
    return text.split("\n").map((line) => line.trim());
  } catch {
    return [];
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC" };
}
