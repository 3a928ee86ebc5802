// L1..L3 of partition.ts on a real database: histories of every kind, what comes late, what is missed, what fails.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { forgetForecasts } from "../../../../actors/forecast/live/forecast_store.ts";
import { readClosed } from "../../../../actors/forecast/live/history.ts";
import type { ForecastPartition } from "../../../../actors/forecast/live/partition.ts";
import { RefitPool } from "../../../../actors/forecast/refit_pool.ts";
import { DIES_OF, HANGS_ON } from "./support/hanging_worker.ts";
import {
  closeSharedPool,
  type PartitionHouse,
  partitionHouse,
  SHARD,
  SHOP,
  TODAY,
} from "./support/partition_house.ts";

let house: PartitionHouse;
beforeEach(async () => {
  house = await partitionHouse();
});
afterEach(async () => {
  expect(house.warnings).toEqual([]);
  await house.stop();
});

afterAll(closeSharedPool);

type StoredForecast = {
  sku: string;
  first_day: string;
  data_version: string;
  method: string;
  mean: number[];
  low: number[];
  high: number[];
  span_days: number;
};

const forecasts = async (sku: string): Promise<StoredForecast[]> => [
  ...(await house.database.sql<StoredForecast[]>`
    select sku, first_day::text, data_version, method, mean, low, high, span_days from forecast
    where sku = ${sku} order by first_day, made_at`),
];

const plansOf = (sku: string) =>
  house.log.commands.filter((command) => command.sku === sku).map((command) => command.plan);

async function settled(partition: ForecastPartition): Promise<void> {
  await partition.idle();
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + 15_000;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`not within 15 s: ${what}`);
    await sleep(20);
  }
}

const steady = Array.from({ length: 60 }, (_, i) => 8 + (i % 5));

/** Windows as a read finds them, and `meanwhile` done after it looked and before it is told what it saw. */
function duringNextRead(meanwhile: () => Promise<void>): void {
  const { database } = house;
  const run = database.run;
  database.run = async (...args) => {
    database.run = run;
    const seen = await run.apply(database, args);
    await meanwhile();
    return seen as never;
  };
}

describe("open()", () => {
  it("decides every series and forecasts it, once", async () => {
    await house.history("A", steady);
    await settled(await house.open());
    expect(plansOf("A")).toHaveLength(1);
    const [made] = await forecasts("A");
    expect(made).toMatchObject({ span_days: 8 });
    expect(made?.mean).toHaveLength(28);
    // Another process takes over: the same forecast, the same plan, nothing new.
    await settled(await house.open());
    expect(plansOf("A")).toHaveLength(1);
    expect(await forecasts("A")).toEqual([made]);
  });

  it("the same windows make the same forecast to the bit", async () => {
    await house.history("A", steady);
    await settled(await house.open());
    const before = await forecasts("A");
    await house.database.sql`delete from forecast`;
    await settled(await house.open());
    expect(await forecasts("A")).toEqual(before);
  });

  it.each<[string, number[]]>([
    ["1 point", [5]],
    ["2 points", [5, 3]],
    ["one spike", [...new Array(30).fill(0), 400, ...new Array(30).fill(0)]],
    ["negative sums after returns", [4, -9, 5, -1, 3, 6, 2, -4, 5, 4]],
    ["gaps", [4, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 7]],
    ["a season longer than its history", [9, 1, 1]],
    ["huge numbers", [1e12, 2e12, 3e14]],
  ])(
    "a series of %s is planned and forecast: finite, not negative, in order",
    async (_, demand) => {
      await house.history("ODD", demand);
      await settled(await house.open());
      const [made] = await forecasts("ODD");
      for (const [k, mean] of (made?.mean ?? [Number.NaN]).entries()) {
        for (const value of [mean, made!.low[k]!, made!.high[k]!]) {
          expect(Number.isFinite(value)).toBe(true);
          expect(value).toBeGreaterThanOrEqual(0);
        }
        expect(made!.low[k]!).toBeLessThanOrEqual(made!.high[k]!);
      }
      const [plan] = plansOf("ODD");
      expect(Number.isSafeInteger(plan?.reorderPoint)).toBe(true);
      expect(plan!.orderUpTo).toBeGreaterThanOrEqual(plan!.reorderPoint);
    },
  );

  it("a series that never sold has a forecast of zeros and no plan", async () => {
    await house.write("NONE", TODAY - 5, { demand: 0, minutesOutOfStock: 10 });
    await house.closeThrough(TODAY - 1);
    await settled(await house.open());
    expect(plansOf("NONE")).toEqual([]);
    expect((await forecasts("NONE"))[0]?.mean.every((value) => value === 0)).toBe(true);
  });

  it("what was asked for in vain of a SKU that is nowhere is no series: a plan needs a location", async () => {
    const lost = await house.write("NOWHERE", TODAY - 3, { demand: 0, lost: 40 });
    await house.closeThrough(TODAY - 2);
    await house.database.sql`update demand_window set location = '-'`;
    await house.database.sql`update demand_watermark set location = '-'`;
    const partition = await house.open();
    partition.onWindow({ ...lost, location: "-" });
    await house.database.sql`update demand_watermark set closed_to = closed_to + interval '1 day'`;
    for (const closed of await readClosed(house.database, [SHARD]))
      await partition.onClosed(closed);
    await settled(partition);
    expect(partition.seriesCount).toBe(0);
    expect(house.log.commands).toEqual([]);
    expect(await forecasts("NOWHERE")).toEqual([]);
  });

  it("a history of 20,000 days is cut to its newest", async () => {
    await house.database.sql`
      insert into demand_window (sku, location, window_start, window_end, local_day, shard, demand, orders,
        minutes_open, version)
      select 'OLD', ${SHOP}, d, d + interval '1 day', d::date, 0, 1 + extract(day from d)::int, 1, 1440, '0001.'
      from generate_series((current_date - 20000)::timestamp, (current_date - 1)::timestamp, interval '1 day') as d`;
    await house.closeThrough(TODAY - 1);
    await settled(await house.open());
    expect(plansOf("OLD")).toHaveLength(1);
    expect(await forecasts("OLD")).toHaveLength(1);
  });
});

describe("windows", () => {
  it("windows of hours are added up to days, from Postgres", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    await house.writeHours("A", TODAY - 1, new Array(24).fill(10));
    partition.onWindow(await house.writeHours("A", TODAY - 1, [15]));
    await settled(partition);
    const shown = [...partition.all()].find(({ sku }) => sku === "A");
    expect(shown?.demand.unitsOf(TODAY - 1)).toBe(23 * 10 + 15);
    expect(plansOf("A")).toHaveLength(2);
  });

  it("a day that closes is planned and forecast; nobody else is", async () => {
    await house.history("A", steady);
    await house.history("B", steady);
    const partition = await house.open();
    await settled(partition);
    partition.onWindow(await house.write("A", TODAY, { demand: 60 }));
    await house.closeThrough(TODAY);
    await partition.onClosed({ location: SHOP, day: TODAY });
    await settled(partition);
    expect(plansOf("A")).toHaveLength(2);
    expect(plansOf("A")[1]!.reorderPoint).toBeGreaterThan(plansOf("A")[0]!.reorderPoint);
    expect(await forecasts("A")).toHaveLength(2);
    // B sold nothing that day: a zero, and too small a change to be made.
    expect(plansOf("B")).toHaveLength(1);
    expect(await forecasts("B")).toHaveLength(2);
  });

  it("L1 what was missed on the way is read again when the day closes", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    await house.write("A", TODAY, { demand: 200, orders: 150 });
    await house.closeThrough(TODAY);
    await partition.onClosed({ location: SHOP, day: TODAY });
    await settled(partition);
    expect(plansOf("A")).toHaveLength(2);
  });

  it("a day whose closing failed on the way is closed by the next look", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    await house.write("A", TODAY, { demand: 200, orders: 150 });
    await house.closeThrough(TODAY);
    await house.database.sql`alter function location_days rename to location_days_away`;
    await expect(partition.onClosed({ location: SHOP, day: TODAY })).rejects.toThrow();
    await house.database.sql`alter function location_days_away rename to location_days`;
    await partition.onClosed({ location: SHOP, day: TODAY });
    await settled(partition);
    expect(plansOf("A")).toHaveLength(2);
    expect(await forecasts("A")).toHaveLength(2);
  });

  it("late facts of a closed day are planned and forecast anew, old ones from Postgres", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    partition.onWindow(await house.write("A", TODAY - 2, { demand: 150, orders: 100 }));
    await settled(partition);
    expect(plansOf("A")).toHaveLength(2);
    partition.onWindow(await house.write("A", TODAY - 30, { demand: 400, orders: 300 }));
    await settled(partition);
    const made = await forecasts("A");
    expect(new Set(made.map((one) => one.data_version)).size).toBe(3);
    expect(new Set(made.map((one) => one.first_day)).size).toBe(1);
  });

  it.each(["a series is read again", "a day is closed"])(
    "is kept when it comes while %s",
    async (read) => {
      await house.history("A", steady);
      const partition = await house.open();
      await settled(partition);
      await house.write("A", TODAY, { demand: 5 });
      const [series] = partition.all();
      duringNextRead(async () => partition.onWindow(await house.write("A", TODAY, { demand: 9 })));
      if (read === "a day is closed") await partition.onClosed({ location: SHOP, day: TODAY });
      else partition.reloadAll();
      await settled(partition);
      expect(series?.demand.unitsOf(TODAY)).toBe(9);
    },
  );

  it("an older version of a window changes nothing", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    const newer = await house.write("A", TODAY - 1, { demand: 12 });
    const older = { ...newer, demand: 900, version: "0001.00000000000000.000000000000" };
    partition.onWindow(newer);
    partition.onWindow(older);
    await settled(partition);
    const shown = [...partition.all()].find(({ sku }) => sku === "A");
    expect(shown?.demand.unitsOf(TODAY - 1)).toBe(12);
  });

  it("a new series is planned without a restart", async () => {
    const partition = await house.open();
    await house.closeThrough(TODAY - 1);
    await partition.onClosed({ location: SHOP, day: TODAY - 1 });
    partition.onWindow(await house.write("NEW", TODAY - 1, { demand: 6 }));
    await settled(partition);
    expect(plansOf("NEW")).toHaveLength(1);
  });

  it("a day under way that sells far beyond its forecast moves the reorder point before it closes", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    partition.onWindow(await house.write("A", TODAY, { demand: 12 }));
    await settled(partition);
    expect(plansOf("A")).toHaveLength(1);
    partition.onWindow(await house.write("A", TODAY, { demand: 90, orders: 70 }));
    await settled(partition);
    expect(plansOf("A")).toHaveLength(2);
    expect(plansOf("A")[1]!.reorderPoint).toBeGreaterThan(plansOf("A")[0]!.reorderPoint);
    expect(await forecasts("A")).toHaveLength(1);
  });
});

describe("policies", () => {
  it("W2 one refused for its version is decided again on what holds", async () => {
    await house.history("A", steady);
    house.log.raise("A", SHOP);
    const partition = await house.open();
    await sleep(200);
    expect(plansOf("A")).toEqual([]);
    // The table that follows the log comes to know of the other's policy.
    await house.database.sql`
      insert into policy (sku, location, version, plan, cause, made_by, made_at, position)
      values ('A', ${SHOP}, 1, null, 'set by web', 'web', now(), '0001.00000000000001.000')`;
    await until(() => plansOf("A").length === 1, "the plan on version 1");
    expect(house.log.commands[0]).toMatchObject({ ifVersion: 1 });
    await settled(partition);
  });

  it("an override and its end are decided when the setting says so", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    const override = {
      reorderPoint: 5,
      orderUpTo: 9,
      reason: "sale",
      expiresAtMs: Date.now() + 500,
    };
    house.settings.put({ category: "", sku: "A", location: SHOP, override });
    await partition.decideNow("A", SHOP);
    expect(plansOf("A").at(-1)).toMatchObject({ reorderPoint: 5, cause: "override: sale" });
    await sleep(600);
    partition.onSettings(({ sku }) => sku === "A");
    await settled(partition);
    expect(plansOf("A").at(-1)?.reorderPoint).toBeGreaterThan(50);
  });

  it("lead times learnt from receipts move the reorder point", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    await house.database.sql`
      insert into lead_time (sku, vendor, location, n, mean_days, last_days, last_at, days)
      values ('A', '', ${SHOP}, 30, 20, 20, now(), array_fill(20.0::float8, array[30]))`;
    await partition.onFacts(new Set(["A"]));
    await settled(partition);
    const [before, after] = plansOf("A");
    expect(after!.reorderPoint).toBeGreaterThan(2 * before!.reorderPoint);
  });

  it("promotions known ahead raise the reorder point", async () => {
    const promoted = (day: number) => day % 10 === 3;
    const demand = Array.from({ length: 120 }, (_, i) => (promoted(TODAY - 120 + i) ? 60 : 10));
    await house.history("A", demand);
    for (let day = TODAY - 120; day < TODAY; day++)
      if (promoted(day))
        house.signals.put({ name: "promotion", location: "", sku: "A", day, value: 1 });
    const partition = await house.open();
    await settled(partition);
    const before = plansOf("A").at(-1)!.reorderPoint;
    for (const ahead of [1, 3, 5])
      house.signals.put({
        name: "promotion",
        location: "",
        sku: "A",
        day: TODAY + ahead,
        value: 1,
      });
    partition.onSignals(() => true);
    await settled(partition);
    const after = plansOf("A").at(-1)!.reorderPoint;
    expect(after).toBeGreaterThan(before + 60);
    const made = await forecasts("A");
    expect(made.at(-1)!.mean[3]! - made.at(-1)!.mean[2]!).toBeGreaterThan(20);
  });

  it("whatIf() answers beside what is in force, and changes nothing", async () => {
    await house.history("A", steady);
    const partition = await house.open();
    await settled(partition);
    const asked = { sku: "A", location: SHOP, leadTimeDays: 21, demandFactor: 2 };
    const answer = await partition.whatIf(asked);
    expect(answer.inForce?.reorderPoint).toBe(plansOf("A")[0]!.reorderPoint);
    expect(answer.plan!.reorderPoint).toBeGreaterThan(4 * answer.inForce!.reorderPoint);
    expect(answer.forecast.span.days).toBe(22);
    expect(answer.forecast.mean[0]).toBeGreaterThan(15);
    expect(plansOf("A")).toHaveLength(1);
    expect(await forecasts("A")).toHaveLength(1);
    await expect(partition.whatIf({ ...asked, sku: "B" })).rejects.toMatchObject({
      code: "unknown_series",
    });
  });
});

describe("forgetForecasts()", () => {
  it("forgets forecasts of days before the given one, and no others", async () => {
    await house.history("A", steady);
    await settled(await house.open());
    await house.database.sql`
      insert into forecast (sku, location, first_day, data_version, code_version, method, series_class, mean, low,
        middle, high, span_days, span_mean, span_sd, span_quantiles)
      select 'A', ${SHOP}, current_date - n, '1', 1, 'mean', 'short', '{1}', '{1}', '{1}', '{1}', 8, 1, 1, '{}'
      from generate_series(395, 404) n`;
    expect(await forgetForecasts(house.database, TODAY - 400)).toBe(4);
    expect(await forgetForecasts(house.database, TODAY - 400)).toBe(0);
    expect(await forecasts("A")).toHaveLength(7);
  });
});

describe("fits that fail", () => {
  const workerFile = new URL("./support/hanging_worker.ts", import.meta.url);

  it.each([
    ["hangs", HANGS_ON, "timeout"],
    ["kills its worker", DIES_OF, "crashed"],
  ])("one that %s gets the plain forecast and an alert, others go on", async (_, newest, kind) => {
    await house.history("BAD", [...steady, newest]);
    await house.history("GOOD", [...steady, 9]);
    const pool = new RefitPool({ workerCount: 1, workerFile, fitMsMax: 700 });
    await settled(await house.open(pool));
    expect((await forecasts("BAD"))[0]?.method).toBe("mean");
    expect((await forecasts("GOOD"))[0]?.method).toMatch(/^ensemble:/);
    expect(plansOf("BAD")).toHaveLength(1);
    expect(plansOf("GOOD")).toHaveLength(1);
    await pool.close();
    expect(house.alerts).toEqual([expect.stringMatching(`forecastFault BAD: .*${kind}`)]);
  });
});
