// The SQL that ships in docs/sql, on a real database, against numbers worked out by hand.
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { leadTimes } from "../../actors/runtime/projections/lead_times.ts";
import {
  type LedgerHouse,
  openLedgerHouse,
} from "../actors/runtime/projections/support/ledger_house.ts";

let house: LedgerHouse;
beforeEach(async () => {
  house = await openLedgerHouse();
});
afterEach(() => house.close());

const query = readFileSync(
  new URL("../../docs/sql/dynamic_safety_stock.sql", import.meta.url),
  "utf8",
);

const sale = (day: string, qty: number, more = {}) => ({
  type: "sale",
  at: `${day}T10:00:00Z`,
  qty,
  deltaSellable: -qty,
  demand: qty,
  ...more,
});

async function ask() {
  const rows = await house.database.run((sql) => sql.unsafe(query));
  return rows.map((row) => ({ ...row }));
}

async function fold(at: string) {
  await house.commit(at);
  await house.step(house.windows());
  await house.step(leadTimes(7));
}

async function promise(days: number | null) {
  await house.database.run(async (sql) => {
    await sql`insert into vendor (vendor) values ('acme')`;
    await sql`insert into vendor_catalog (vendor, sku, lead_time_days) values ('acme', 'A', ${days})`;
  });
}

it("the query's numbers are those of a calculator", async () => {
  await promise(9);
  // 10, 14, 12, 8, 16: mean 12, sum of squares 4 + 4 + 0 + 16 + 16 = 40, sd = sqrt(40 / 4) = 3.1623.
  for (const [i, qty] of [10, 14, 12, 8, 16].entries())
    await house.rows(sale(`2026-03-0${i + 2}`, qty));
  await fold("2026-03-07T00:00:00Z");
  // 1.65 x 3.1623 x 3 = 15.65; 12 x 9 + 15.65 = 123.65.
  expect(await ask()).toEqual([
    {
      sku_id: "A",
      avg_daily_sales: "12.00",
      sales_std_dev: "3.16",
      avg_lead_time_days: "9.00",
      dynamic_safety_stock: "16",
      dynamic_reorder_point: "124",
    },
  ]);
});

it("a day open without a sale is a zero, a closed one is missing, and one that is not over is not there", async () => {
  await promise(4);
  await house.location("shop", "Europe/Berlin", "Mo-Sa 09:00-20:00");
  // Saturday 6, closed Sunday, Monday nothing, Tuesday 3; Wednesday is not over in Berlin.
  await house.rows(sale("2026-03-07", 6), sale("2026-03-10", 3), sale("2026-03-11", 50));
  await fold("2026-03-11T22:59:59Z");
  // 6, 0, 3: mean 3, sd 3; 1.65 x 3 x 2 = 9.9; 3 x 4 + 9.9 = 21.9.
  expect(await ask()).toMatchObject([
    {
      avg_daily_sales: "3.00",
      sales_std_dev: "3.00",
      dynamic_safety_stock: "10",
      dynamic_reorder_point: "22",
    },
  ]);
  await fold("2026-03-11T23:00:00Z");
  expect(await ask()).toMatchObject([{ avg_daily_sales: "14.75" }]);
});

it("units are summed over locations; a day counts when any of them was open", async () => {
  await house.location("shop", "UTC", "Mo-Sa 09:00-20:00");
  await house.rows(
    sale("2026-03-07", 1),
    sale("2026-03-07", 5, { location: "web" }),
    sale("2026-03-09", 2),
  );
  await fold("2026-03-10T00:00:00Z");
  const rows = await house.database.run(
    (sql) => sql<{ day: string; units: number }[]>`
      select day::text as day, quantity_sold_daily as units from stock_transaction_logs order by day`,
  );
  expect([...rows]).toEqual([
    { day: "2026-03-07", units: 6 },
    { day: "2026-03-08", units: 0 },
    { day: "2026-03-09", units: 2 },
  ]);
});

it("the lead time is what receipts taught, else the catalog's, else the setting", async () => {
  await house.rows(sale("2026-03-02", 1), sale("2026-03-02", 1, { sku: "B" }));
  await fold("2026-03-03T00:00:00Z");
  const days = async () => (await ask()).map((row) => row.avg_lead_time_days);
  expect(await days()).toEqual(["7.00", "7.00"]);
  await promise(12);
  expect(await days()).toEqual(["12.00", "7.00"]);
  const order = { type: "order", at: "2026-02-01T00:00:00Z", qty: 5 };
  const receipt = { type: "receipt", at: "2026-02-04T12:00:00Z", qty: 5, deltaSellable: 5 };
  for (const sku of ["A", "B"]) {
    await house.rows(
      { ...order, sku, extra: '{"order":"o1","line":"1","status":"placed"}' },
      { ...receipt, sku, extra: '{"order":"o1"}' },
    );
  }
  await fold("2026-03-03T00:00:01Z");
  expect(await days()).toEqual(["3.50", "3.50"]);
});

it("a SKU sold on one day only has no spread: no safety stock, not nothing", async () => {
  await house.rows(sale("2026-03-02", 3));
  await fold("2026-03-03T00:00:00Z");
  expect(await ask()).toMatchObject([
    { sales_std_dev: "0.00", dynamic_safety_stock: "0", dynamic_reorder_point: "21" },
  ]);
});

it("a customer's own query on the same columns runs as it is", async () => {
  await house.rows(sale("2026-03-02", 3), sale("2026-03-03", 5));
  await fold("2026-03-04T00:00:00Z");
  const rows = await house.database.run(
    (sql) => sql`
      SELECT sku_id,
        ROUND(AVG(quantity_sold_daily), 2) AS avg_daily_sales,
        ROUND(STDDEV(quantity_sold_daily), 2) AS sales_std_dev,
        ROUND(AVG(supplier_lead_time_days), 1) AS avg_lead_time_days,
        CEIL(1.65 * STDDEV(quantity_sold_daily) * SQRT(AVG(supplier_lead_time_days))) AS dynamic_safety_stock,
        CEIL((AVG(quantity_sold_daily) * AVG(supplier_lead_time_days))
          + (1.65 * STDDEV(quantity_sold_daily) * SQRT(AVG(supplier_lead_time_days)))) AS dynamic_reorder_point
      FROM stock_transaction_logs
      GROUP BY sku_id
      HAVING AVG(quantity_sold_daily) > 0
      ORDER BY dynamic_reorder_point DESC`,
  );
  // Mean 4, sd 1.4142; 1.65 x 1.4142 x 2.6458 = 6.17; 28 + 6.17.
  expect(rows[0]).toMatchObject({ dynamic_safety_stock: "7", dynamic_reorder_point: "35" });
});
