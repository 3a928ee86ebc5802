// Owns starting nats-server: its configuration file, and rewriting that while it runs.
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectory } from "../make_directory.ts";
import { type NatsSettings, natsConfig } from "./nats_config.ts";
import { writePrivate } from "./private_file.ts";
import { ask } from "./probe.ts";
import { type ResolveOptions, resolveNats } from "./resolve.ts";
import { ServerError } from "./server_error.ts";
import { type RunningServer, startServer } from "./server_process.ts";

/** What may be changed while the server runs. */
export type NatsMapping = Partial<
  Pick<NatsSettings, "shards" | "epoch" | "users" | "mapping" | "payloadBytesMax">
>;

/** `dir` gets nats.conf, nats.pid, nats.log and the streams; it is made when missing. */
export type StartNatsOptions = NatsMapping & {
  dir: string;
  port: number;
  host?: string;
  sync?: NatsSettings["sync"];
  logFile?: string;
  pidFile?: string;
  dieWithParent?: boolean;
  resolve?: ResolveOptions;
};

/** A running nats-server that can be told a new mapping. */
export type NatsServer = RunningServer & {
  readonly configFile: string;
  /** Rewrites the configuration and has it read anew; no client is dropped. Throws ServerError. */
  reload(changes: NatsMapping): Promise<void>;
};

const RELOAD_TIMEOUT_MS = 5_000;

/** Starts nats-server with JetStream and the account mapping. Throws ServerError. */
export async function startNats(options: StartNatsOptions): Promise<NatsServer> {
  const program = await resolveNats(options.resolve);
  const dir = resolve(options.dir);
  makeDirectory(dir);
  const host = options.host ?? "127.0.0.1";
  const configFile = join(dir, "nats.conf");
  const logFile = options.logFile ?? join(dir, "nats.log");
  const serverName = `onhand-${randomBytes(6).toString("hex")}`;
  let settings: NatsSettings = {
    port: options.port,
    host,
    dir, // The server makes "jetstream" in it.
    serverName,
    shards: options.shards ?? 8,
    epoch: options.epoch ?? 1,
    sync: options.sync ?? "default",
    mapping: options.mapping ?? true,
    users: options.users ?? [],
  };
  const server = await startServer({
    kind: "nats",
    url: `nats://${host}:${options.port}`,
    port: options.port,
    pidFile: options.pidFile ?? join(dir, "nats.pid"),
    logFile,
    command: {
      bin: program.bin,
      args: ["-c", configFile],
      env: { GOMAXPROCS: String(goProcessors()), ...process.env, ...program.env },
    },
    // SIGUSR2 would be lame duck mode, which waits for clients; SIGINT closes the stores cleanly.
    stopSignal: "SIGINT",
    stopGraceMs: 10_000,
    prepare: async () => writeConfig(configFile, settings),
    isReady: async () =>
      (await ask(options.port, "", (text) => text.includes("\r\n"), host))?.includes(serverName) ??
      false,
    ...(options.dieWithParent === undefined ? {} : { dieWithParent: options.dieWithParent }),
  });
  const reload = async (changes: NatsMapping): Promise<void> => {
    settings = { ...settings, ...changes };
    writeConfig(configFile, settings);
    if (server.pid === 0) return;
    const from = statSync(logFile).size;
    server.signal("SIGHUP");
    await reloaded(logFile, from);
  };
  return Object.assign(server, { configFile, reload });
}

/**
 * Half of the machine: the other half is for those who decide. On two processors a decision costs a tenth less
 * so, for the server's threads do not wake each other up across them.
 */
function goProcessors(): number {
  return Math.max(1, Math.floor(availableParallelism() / 2));
}

function writeConfig(path: string, settings: NatsSettings): void {
  makeDirectory(dirname(path));
  writePrivate(path, natsConfig(settings));
}

/** Waits for the server's own word, in its log after byte `from`, on the configuration it read. */
async function reloaded(logFile: string, from: number): Promise<void> {
  const until = performance.now() + RELOAD_TIMEOUT_MS;
  while (performance.now() < until) {
    const news = readFileSync(logFile).subarray(from).toString("utf8");
    if (news.includes("Reloaded server configuration")) return;
    const failed = /Failed to reload server configuration:? ?(.*)/.exec(news)?.[1];
    if (failed !== undefined) {
      throw new ServerError("reload_failed", `Cannot reload nats-server: ${failed}`, {
        hint: `See ${logFile}.`,
      });
    }
    await sleep(5);
  }
  throw new ServerError("reload_failed", "Cannot reload nats-server: no answer to SIGHUP", {
    hint: `See ${logFile}.`,
    retryable: true,
  });
}
