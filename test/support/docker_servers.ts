// Owns servers in containers (ONHAND_TEST_SERVERS=docker): the same as the local ones to a test, from
// the stock images docker-compose.yml names. A container keeps its port and data when it is stopped or
// killed and started again; it is removed at the end of the run, by testcontainers' own reaper, or by the next run.
import { execFileSync } from "node:child_process";
import { createWriteStream, writeFileSync } from "node:fs";
import { constants, hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import type { StartedTestContainer } from "testcontainers";
import type { NatsMapping, NatsServer, StartNatsOptions } from "../../scripts/servers/nats.ts";
import { type NatsSettings, natsConfig } from "../../scripts/servers/nats_config.ts";
import { freePort } from "../../scripts/servers/port.ts";
import type { StartPostgresOptions } from "../../scripts/servers/postgres.ts";
import { POSTGRES_LOCKS } from "../../scripts/servers/postgres_home.ts";
import { ask } from "../../scripts/servers/probe.ts";
import type { StartRedisOptions } from "../../scripts/servers/redis.ts";
import type { RunningServer, ServerKind } from "../../scripts/servers/server_process.ts";

const IMAGES: Record<ServerKind, string> = {
  nats: "nats:2.15-alpine",
  redis: "redis:8-alpine",
  postgres: "postgres:18-alpine",
};
const INNER_PORTS: Record<ServerKind, number> = { nats: 4222, redis: 6379, postgres: 5432 };
/** Every container of ours carries it, with the run's directory as value. */
const RUN_LABEL = "onhand.test.run";
/** The machine of the run: an engine may serve several, and only it knows which runs live there. */
const HOST_LABEL = "onhand.test.host";
/** What the engine answers when another removed the container, or is just doing so. */
const GONE = new Set([404, 409]);
const READY_TIMEOUT_MS = 60_000;

type ContainerSpec = {
  kind: ServerKind;
  runDir: string;
  port: number | undefined;
  command: string[];
  environment?: Record<string, string>;
  files?: { content: string; target: string }[];
  /** A directory of this machine that the server keeps its data in, as this user. */
  dir?: string;
  url: (host: string, port: number) => string;
  isReady: (host: string, port: number) => Promise<boolean>;
};

/** nats-server in a container, with our configuration; its streams are in `dir` when it is given. */
export async function dockerNats(
  runDir: string,
  options: Partial<StartNatsOptions>,
): Promise<NatsServer> {
  const target = "/etc/onhand/nats.conf";
  let settings: NatsSettings = {
    host: "0.0.0.0",
    port: INNER_PORTS.nats,
    dir: "/data",
    shards: options.shards ?? 8,
    epoch: options.epoch ?? 1,
    sync: options.sync ?? "default",
    mapping: options.mapping ?? true,
    users: options.users ?? [],
  };
  const { server, container } = await startContainer({
    kind: "nats",
    runDir,
    port: options.port,
    command: ["-c", target],
    files: [{ content: natsConfig(settings), target }],
    ...(options.dir === undefined ? {} : { dir: options.dir }),
    url: (host, port) => `nats://${host}:${port}`,
    isReady: async (host, port) =>
      (await ask(port, "", (text) => text.includes("\r\n"), host))?.startsWith("INFO ") ?? false,
  });
  const reload = async (changes: NatsMapping) => {
    settings = { ...settings, ...changes };
    await container.copyContentToContainer([{ content: natsConfig(settings), target }]);
    server.signal("SIGHUP");
    await sleep(500);
  };
  return Object.assign(server, { configFile: target, reload });
}

/** redis-server in a container. */
export async function dockerRedis(
  runDir: string,
  options: Partial<StartRedisOptions>,
): Promise<RunningServer> {
  const databases = String(options.databases ?? 16);
  const { server } = await startContainer({
    kind: "redis",
    runDir,
    port: options.port,
    command: ["--save", "", "--appendonly", "no", "--databases", databases],
    url: (host, port) => `redis://${host}:${port}`,
    isReady: async (host, port) =>
      (await ask(port, "PING\r\n", (text) => text.includes("\r\n"), host)) === "+PONG\r\n",
  });
  return server;
}

/** Postgres in a container, settings as for the local one. */
export async function dockerPostgres(
  runDir: string,
  options: Partial<StartPostgresOptions>,
): Promise<RunningServer> {
  const settings = [
    "max_connections=200",
    `max_locks_per_transaction=${POSTGRES_LOCKS}`,
    "max_wal_size=4GB",
    ...(options.settings ?? []),
  ];
  const url = (host: string, port: number) => `postgres://onhand:onhand@${host}:${port}/onhand`;
  const { server } = await startContainer({
    kind: "postgres",
    runDir,
    port: options.port,
    command: settings.flatMap((setting) => ["-c", setting]),
    environment: { POSTGRES_USER: "onhand", POSTGRES_PASSWORD: "onhand", POSTGRES_DB: "onhand" },
    url,
    isReady: async (host, port) => {
      const sql = postgres(url(host, port), { max: 1, connect_timeout: 2, onnotice: () => {} });
      try {
        await sql`select 1`;
        return true;
      } catch {
        return false;
      } finally {
        await sql.end({ timeout: 1 });
      }
    },
  });
  return server;
}

/** The part of the engine that finds and removes containers. */
export type Engine = {
  listContainers(options: {
    all: true;
    filters: { label: string[] };
  }): Promise<{ Id: string; Labels: Record<string, string> }[]>;
  getContainer(id: string): { remove(options: { force: true; v: true }): Promise<unknown> };
};

/** Removes the containers of this machine's runs whose directory `isOver` tells to be over. */
export async function removeContainers(
  isOver: (runDir: string) => boolean,
  engine?: Engine,
): Promise<void> {
  const docker = engine ?? (await ourEngine());
  const filters = { label: [RUN_LABEL, `${HOST_LABEL}=${hostname()}`] };
  for (const { Id, Labels } of await docker.listContainers({ all: true, filters })) {
    if (!isOver(Labels[RUN_LABEL] ?? "")) continue;
    await docker
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch((error: { statusCode?: number }) => {
        if (!GONE.has(error.statusCode ?? 0)) throw error;
      });
  }
}

async function ourEngine(): Promise<Engine> {
  const { getContainerRuntimeClient } = await import("testcontainers");
  return (await getContainerRuntimeClient()).container.dockerode;
}

async function startContainer(
  spec: ContainerSpec,
): Promise<{ server: RunningServer; container: StartedTestContainer }> {
  const { GenericContainer, getContainerRuntimeClient } = await import("testcontainers");
  const inner = INNER_PORTS[spec.kind];
  const port = spec.port ?? (await freePort());
  const image = new GenericContainer(IMAGES[spec.kind]);
  if (spec.dir !== undefined) {
    image.withBindMounts([{ source: spec.dir, target: "/data" }]);
    image.withUser(`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`);
  }
  const container = await image
    .withLabels({ [RUN_LABEL]: spec.runDir, [HOST_LABEL]: hostname() })
    .withExposedPorts({ container: inner, host: port })
    .withEnvironment(spec.environment ?? {})
    .withCopyContentToContainer(spec.files ?? [])
    .withCommand(spec.command)
    .start();
  const host = container.getHost();
  const client = (await getContainerRuntimeClient()).container.dockerode;
  const handle = client.getContainer(container.getId());
  const listeners: ((how: string) => void)[] = [];
  let running = true;
  let expected = false;
  /** Settles when the container has ended and whoever listens was told. */
  let gone: Promise<void> = Promise.resolve();
  const logFile = join(spec.runDir, `${spec.kind}-${container.getId().slice(0, 12)}.log`);
  writeFileSync(logFile, "");
  /** The engine tells the whole log again after a restart, so the file begins anew too. */
  const keepLog = async () => {
    const log = await handle.logs({ follow: true, stdout: true, stderr: true });
    const file = createWriteStream(logFile).on("error", () => {});
    client.modem.demuxStream(log, file, file);
    log.on("end", () => file.end());
  };
  const watch = () => {
    gone = handle.wait().then(({ StatusCode }: { StatusCode: number }) => {
      running = false;
      if (!expected) for (const listener of listeners) listener(howItEnded(StatusCode));
    });
    void keepLog().catch(() => {});
  };
  const waitReady = async () => {
    const until = performance.now() + READY_TIMEOUT_MS;
    while (!(await spec.isReady(host, port))) {
      if (performance.now() > until) throw new Error(`${spec.kind} in a container is not ready`);
      await sleep(50);
    }
  };
  watch();
  await waitReady();
  const server: RunningServer = {
    kind: spec.kind,
    url: spec.url(host, port),
    port,
    logFile,
    get pid() {
      return running ? 1 : 0;
    },
    start: async () => {
      if (running) return;
      expected = false;
      // Asked from the beginning: while a container starts, the engine takes connections to its port and
      // keeps them waiting for about a second. With ours those of the test's clients are through too.
      const ready = waitReady();
      const started = handle.start().then(() => {
        running = true;
        watch();
      });
      await Promise.all([started, ready]);
    },
    stop: async () => {
      if (!running) return;
      expected = true;
      await handle.stop({ t: 10 });
      await gone;
    },
    kill: async () => {
      expected = true;
      await handle.kill({ signal: "SIGKILL" });
      await gone;
    },
    signal: (signal) => {
      // A frozen process 1 is a matter of the engine: docker pause, not SIGSTOP. It is frozen on return,
      // as a process of ours is, so this must block: only the command line can.
      const docker = (verb: string) =>
        execFileSync("docker", [verb, container.getId()], { stdio: "ignore" });
      if (signal === "SIGSTOP") docker("pause");
      else if (signal === "SIGCONT") docker("unpause");
      else void handle.kill({ signal });
    },
    onCrash: (listener) => {
      listeners.push(listener);
    },
  };
  return { server, container };
}

/** As a process of ours tells it: the engine adds 128 to the number of a signal. */
function howItEnded(code: number): string {
  const signals = Object.entries(constants.signals);
  const signal = signals.find(([, number]) => number === code - 128);
  return signal === undefined ? `exit code ${code}` : `signal ${signal[0]}`;
}
