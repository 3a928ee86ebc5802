// @ts-nocheck
import { readFileSync } from "node:fs";
import { openBenchSystem } from "./bench/bench_system.ts";
import { benchDecisions, scarceStock } from "./bench/decisions.ts";
import { openingStock } from "./bench/firehose.ts";

const system = await openBenchSystem({ say: console.log });
try {
  await system.decideAll(openingStock());
  await system.decideAll(scarceStock());
  await system.waitForWindows();
  await benchDecisions(system, { runs: 1, seconds: 8, of: "zipf", say: console.log });
  await system.stock!.kill();
  console.log("ready");
  const { watchFile, existsSync } = await import("node:fs");
  let last = "";
  for (let i = 0; i < 2000; i++) {
    await new Promise((r) => setTimeout(r, 500));
    if (!existsSync("/tmp/q.sql")) continue;
    const text = readFileSync("/tmp/q.sql", "utf8");
    if (text === last) continue;
    last = text;
    if (text.startsWith("quit")) break;
    for (const q of text.split(";\n")) {
      if (!q.trim()) continue;
      const t = performance.now();
      try {
        const rows = await system.database.run((sql) => sql.unsafe(q));
        console.log(
          "--",
          q.trim().slice(0, 80).replaceAll("\n", " "),
          (performance.now() - t).toFixed(1),
          "ms",
        );
        for (const r of rows.slice(0, 60)) console.log("  ", Object.values(r).join(" | "));
      } catch (e) {
        console.log(String(e));
      }
    }
    console.log("== done");
  }
} finally {
  await system.close();
}
