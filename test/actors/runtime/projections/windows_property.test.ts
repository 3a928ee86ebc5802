// The projection of random logs of the real machine, folded in random ranges and each in small pieces, against a plain recount
// of all rows.
import { expect, it, vi } from "vitest";
import type { LedgerRow } from "../../../../actors/runtime/ledger_row.ts";
import { Chance } from "../../../../scripts/sim/chance.ts";
import { randomLog } from "../../stock/support/random_log.ts";
import {
  EPOCH,
  messageOf,
  openLedgerHouse,
  type WindowRow,
  writeLedger,
} from "./support/ledger_house.ts";
import { type NaivePlace, naiveWindows } from "./support/naive_windows.ts";

vi.mock(import("../../../../shared/limits.ts"), async (original) => ({
  ...(await original()),
  PROJECTION_PIECE_ENTRIES: 7 as never,
  PROJECTION_PIECE_MS: 2 as never,
  PROJECTION_PIECE_ROWS: 8 as never,
}));

const shopHours: [number, number][] = [[9 * 60, 20 * 60]];
const PLACES: Record<string, NaivePlace & { zone: string; opens: string }> = {
  "store-1": {
    zone: "Asia/Kolkata",
    offsetHours: 5.5,
    opens: "Mo-Sa 09:00-20:00",
    week: [...Array.from({ length: 6 }, () => shopHours), []],
  },
  "store-2": {
    zone: "America/Phoenix",
    offsetHours: -7,
    opens: "Mo-Fr 08:00-12:00,13:00-18:00; Sa 22:00-02:00",
    week: [
      ...Array.from({ length: 5 }, (): [number, number][] => [
        [8 * 60, 12 * 60],
        [13 * 60, 18 * 60],
      ]),
      [[22 * 60, 24 * 60]],
      [[0, 2 * 60]],
    ],
  },
};
const SEEDS = Number(process.env.ONHAND_WINDOW_SEEDS ?? 6);

/** A window as the recount tells it. */
function plain(row: WindowRow) {
  return {
    demand: row.demand,
    lost: row.lost,
    orders: row.orders,
    largest: row.largest_order,
    returns: row.returns,
    transfers: row.transfers,
    counts: row.counts,
    minutesOpen: row.minutes_open,
    outMs: row.out_of_stock_ms,
  };
}

/** Windows in which something happened: one that was counted out of stock too early stands there with zeros. */
function telling(windows: Record<string, ReturnType<typeof plain>>) {
  return Object.fromEntries(
    Object.entries(windows).filter(([, { minutesOpen: _, ...rest }]) =>
      Object.values(rest).some((value) => value !== 0 && value !== null),
    ),
  );
}

const named = (rows: readonly WindowRow[]) =>
  Object.fromEntries(
    rows.map((row) => [`${row.location}/${row.sku}/${row.local_day}`, plain(row)]),
  );

for (let seed = 1; seed <= SEEDS; seed++) {
  it(`windows of random log ${seed} are what a recount of its rows says`, async () => {
    const house = await openLedgerHouse();
    try {
      const fold = randomLog(seed, { entries: 250 });
      const rows = fold.out.rows.map((row): LedgerRow => ({ ...row, epoch: EPOCH }));
      for (const [location, { zone, opens }] of Object.entries(PLACES)) {
        await house.location(location, zone, opens);
      }
      await writeLedger(house.database, rows);
      const windows = house.windows({ graceMs: 3_600_000 });
      const chance = new Chance(seed + 1_000);
      for (let seq = 0; seq < fold.seq; ) {
        seq = Math.min(fold.seq, seq + chance.int(1, 60));
        await house.commit(nowAt(rows, seq), seq);
        await house.step(windows);
      }
      const closed = await house.database.run(
        (sql) => sql<{ location: string; closed_to: Date }[]>`
          select location, closed_to from demand_watermark`,
      );
      const closedTo = (location: string) =>
        closed.find((one) => one.location === location)?.closed_to.getTime() ?? 0;
      const expected = telling(Object.fromEntries(naiveWindows(rows, PLACES, closedTo)));
      const table = await house.table();
      expect(telling(named(table))).toEqual(expected);
      for (const row of table)
        expect(row.closed).toBe(row.window_end.getTime() <= closedTo(row.location));

      const heard = new Map<string, (typeof house.published)[number]>();
      for (const message of house.published) {
        const name = JSON.stringify([message.location, message.sku, message.windowStart]);
        expect(message.version > (heard.get(name)?.version ?? "")).toBe(true);
        heard.set(name, message);
      }
      const told = [...heard.keys()].sort().map((name) => {
        const { id: _, ...message } = heard.get(name)!;
        return message;
      });
      expect(told).toEqual(table.map(messageOf));

      await house.database.run((sql) => sql`update demand_watermark set rebuild = true`);
      await house.step(windows);
      expect(telling(named(await house.table()))).toEqual(expected);
    } finally {
      await house.close();
    }
  });
}

/** Log time after an entry. */
function nowAt(rows: readonly LedgerRow[], seq: number): number {
  return rows.reduce((now, row) => (row.seq <= seq ? Math.max(now, row.appendedAt) : now), 0);
}
