// `onhand up`: everything on this machine. Starts the servers (or uses those the environment names),
// prepares topology and database, starts the roles, and says where it answers. Promises:
//   U1 one system per data directory; a second is told who is there,
//   U2 what a killed run left behind is stopped before anything starts,
//   U3 the first signal drains the roles in reverse and stops the servers, exit 0; a second one, at
//      least half a second later, kills; a server that dies comes back on its port.
import { rmSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import type { Config } from "../../shared/config.ts";
import { type Endpoints, endpointsFile } from "../../shared/endpoints.ts";
import { describeError } from "../../shared/errors.ts";
import { type CommonOptions, configFrom, newCommand, progress } from "../command_line.ts";
import { prepareSystem, shardsOfNewLog } from "../prepare.ts";
import { readyLine } from "../ready_line.ts";
import { loadRoles, ROLES, type Role, type RoleContext, type RunningRole } from "../roles.ts";
import { enterBatchPolicy } from "../servers/batch_policy.ts";
import { type LocalServers, startLocalServers } from "../servers/local_servers.ts";
import { type Claim, claimFile, livingRecord } from "../servers/pid_file.ts";
import { requirePort } from "../servers/port.ts";
import { writePrivate } from "../servers/private_file.ts";
import { ServerError } from "../servers/server_error.ts";
import { INTERRUPTED, onStopSignals } from "../stop_on_signal.ts";

type UpOptions = CommonOptions & {
  port?: string;
  host?: string;
  shards?: string;
  threads?: string;
  demo?: boolean;
  demoSpeed: number;
  demoSeed: number;
  demoHistory: number;
};

/** All roles together; below the 30 s docker-compose.yml grants. One that hangs does not keep the system from stopping. */
const DRAIN_MAX_MS = 20_000;
/** How often a system started through npm looks whether npm is still there. */
const PARENT_CHECK_MS = 250;
/** A long log takes long to fold; after this the system is told ready with what runs. */
const SHARDS_WAIT_MAX_MS = 60_000;
const SHARDS_POLL_MS = 25;
const STOPPING = "onhand up, stopping,";
const HISTORY_DAYS_MAX = 1_000;

export function command(): Command {
  return newCommand("up", "run everything on this machine, with servers it finds or fetches")
    .option("--port <port>", "HTTP port (default 3030; 0 = any)")
    .option("--host <address>", "address HTTP listens on (default 127.0.0.1)")
    .option("--shards <count>", "shards of a new log (default: two for each processor, at least 4)")
    .option("--threads <count>", "worker threads that fold shards (default cores - 1)")
    .option("--demo", "add a simulated retail chain that publishes as tills do")
    .option("--demo-speed <factor>", "how much faster than life the chain runs", positive, 60)
    .option("--demo-seed <seed>", "seed of the chain", positive, 1)
    .option("--demo-history <days>", "days of past sales of a new chain", wholeDays, 365)
    .action(up);
}

async function up(options: UpOptions): Promise<void> {
  const { demo, demoSpeed, demoSeed, demoHistory, ...settings } = options;
  const config = configFrom(settings, { ONHAND_LOG_LEVEL: "warn" });
  const say = sayWithClock();
  const claim = await claimData(config.data, say);
  enterBatchPolicy();
  const stopper = listenForSignals(say);
  void stopper.signalled.then(() => claim.rename(STOPPING));
  try {
    await run(
      config,
      demo ? { speed: demoSpeed, seed: demoSeed, historyDays: demoHistory } : undefined,
      say,
      stopper,
      options.json ?? false,
    );
  } finally {
    claim.release();
  }
  process.exit(0);
}

/** Waits for a system that is just stopping; one that goes on running is an error. */
async function claimData(data: string, say: (line: string) => void): Promise<Claim> {
  const path = join(data, "up.pid");
  const since = performance.now();
  for (let told = false; ; ) {
    try {
      const hint = "Stop it first, or start beside it with --data DIR and --port PORT";
      return claimFile(path, "onhand up", hint);
    } catch (error) {
      const busy = error instanceof ServerError && error.code === "already_running";
      const stopping = livingRecord(path)?.name === STOPPING;
      const waitMaxMs = stopping ? DRAIN_MAX_MS * 2 : PARENT_CHECK_MS * 3;
      if (!(error instanceof ServerError)) throw unusable(data, error);
      if (!busy || performance.now() - since > waitMaxMs) throw error;
      if (stopping && !told) say("waiting for the system that is stopping there");
      told ||= stopping;
    }
    await sleep(50);
  }
}

/** What the system said of a data directory that cannot be made or written. */
function unusable(data: string, cause: unknown): ServerError {
  const why = describeError(cause);
  const hint = "Give another with --data DIR, or ONHAND_DATA.";
  return new ServerError("start_failed", `Cannot use the data directory ${data}: ${why}`, {
    hint,
    cause,
  });
}

async function run(
  config: Config,
  demo: RoleContext["demo"],
  say: (line: string) => void,
  stopper: Stopper,
  asJson: boolean,
): Promise<void> {
  // Port 0 as well: the address may be none of ours.
  const hint = "Stop what uses it, or take another: npm start -- --port 4000";
  await requirePort(config.port, "HTTP", hint, config.host);
  const starting = startLocalServers({ dir: config.data, ...addresses(config), say });
  loadRoles(config).catch(() => {});
  const servers = await starting;
  stopper.onForce(() => servers.kill());
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (error) => {
    say(`broken: ${describeError(error)}; stopping`);
    process.stderr.write(`${error.stack ?? ""}\n`);
    void servers.stop().finally(() => process.exit(1));
  });
  const running: { role: Role; handle: RunningRole }[] = [];
  try {
    const context = await contextOf(config, servers, demo, say);
    const start = async (roles: readonly Role[]) => {
      for (const role of roles) {
        if (stopper.stopped || (role.when && !role.when(context))) continue;
        const handle = await role.start(context);
        running.push({ role, handle });
        if (handle.url !== undefined) context.endpoints.http = handle.url;
        say(`${role.name} runs`);
      }
    };
    await start(ROLES.filter((role) => !role.afterShards));
    await shardsRun(context, stopper);
    await start(ROLES.filter((role) => role.afterShards));
    writeEndpoints(config.data, context.endpoints);
    const { http: url } = context.endpoints;
    const told = asJson
      ? readyLine(config, context.endpoints, { url })
      : `Onhand is ready at ${url}\n`;
    if (!stopper.stopped) process.stdout.write(told);
    await stopper.signalled;
  } finally {
    rmSync(endpointsFile(config.data), { force: true });
    await drain(running, say);
    await servers.stop();
    say("stopped");
  }
}

async function contextOf(
  config: Config,
  servers: LocalServers,
  demo: RoleContext["demo"],
  say: (line: string) => void,
): Promise<RoleContext> {
  const { nats, postgres, redis } = servers;
  const topology = await prepareSystem(config, { nats, postgres, redis }, servers, say);
  const endpoints: Endpoints = { nats, postgres, redis };
  return { config, endpoints, topology, say, ...(demo === undefined ? {} : { demo }) };
}

/** Waits until every shard is folded and answers, or is halted: such a one must not keep the rest down. */
async function shardsRun(context: RoleContext, stopper: Stopper): Promise<void> {
  const url = `${context.endpoints.http}/readyz`;
  const until = performance.now() + SHARDS_WAIT_MAX_MS;
  while (!stopper.stopped) {
    const told = await readiness(url);
    if (told?.ready) return;
    const { list = [], owned = 0, total = 0 } = told?.shards ?? {};
    const halted = list.filter(({ state }) => state === "halted").map(({ shard }) => shard);
    if (halted.length > 0 && owned + halted.length === total) {
      context.say(`halted, of ${total} shards: ${halted.join(", ")}; see ${url}`);
      return;
    }
    if (performance.now() > until) {
      context.say(`not every shard runs yet: see ${url}`);
      return;
    }
    await sleep(SHARDS_POLL_MS);
  }
}

/** What /readyz tells. */
type Readiness = {
  ready: boolean;
  shards: { total: number; owned: number; list: { shard: number; state?: string }[] };
};

/** Not by `fetch`: to load and compile it takes a tenth of a second, and nothing else here needs it. */
function readiness(url: string): Promise<Readiness | undefined> {
  return new Promise((resolve) => {
    const request = get(url, async (answer) => {
      try {
        resolve(JSON.parse(Buffer.concat(await answer.toArray()).toString()) as Readiness);
      } catch {
        resolve(undefined);
      }
    });
    request.on("error", () => resolve(undefined));
  });
}

function addresses(config: Config) {
  const { natsUrl, databaseUrl, redisUrl, natsServer, redisServer, serversCache } = config;
  return {
    ...(natsUrl === undefined ? {} : { natsUrl }),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(redisUrl === undefined ? {} : { redisUrl }),
    resolve: {
      ...(natsServer === undefined ? {} : { natsServer }),
      ...(redisServer === undefined ? {} : { redisServer }),
      ...(serversCache === undefined ? {} : { cacheDir: serversCache }),
    },
    shards: config.shards ?? shardsOfNewLog(),
    sync: config.natsSync,
  };
}

/** Addresses may carry passwords. */
function writeEndpoints(data: string, endpoints: Endpoints): void {
  const content = { ...endpoints, pid: process.pid };
  writePrivate(endpointsFile(data), `${JSON.stringify(content, null, 2)}\n`);
}

/** Each role may take its even share of the time that is left, so that one that hangs leaves the rest theirs. */
export async function drain(
  running: readonly { role: Pick<Role, "name">; handle: RunningRole }[],
  say: (line: string) => void,
  maxMs = DRAIN_MAX_MS,
): Promise<void> {
  const until = performance.now() + maxMs;
  for (const [index, { role, handle }] of [...running.entries()].reverse()) {
    const shareMs = Math.max(0, until - performance.now()) / (index + 1);
    const timeout = sleep(shareMs, "late" as const, { ref: false });
    try {
      const outcome = await Promise.race([handle.stop(), timeout]);
      if (outcome === "late") say(`${role.name} does not drain; going on without it`);
    } catch (error) {
      say(`${role.name} did not drain: ${describeError(error)}`);
    }
  }
}

type Stopper = {
  readonly stopped: boolean;
  /** Resolves at the first signal. */
  readonly signalled: Promise<void>;
  onForce(kill: () => Promise<void>): void;
};

function listenForSignals(say: (line: string) => void): Stopper {
  let kill: (() => Promise<void>) | undefined;
  let stopped = false;
  const { promise: signalled, resolve: signal } = Promise.withResolvers<void>();
  const first = (name: NodeJS.Signals) => {
    if (kill === undefined) {
      // Still finding, fetching and starting servers: nothing to drain, and they stop with us.
      say(`${name}: stopped while starting`);
      process.exit(INTERRUPTED);
    }
    stopped = true;
    say(`${name}: draining; once more to kill`);
    signal();
  };
  const handle = onStopSignals(first, (name) => {
    say(`${name} again: killing`);
    void kill?.().finally(() => process.exit(INTERRUPTED));
  });
  // Waiting for a signal does not keep a process alive; with nothing of its own to run, this does.
  setInterval(() => {}, 60_000);
  onParentGone(() => {
    if (!stopped) handle("SIGHUP");
  });
  return {
    get stopped() {
      return stopped;
    },
    signalled,
    onForce: (next) => {
      kill = next;
    },
  };
}

/** A killed npm passes no signal on. Without this the system would go on with nobody to stop it. */
function onParentGone(listener: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    listener();
  }, PARENT_CHECK_MS);
  timer.unref();
}

function sayWithClock(): (line: string) => void {
  const since = performance.now();
  return (line) => progress(`[${((performance.now() - since) / 1000).toFixed(2)} s] ${line}`);
}

function wholeDays(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= HISTORY_DAYS_MAX) return value;
  throw new InvalidArgumentError(`expected 0 to ${HISTORY_DAYS_MAX}`);
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError("expected a number > 0");
  return value;
}
