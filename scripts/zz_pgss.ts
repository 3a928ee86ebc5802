// @ts-nocheck
import { openBenchSystem } from "./bench/bench_system.ts";
import { benchDecisions, scarceStock } from "./bench/decisions.ts";
import { openingStock } from "./bench/firehose.ts";

const system = await openBenchSystem({ say: console.log });
try {
  await system.decideAll(openingStock());
  await system.decideAll(scarceStock());
  await system.waitForWindows();
  const runs = Number(process.argv[2] ?? 3);
  await benchDecisions(system, { runs: 1, seconds: 2, of: "zipf", say: console.log });
  await system.database.run((sql) =>
    sql.unsafe("create extension if not exists pg_stat_statements"),
  );
  await system.database.run((sql) => sql.unsafe("select pg_stat_statements_reset()"));
  const before = await system.database.run((sql) =>
    sql.unsafe("select count(*)::int8 n from stock_transaction"),
  );
  await benchDecisions(system, { runs, seconds: 10, of: "zipf", say: console.log });
  await system.waitForWindows();
  const after = await system.database.run((sql) =>
    sql.unsafe("select count(*)::int8 n from stock_transaction"),
  );
  const rows = Number(after[0].n) - Number(before[0].n);
  console.log("rows", rows);
  const st = await system.database.run((sql) =>
    sql.unsafe(
      "select calls::int8, total_exec_time+total_plan_time as ms, rows::int8, shared_blks_hit::int8 hit, shared_blks_read::int8 rd, shared_blks_written::int8 wr, shared_blks_dirtied::int8 dirtied, wal_bytes::int8 wal, left(regexp_replace(query, '\\s+', ' ', 'g'), 130) q from pg_stat_statements order by 2 desc limit 28",
    ),
  );
  for (const s of st)
    console.log(
      ((Number(s.ms) * 1000) / rows).toFixed(2),
      "us/row",
      s.calls,
      "calls",
      s.rows,
      "rows",
      "hit",
      s.hit,
      "wr",
      s.wr,
      "dirt",
      s.dirtied,
      "wal/row",
      (Number(s.wal) / rows).toFixed(0),
      s.q,
    );
} finally {
  await system.close();
}
