// Peers, for comparison on the same machine with the same callers and the same Zipf picks: Postgres
// and Redis each deciding a sale and writing a ledger row in one step, as people do without a log.
// They tell what the servers under us can do; they know no holds, repeats, history or live feed.

import { Redis } from "ioredis";
import postgres from "postgres";
import type { BenchSystem } from "./bench_system.ts";
import { CALLERS } from "./decisions.ts";
import { median } from "./result.ts";
import { SKUS, zipfSequence } from "./workload.ts";

export type PeerResult = {
  name: string;
  value: number;
  unit: "decisions/s";
  durability: string;
  correct: boolean;
  runs: number[];
};

export type PeerOptions = { runs: number; seconds: number; say: (line: string) => void };

const STOCK_EACH = 1_000_000_000;
const SEQUENCE = 1 << 18;
/** Connections at which Postgres was fastest with these picks; more convoy on hot rows. */
const POSTGRES_POOL = 8;

export async function benchPeers(system: BenchSystem, options: PeerOptions): Promise<PeerResult[]> {
  return [await benchPostgres(system, options), await benchRedis(system, options)];
}

async function benchPostgres(system: BenchSystem, options: PeerOptions): Promise<PeerResult> {
  const sql = postgres(system.servers.postgres, { max: POSTGRES_POOL, onnotice: () => {} });
  try {
    await sql`create schema if not exists peer`;
    await sql`create table peer.stock (sku int primary key, qty int8 not null check (qty >= 0))
      with (fillfactor = 50)`;
    await sql`create table peer.ledger (id int8 generated always as identity primary key,
      sku int not null, qty int not null, at timestamptz not null default now())`;
    await sql`insert into peer.stock select i, ${STOCK_EACH} from generate_series(0, ${SKUS - 1}) i`;
    const sell = async (sku: number) => {
      await sql`with sold as (update peer.stock set qty = qty - 1 where sku = ${sku} and qty >= 1
        returning sku) insert into peer.ledger (sku, qty) select sku, 1 from sold`;
    };
    const { runs, sold } = await drive(options, sell);
    const [found] = await sql<{ rows: number; left: string }[]>`
      select (select count(*)::int from peer.ledger) as rows,
             (select sum(qty) from peer.stock) as left`;
    const left = Number(found?.left);
    return {
      name: "Postgres, one statement",
      value: Math.round(median(runs)),
      unit: "decisions/s",
      durability: "survives power loss (synchronous_commit on)",
      correct: found?.rows === sold && left === SKUS * STOCK_EACH - sold,
      runs,
    };
  } finally {
    await sql.end();
  }
}

const SELL_LUA = `local q = tonumber(redis.call('GET', KEYS[1]))
if q < 1 then return -1 end
redis.call('DECRBY', KEYS[1], 1)
redis.call('XADD', 'peer:ledger', '*', 'k', KEYS[1], 'q', 1)
return q - 1`;

type Selling = Redis & { peerSell(key: string): Promise<number> };

async function benchRedis(system: BenchSystem, options: PeerOptions): Promise<PeerResult> {
  const redis = new Redis(system.servers.redis) as Selling;
  try {
    redis.defineCommand("peerSell", { numberOfKeys: 1, lua: SELL_LUA });
    const pipeline = redis.pipeline();
    for (let i = 0; i < SKUS; i++) pipeline.set(`peer:${i}`, STOCK_EACH);
    await pipeline.exec();
    const { runs, sold } = await drive(options, async (sku) => {
      await redis.peerSell(`peer:${sku}`);
    });
    const ledger = await redis.xlen("peer:ledger");
    return {
      name: "Redis, Lua",
      value: Math.round(median(runs)),
      unit: "decisions/s",
      durability: "as our registry is run: not durable by itself",
      correct: ledger === sold,
      runs,
    };
  } finally {
    redis.disconnect();
  }
}

async function drive(
  options: PeerOptions,
  sell: (sku: number) => Promise<void>,
): Promise<{ runs: number[]; sold: number }> {
  const sequence = zipfSequence(2, SEQUENCE);
  const runs: number[] = [];
  let sold = 0;
  for (let run = 1; run <= options.runs; run++) {
    const startMs = performance.now();
    const untilMs = startMs + options.seconds * 1000;
    let count = 0;
    const caller = async (n: number) => {
      for (let at = n * 4096; performance.now() < untilMs; at++) {
        await sell(sequence[at % SEQUENCE] as number);
        count++;
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, n) => caller(n)));
    runs.push(Math.round((count * 1000) / (performance.now() - startMs)));
    sold += count;
    options.say(`peer, run ${run}: ${runs.at(-1)}/s`);
  }
  return { runs, sold };
}
