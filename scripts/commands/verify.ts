// `onhand verify`: folds ledger and log again and compares with Postgres and Redis, level by level. Exit 1 when
// anything differs; `--repair` makes the registry right again from the fold.
import type { Command } from "commander";
import { Database } from "../../shared/postgres.ts";
import { connectRedis, redisReady } from "../../shared/redis.ts";
import { LevelRegistry } from "../../shared/registry.ts";
import { connectNats } from "../../streams/connection.ts";
import { readTopology } from "../../streams/topology.ts";
import {
  type CommonOptions,
  newCommand,
  printResult,
  progress,
  ResultIsNo,
  runningSystem,
} from "../command_line.ts";
import { describeDifference } from "../verify/difference.ts";
import { type Verified, verifySystem } from "../verify/verify_system.ts";

type VerifyCommandOptions = CommonOptions & { repair?: boolean };

/** Differences a person is shown. */
const SHOWN_MAX = 20;
const REDIS_WAIT_MS = 5_000;

export function command(): Command {
  return newCommand("verify", "fold log and ledger again and compare with Postgres and Redis")
    .option("--repair", "write what is wrong in Redis anew, from the fold")
    .action(verify);
}

async function verify(options: VerifyCommandOptions): Promise<void> {
  const { config, endpoints } = runningSystem(options);
  const name = "onhand verify";
  const nc = await connectNats(endpoints.nats, { name });
  const database = new Database(endpoints.postgres, { connectionsMax: 2, name });
  const redis = connectRedis(endpoints.redis, { name, commandTimeoutMs: 30_000 });
  try {
    await redisReady(redis, REDIS_WAIT_MS);
    const result = await verifySystem({
      nc,
      database,
      registry: new LevelRegistry(redis),
      topology: await readTopology(nc),
      identityDays: config.identityDays,
      repair: options.repair === true,
      say: progress,
    });
    printResult(options, result, summary);
    if (!result.ok) throw new ResultIsNo();
  } finally {
    redis.disconnect();
    await database.close();
    await nc.close();
  }
}

function summary(result: Verified): string {
  const whole = result.shards.every((shard) => shard.foldedFrom === 1);
  const from = whole
    ? "the whole log"
    : "the log behind the checkpoint (older entries are trimmed)";
  const lines = [
    `${result.levels} levels in ${result.shards.length} shards, ${result.ledgerRows} ledger rows, ${from} folded again`,
    `digest ${result.digest}`,
    ...result.differences.slice(0, SHOWN_MAX).map(describeDifference),
  ];
  const more = result.differencesTotal - Math.min(SHOWN_MAX, result.differences.length);
  if (more > 0) lines.push(`and ${more} more`);
  if (result.repaired > 0) lines.push(`repaired in Redis: ${result.repaired}; verify again`);
  lines.push(
    result.ok
      ? "ledger, log, Postgres and Redis agree"
      : `${result.differencesTotal} differences: ledger, log, Postgres and Redis do not agree`,
  );
  return lines.join("\n");
}
