import { afterEach, beforeEach, expect, it } from "vitest";
import { leadTimes } from "../../../../actors/runtime/projections/lead_times.ts";
import { type LedgerHouse, openLedgerHouse } from "./support/ledger_house.ts";

let house: LedgerHouse;
beforeEach(async () => {
  house = await openLedgerHouse();
});
afterEach(() => house.close());

type More = { sku?: string; location?: string; line?: string; status?: string; id?: string };

const order = (
  at: string,
  name: string,
  { line = "1", status = "placed", ...more }: More = {},
) => ({
  type: "order",
  at,
  qty: 10,
  extra: JSON.stringify({ order: name, line, rev: 0, status }),
  ...more,
});
const receipt = (at: string, name: string, qty: number, { line, ...more }: More = {}) => ({
  type: "receipt",
  at,
  qty,
  deltaSellable: qty,
  extra: JSON.stringify({ order: name, ...(line === undefined ? {} : { line }) }),
  ...more,
});

async function learn() {
  await house.commit("2026-12-31T00:00:00Z");
  await house.step(leadTimes(7));
  return house.database.run(
    (sql) => sql<
      {
        sku: string;
        vendor: string;
        location: string;
        n: number;
        mean_days: number;
        sd_days: number | null;
        last_days: number;
        days: number[];
      }[]
    >`
      select sku, vendor, location, n, mean_days, sd_days, last_days, days from lead_time
      order by sku, vendor, location`,
  );
}

it("leadTimes() learns mean, sd and last from order to receipt, by location and over all", async () => {
  await house.rows(
    order("2026-03-01T00:00:00Z", "o1"),
    receipt("2026-03-05T00:00:00Z", "o1", 10),
    order("2026-03-10T00:00:00Z", "o2"),
    receipt("2026-03-16T00:00:00Z", "o2", 10),
    order("2026-03-20T00:00:00Z", "o3", { location: "mall" }),
    receipt("2026-03-28T12:00:00Z", "o3", 10, { location: "mall" }),
  );
  expect(await learn()).toEqual([
    {
      sku: "A",
      vendor: "",
      location: "",
      n: 3,
      mean_days: (4 + 6 + 8.5) / 3,
      sd_days: expect.closeTo(2.2546, 4),
      last_days: 8.5,
      days: [4, 6, 8.5],
    },
    {
      sku: "A",
      vendor: "",
      location: "mall",
      n: 1,
      mean_days: 8.5,
      sd_days: null,
      last_days: 8.5,
      days: [8.5],
    },
    {
      sku: "A",
      vendor: "",
      location: "shop",
      n: 2,
      mean_days: 5,
      sd_days: expect.closeTo(Math.SQRT2, 4),
      last_days: 6,
      days: [4, 6],
    },
  ]);
});

it("parts of a line weigh by their units, and a voided receipt no more", async () => {
  await house.rows(
    order("2026-03-01T00:00:00Z", "o1"),
    receipt("2026-03-03T00:00:00Z", "o1", 6, { id: "r1" }),
    receipt("2026-03-07T00:00:00Z", "o1", 2, { id: "r2" }),
  );
  expect((await learn())[0]).toMatchObject({ n: 1, mean_days: (6 * 2 + 2 * 6) / 8 });
  await house.rows({
    type: "void",
    at: "2026-03-07T00:00:00Z",
    appendedAt: Date.parse("2026-03-08T00:00:00Z"),
    deltaSellable: -2,
    extra: '{"of":"r2","reason":"typo"}',
  });
  expect((await learn())[0]).toMatchObject({ n: 1, mean_days: 2 });
  await house.rows({
    type: "void",
    at: "2026-03-03T00:00:00Z",
    appendedAt: Date.parse("2026-03-08T00:00:00Z"),
    deltaSellable: -6,
    extra: '{"of":"r1","reason":"typo"}',
  });
  expect(await learn()).toEqual([]);
});

it("a receipt before its order, one without an order and a cancelled line teach nothing", async () => {
  await house.rows(
    receipt("2026-03-01T00:00:00Z", "o1", 5),
    order("2026-03-02T00:00:00Z", "o1"),
    { type: "receipt", at: "2026-03-02T00:00:00Z", qty: 5, deltaSellable: 5 },
    order("2026-03-03T00:00:00Z", "o2"),
    order("2026-03-04T00:00:00Z", "o2", { status: "cancelled" }),
    order("2026-03-05T00:00:00Z", "o3", { status: "cancelled" }),
    receipt("2026-03-09T00:00:00Z", "o3", 5),
  );
  expect(await learn()).toEqual([]);
});

it("what is told of a line later does not move when it was placed; lines are told apart", async () => {
  await house.rows(
    order("2026-03-01T00:00:00Z", "o1", { line: "1" }),
    order("2026-03-01T00:00:00Z", "o1", { line: "2" }),
    order("2026-03-08T00:00:00Z", "o1", { line: "1", status: "delayed" }),
    receipt("2026-03-11T00:00:00Z", "o1", 10),
    receipt("2026-03-13T00:00:00Z", "o1", 10, { line: "2" }),
  );
  expect((await learn())[0]).toMatchObject({ n: 2, days: [10, 12] });
});

it("the vendor is the purchase order's, else the only one whose catalog has the SKU, else not known", async () => {
  await house.database.run(async (sql) => {
    await sql`insert into vendor (vendor) values ('acme'), ('bolt')`;
    await sql`insert into purchase_order (purchase_order, vendor, status) values ('po-1', 'bolt', 'sent')`;
    await sql`insert into vendor_catalog (vendor, sku) values ('acme', 'A'), ('acme', 'B'), ('bolt', 'B')`;
  });
  for (const [sku, name] of [
    ["A", "po-1"],
    ["A", "manual"],
    ["B", "manual"],
  ] as const) {
    await house.rows(
      order("2026-03-01T00:00:00Z", name, { sku }),
      receipt("2026-03-04T00:00:00Z", name, 10, { sku }),
    );
  }
  const learnt = await learn();
  expect(learnt.filter(({ location }) => location === "")).toMatchObject([
    { sku: "A", vendor: "acme", n: 1 },
    { sku: "A", vendor: "bolt", n: 1 },
    { sku: "B", vendor: "", n: 1 },
  ]);
});

it("the newest fifty lines count, and a forgotten order as three medians", async () => {
  const day = (n: number) => new Date(Date.UTC(2026, 0, n)).toISOString();
  const lines = Array.from({ length: 60 }, (_, i) => {
    // The first ten took 20 days, the rest 4; the last of all a hundred.
    const days = i < 10 ? 20 : i === 59 ? 100 : 4;
    const placed = i < 10 ? i - 100 : i;
    return [order(day(placed), `o${i}`), receipt(day(placed + days), `o${i}`, 10)];
  });
  await house.rows(...lines.flat());
  expect((await learn())[0]).toMatchObject({
    n: 50,
    mean_days: (49 * 4 + 12) / 50,
    last_days: 100,
  });
});
