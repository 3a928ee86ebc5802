// @ts-nocheck
import { demandWindows } from "../actors/runtime/projections/demand_windows.ts";
import { openBenchSystem } from "./bench/bench_system.ts";
import { benchDecisions, scarceStock } from "./bench/decisions.ts";
import { openingStock } from "./bench/firehose.ts";

const system = await openBenchSystem({ say: console.log });
try {
  await system.decideAll(openingStock());
  await system.decideAll(scarceStock());
  await system.waitForWindows();
  await benchDecisions(system, { runs: 1, seconds: 8, of: "zipf", say: console.log });
  await system.stock!.kill("SIGKILL");
  await system.database.run((sql) =>
    sql.unsafe("create extension if not exists pg_stat_statements"),
  );
  const p = demandWindows({
    grain: "day",
    graceMs: 3600_000,
    database: system.database,
    publish: async () => {},
  } as any);
  for (let round = 0; round < 3; round++) {
    await system.database.run((sql) => sql.unsafe("select pg_stat_statements_reset()"));
    let rows = 0;
    const t = performance.now();
    for (let shard = 0; shard < 8; shard++) {
      const [c] = await system.database.run((sql) =>
        sql.unsafe(`select committed_seq::int8 s from shard where shard=${shard}`),
      );
      const to = Number(c.s);
      const [f] = await system.database.run((sql) =>
        sql.unsafe(
          `select seq::int8 s from projection where name='demand-windows' and shard=${shard}`,
        ),
      );
      const from = Math.max(200, 0);
      const [n] = await system.database.run((sql) =>
        sql.unsafe(
          `select count(*)::int8 s from stock_transaction where shard=${shard} and seq>${from}`,
        ),
      );
      rows += Number(n.s);
      try {
        await system.database.transaction(
          async (sql) => {
            await p.fold(sql, { epoch: 1, shard, afterSeq: from, toSeq: to });
            if (round === 2 && shard === 0 && process.argv[2]) {
              /* */
            }
            throw new Error("rollback");
          },
          { timeLimitMs: 100000 },
        );
      } catch (e) {
        if (!String(e).includes("rollback")) throw e;
      }
    }
    console.log(
      "fold",
      rows,
      "rows",
      (((performance.now() - t) * 1000) / rows).toFixed(2),
      "us/row",
    );
    const st = await system.database.run((sql) =>
      sql.unsafe(
        "select calls::int8, total_exec_time+total_plan_time as ms, rows::int8, left(regexp_replace(query, '\\s+', ' ', 'g'), 110) q from pg_stat_statements order by 2 desc limit 9",
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
        s.q,
      );
  }
} finally {
  await system.close();
}
