// Owns the servers of one vitest run: starts them before the first test, stops them after the last.
// However the run ends they end too: on a signal they are stopped here, when this process is killed
// the kernel stops them, and what is left of earlier runs is swept at the next start.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startNats } from "../../scripts/servers/nats.ts";
import { claimFile, livingRecord } from "../../scripts/servers/pid_file.ts";
import { startPostgres } from "../../scripts/servers/postgres.ts";
import { startRedis } from "../../scripts/servers/redis.ts";
import { endOrphan, type RunningServer } from "../../scripts/servers/server_process.ts";
import { dockerNats, dockerPostgres, dockerRedis, removeContainers } from "./docker_servers.ts";
import { onFreePort, REDIS_DATABASES, type SharedServers } from "./servers.ts";

/** Nothing of a test run is worth a flush to disk. */
const POSTGRES_SETTINGS = ["fsync=off"];
const RUN_PREFIX = "onhand-test-";
/** A run directory younger than this may belong to a run that is just starting. */
const SWEEP_AGE_MIN_MS = 60_000;

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A run within a run: those of the outer one, as JSON.
  const given = process.env.ONHAND_TEST_SERVERS_GIVEN;
  if (given !== undefined) {
    project.provide("servers", JSON.parse(given) as SharedServers);
    return async () => {};
  }
  const mode = process.env.ONHAND_TEST_SERVERS ?? "local";
  if (mode === "docker") await removeContainers((dir) => !isRunning(dir));
  await sweepDeadRuns();
  const runDir = mkdtempSync(join(tmpdir(), RUN_PREFIX));
  const claim = claimFile(join(runDir, "run.pid"), "vitest", "");
  const cleanUp = () => {
    claim.release();
    rmSync(runDir, { recursive: true, force: true });
  };
  try {
    const started = await startAll(mode, runDir);
    project.provide("servers", started.servers);
    return async () => {
      await started.stop();
      cleanUp();
    };
  } catch (error) {
    cleanUp();
    throw error;
  }
}

type Started = { servers: SharedServers; stop(): Promise<void> };

async function startAll(mode: string, runDir: string): Promise<Started> {
  if (mode === "local") {
    const servers = [
      onFreePort(undefined, (port) => startNats({ dir: join(runDir, "nats"), port })),
      onFreePort(undefined, (port) =>
        startRedis({ dir: join(runDir, "redis"), port, databases: REDIS_DATABASES }),
      ),
      onFreePort(undefined, (port) =>
        startPostgres({ dir: join(runDir, "postgres"), port, settings: POSTGRES_SETTINGS }),
      ),
    ];
    return whenReady("local", runDir, servers, async () => {});
  }
  if (mode === "docker") {
    const servers = [
      dockerNats(runDir, {}),
      dockerRedis(runDir, { databases: REDIS_DATABASES }),
      dockerPostgres(runDir, { settings: POSTGRES_SETTINGS }),
    ];
    return whenReady("docker", runDir, servers, () => removeContainers((dir) => dir === runDir));
  }
  throw new Error(`ONHAND_TEST_SERVERS is ${mode}, expected local or docker`);
}

async function whenReady(
  mode: SharedServers["mode"],
  runDir: string,
  starting: Promise<RunningServer>[],
  cleanUp: () => Promise<void>,
): Promise<Started> {
  const outcomes = await Promise.allSettled(starting);
  const running = outcomes.flatMap((outcome) =>
    outcome.status === "fulfilled" ? [outcome.value] : [],
  );
  const stop = async () => {
    await Promise.all(running.map((server) => server.stop()));
    await cleanUp();
  };
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const url = (kind: string) => running.find((server) => server.kind === kind)?.url ?? "";
  const servers = {
    nats: url("nats"),
    redis: url("redis"),
    postgres: url("postgres"),
    runDir,
    mode,
  };
  return { servers, stop };
}

const isRunning = (runDir: string): boolean => livingRecord(join(runDir, "run.pid")) !== undefined;

/** Ends the servers and removes the files of runs whose process is gone. */
async function sweepDeadRuns(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(RUN_PREFIX))) {
    const dir = join(tmpdir(), name);
    try {
      if (isRunning(dir)) continue;
      if (Date.now() - statSync(dir).mtimeMs < SWEEP_AGE_MIN_MS) continue;
      for (const pidFile of pidFiles(dir)) await endOrphan(pidFile, "SIGKILL", 1_000);
      rmSync(dir, { recursive: true, force: true });
    } catch {
      // Another user's, or being swept by another run: not ours to remove.
    }
  }
}

function pidFiles(runDir: string): string[] {
  mkdirSync(runDir, { recursive: true });
  return readdirSync(runDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const dir = join(runDir, entry.name);
      return readdirSync(dir)
        .filter((file) => /^(nats|redis|postgres)\.pid$/.test(file))
        .map((file) => join(dir, file));
    });
}
