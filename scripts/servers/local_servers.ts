// Owns the servers under a data directory for as long as a system runs there: NATS, Postgres and
// Redis as children, each unless an address for it was given. Promises that one that dies comes back
// on the same port and data, and that the directory's ports stay the same from start to start.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "../../shared/errors.ts";
import { makeDirectory } from "../make_directory.ts";
import { type NatsMapping, type NatsServer, startNats } from "./nats.ts";
import type { NatsSync, NatsUser } from "./nats_config.ts";
import { freePort } from "./port.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";
import type { ResolveOptions } from "./resolve.ts";
import { ServerError } from "./server_error.ts";
import type { RunningServer, ServerKind } from "./server_process.ts";

/** Addresses given here are used instead of starting a server. `shards` is for a new log only. */
export type LocalServersOptions = {
  dir: string;
  natsUrl?: string;
  databaseUrl?: string;
  redisUrl?: string;
  shards: number;
  sync?: NatsSync;
  users?: readonly NatsUser[];
  say: (line: string) => void;
  resolve?: ResolveOptions;
};

export type LocalServers = {
  readonly nats: string;
  readonly postgres: string;
  readonly redis: string;
  /** Our own servers; those whose address was given are not among them. */
  readonly own: readonly RunningServer[];
  /** Maps commands to this epoch and shard count; a server that is not ours is left alone. */
  setMapping(mapping: { epoch: number; shards: number }): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
};

/** Tried first, so that `nats pub` needs no address; another is taken when it is not free. */
const PORTS_PREFERRED: Record<ServerKind, number> = { nats: 4222, postgres: 15_432, redis: 16_379 };
const RESTART_DELAY_MIN_MS = 100;
const RESTART_DELAY_MAX_MS = 5_000;

type Memory = Partial<Record<ServerKind, number>> & { epoch?: number; shards?: number };

/** Starts what is missing, all at once. On failure nothing stays running. Throws ServerError. */
export async function startLocalServers(options: LocalServersOptions): Promise<LocalServers> {
  makeDirectory(options.dir);
  const memory = readMemory(options.dir);
  const mapping = { epoch: memory.epoch ?? 1, shards: memory.shards ?? options.shards };
  const outcomes = await Promise.allSettled([
    options.natsUrl ?? startOne("nats", options, memory, (port) => nats(options, port, mapping)),
    options.databaseUrl ?? startOne("postgres", options, memory, (port) => postgres(options, port)),
    options.redisUrl ?? startOne("redis", options, memory, (port) => redis(options, port)),
  ]);
  const own = outcomes.flatMap((outcome) =>
    outcome.status === "fulfilled" && typeof outcome.value !== "string" ? [outcome.value] : [],
  );
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) {
    await Promise.all(own.map((server) => server.stop()));
    throw failed.reason;
  }
  const address = (kind: ServerKind, given: string | undefined): string =>
    given ?? own.find((server) => server.kind === kind)?.url ?? "";
  for (const server of own) memory[server.kind] = server.port;
  writeMemory(options.dir, { ...memory, ...mapping });
  let stopping = false;
  for (const server of own) keepAlive(server, options.say, () => stopping);
  return {
    nats: address("nats", options.natsUrl),
    postgres: address("postgres", options.databaseUrl),
    redis: address("redis", options.redisUrl),
    own,
    setMapping: async (next) => {
      const server = own.find((one) => one.kind === "nats") as NatsServer | undefined;
      if (!server || (next.epoch === mapping.epoch && next.shards === mapping.shards)) return;
      await server.reload(next satisfies NatsMapping);
      Object.assign(mapping, { epoch: next.epoch, shards: next.shards });
      writeMemory(options.dir, { ...readMemory(options.dir), ...mapping });
    },
    stop: async () => {
      stopping = true;
      await Promise.all(own.map((server) => server.stop()));
    },
    kill: async () => {
      stopping = true;
      await Promise.all(own.map((server) => server.kill()));
    },
  };
}

function nats(options: LocalServersOptions, port: number, mapping: NatsMapping) {
  return startNats({
    dir: join(options.dir, "nats"),
    logFile: logFile(options, "nats"),
    port,
    ...mapping,
    ...(options.sync === undefined ? {} : { sync: options.sync }),
    ...(options.users === undefined ? {} : { users: options.users }),
    resolve: { onProgress: options.say, ...options.resolve },
  });
}

function postgres(options: LocalServersOptions, port: number): Promise<RunningServer> {
  return startPostgres({
    dir: join(options.dir, "postgres"),
    logFile: logFile(options, "postgres"),
    port,
    onProgress: options.say,
  });
}

function redis(options: LocalServersOptions, port: number): Promise<RunningServer> {
  return startRedis({
    dir: join(options.dir, "redis"),
    logFile: logFile(options, "redis"),
    port,
    resolve: { onProgress: options.say, ...options.resolve },
  });
}

function logFile(options: LocalServersOptions, kind: ServerKind): string {
  return join(options.dir, "log", `${kind}.log`);
}

/** Starts one server on the port it had, else its usual one, else any that is free. */
async function startOne<T extends RunningServer>(
  kind: ServerKind,
  options: LocalServersOptions,
  memory: Memory,
  start: (port: number) => Promise<T>,
): Promise<T> {
  const since = performance.now();
  const remembered = memory[kind];
  for (let attempt = 1; ; attempt++) {
    const preferred = [...(remembered ? [remembered] : []), PORTS_PREFERRED[kind]];
    const port = await freePort(attempt === 1 ? preferred : []);
    try {
      const server = await start(port);
      const tookMs = Math.round(performance.now() - since);
      options.say(`${kind} is ready on port ${server.port} (${tookMs} ms)`);
      return server;
    } catch (error) {
      const taken = error instanceof ServerError && error.code === "port_taken";
      if (!taken || attempt >= 5) throw error;
    }
  }
}

/** Starts a server again whenever it dies, with growing pauses, until the system stops. */
function keepAlive(
  server: RunningServer,
  say: (line: string) => void,
  isStopping: () => boolean,
): void {
  server.onCrash(async (how) => {
    say(`${server.kind} died (${how}); starting it again on port ${server.port}`);
    for (let delayMs = RESTART_DELAY_MIN_MS; !isStopping(); ) {
      try {
        await server.start();
        if (isStopping()) await server.stop();
        else say(`${server.kind} is back on port ${server.port}`);
        return;
      } catch (error) {
        say(`${server.kind} does not start: ${describeError(error)}`);
        await sleep(delayMs);
        delayMs = Math.min(delayMs * 2, RESTART_DELAY_MAX_MS);
      }
    }
  });
}

function readMemory(dir: string): Memory {
  try {
    return JSON.parse(readFileSync(join(dir, "servers.json"), "utf8")) as Memory;
  } catch {
    return {};
  }
}

function writeMemory(dir: string, memory: Memory): void {
  const path = join(dir, "servers.json");
  writeFileSync(`${path}.new`, `${JSON.stringify(memory, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
