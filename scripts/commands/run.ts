// `onhand run stock | forecast | http`: one role of the system in this process, for many machines. Runs until SIGINT,
// SIGTERM or SIGHUP (its terminal was closed), then drains; a second signal ends it at once.
import type { Command } from "commander";
import { describeError } from "../../shared/errors.ts";
import { migrate } from "../../shared/migrate.ts";
import { Database } from "../../shared/postgres.ts";
import {
  type CommonOptions,
  newCommand,
  progress,
  runningSystem,
  usageError,
} from "../command_line.ts";
import { readyLine } from "../ready_line.ts";
import { loadRoles } from "../roles.ts";
import { enterBatchPolicy } from "../servers/batch_policy.ts";
import { onStopSignals } from "../stop_on_signal.ts";

type RunOptions = CommonOptions & { name?: string; threads?: string; port?: string };

type Running = { stop(): Promise<void>; url?: string };

export function command(): Command {
  return newCommand("run", "run one role (stock, forecast, http), for many machines")
    .argument("<role>", "stock: decides; forecast: plans; http: the edge")
    .option("--name <name>", "this process among its kind; must differ from all others")
    .option("--threads <n>", "stock: worker threads that fold shards (default: cores - 1)")
    .option("--port <n>", "http: port to listen on (default 3030)")
    .action((role: string, options: RunOptions) => run(role, options));
}

const ROLE_NAMES = ["stock", "forecast", "http"] as const;
type RoleName = (typeof ROLE_NAMES)[number];

async function run(name: string, options: RunOptions): Promise<void> {
  const role = ROLE_NAMES.find((one) => one === name);
  if (role === undefined)
    throw usageError(`there is no role "${name}": expected ${ROLE_NAMES.join(", ")}`);
  const { config, endpoints } = runningSystem(options);
  enterBatchPolicy();
  const stopped = new Promise<NodeJS.Signals>((resolve) => onStopSignals(resolve));
  const running = await start(role, { config, endpoints });
  const { url } = running;
  if (options.json) process.stdout.write(readyLine(config, endpoints, { role, url }));
  else progress(`onhand ${role} ${config.name} runs${url ? ` at ${url}` : ""}`);
  const signal = await stopped;
  progress(`${signal}: draining`);
  await running.stop();
}

async function start(role: RoleName, options: ReturnType<typeof runningSystem>): Promise<Running> {
  if (role === "http") {
    const { startHttpRole } = await import("../../http/http_role.ts");
    return startHttpRole(options);
  }
  // What it runs is loaded meanwhile, in its threads too.
  if (role === "stock") loadRoles(options.config).catch(() => {});
  await migrateDatabase(options.endpoints.postgres);
  if (role === "forecast") {
    const { startForecastRole } = await import("../../actors/forecast/binding.ts");
    return startForecastRole(options);
  }
  const { startStockRole } = await import("../../actors/stock/binding.ts");
  return startStockRole(options);
}

/** Postgres may be away: then the shards wait for it. */
async function migrateDatabase(url: string): Promise<void> {
  const database = new Database(url, { connectionsMax: 1, name: "onhand migrate" });
  try {
    await migrate(database);
  } catch (error) {
    progress(`cannot migrate: ${describeError(error)}`);
  } finally {
    await database.close();
  }
}
