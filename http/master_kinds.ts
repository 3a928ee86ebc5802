// Owns the kinds of master data: what a row of each may say, what tells rows apart, the columns they are kept in.

import { z } from "zod";
import {
  CountSchema,
  IdSchema,
  PlaceSchema,
  PositiveSchema,
  recordOf,
  SkuSchema,
  TextSchema,
} from "../shared/fields.ts";
import { ATTRIBUTES_LENGTH_MAX, ATTRIBUTES_MAX } from "../shared/limits.ts";
import { openingHoursFault } from "../shared/opening_hours.ts";
import { parseTime } from "../shared/time.ts";

const text = TextSchema.nullish();
const daysUpTo = (most: number) =>
  CountSchema.refine((n) => n <= most, `expected at most ${most} days`);
const attributes = recordOf(
  TextSchema,
  z.union([TextSchema, z.number(), z.boolean(), z.null()]),
  ATTRIBUTES_MAX,
)
  .refine(
    (values) => JSON.stringify(values).length <= ATTRIBUTES_LENGTH_MAX,
    `expected at most ${ATTRIBUTES_LENGTH_MAX} characters of JSON`,
  )
  .nullish()
  .describe("free names and values");
const currency = z
  .string()
  .regex(/^[A-Z]{3}$/, "expected a currency code of three capitals")
  .nullish();

const ItemSchema = z.strictObject({
  sku: SkuSchema,
  name: text,
  category: text,
  unitCost: CountSchema.nullish().describe("cost of one base unit, in minor units of `currency`"),
  currency,
  pack: PositiveSchema.nullish(),
  shelfLifeDays: daysUpTo(36_500).nullish(),
  attributes,
});

/** Zones that both we and Postgres understand by the same name: no offsets, whose signs differ. */
const TimeZoneSchema = z
  .string()
  .refine(isTimeZone, "expected a time zone of the IANA database, such as Europe/Berlin");

const OpensSchema = TextSchema.superRefine((value, context) => {
  const message = openingHoursFault(value);
  if (message !== undefined) context.addIssue({ code: "custom", message });
}).describe("opening hours, such as `Mo-Sa 09:00-20:00; Su off; PH off`; none: always open");

const LocationRowSchema = z.strictObject({
  location: PlaceSchema,
  name: text,
  kind: z.enum(["store", "warehouse", "web", "marketplace"]).optional(),
  timeZone: TimeZoneSchema.optional(),
  opens: OpensSchema.nullish(),
  attributes,
});

const VendorSchema = z.strictObject({
  vendor: IdSchema,
  name: text,
  gateway: text.describe("who speaks to it"),
  attributes,
});

const CatalogRowSchema = z.strictObject({
  vendor: IdSchema,
  sku: SkuSchema,
  vendorSku: text,
  price: CountSchema.nullish().describe("of one base unit, in minor units of `currency`"),
  currency,
  minimum: PositiveSchema.optional().describe("least units of an order; 1"),
  multiple: PositiveSchema.optional().describe("units come in multiples of it; 1"),
  leadTimeDays: daysUpTo(730).nullish().describe("what it promises"),
  attributes,
});

const DaySchema = z
  .string()
  .refine(
    (day) =>
      /^(19[7-9]|20\d|21\d)\d-\d\d-\d\d$/.test(day) && parseTime(`${day}T00:00:00Z`) !== undefined,
    "expected a day from 1970 to 2199, such as 2026-12-24",
  );
const SIGNAL_MAX = 1e9;

const SignalSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][A-Za-z0-9_]{0,63}$/, "expected a name of a-z, A-Z, 0-9, _ such as promotion"),
  location: PlaceSchema.optional().describe("none: every location"),
  sku: SkuSchema.optional().describe("none: every SKU"),
  day: DaySchema.describe("local day of the location"),
  value: z
    .number()
    .refine((n) => Math.abs(n) <= SIGNAL_MAX, "expected a number from -10^9 to 10^9")
    .describe("0 is off"),
});

export type MasterKind = "items" | "locations" | "vendors" | "catalog" | "signals";
export type MasterRow = Record<string, unknown>;

export type MasterColumn = {
  name: string;
  type: "text" | "int4" | "int8" | "float8" | "date" | "jsonb";
  /** What a new row has when it does not say, as SQL; null without. */
  fallback?: string;
};

export type KindSpec = {
  /** What one row is called. */
  what: string;
  /** `operationId`s are made of these: putItems, listItems, getItem. */
  one: string;
  many: string;
  schema: z.ZodObject;
  /** Fields that tell rows apart. One that has a fallback may be left out. */
  key: readonly string[];
  table: string;
  columns: Readonly<Record<string, MasterColumn>>;
  /** Fields a list may be filtered by. */
  filters: readonly string[];
  /** Has levels without being stored here first: `key` is a column of stock_level by the same name. */
  mayBeUnregistered?: true;
  csv: string;
};

const column = (
  name: string,
  type: MasterColumn["type"] = "text",
  fallback?: string,
): MasterColumn => (fallback === undefined ? { name, type } : { name, type, fallback });

export const MASTER: Readonly<Record<MasterKind, KindSpec>> = {
  items: {
    what: "item",
    one: "Item",
    many: "Items",
    schema: ItemSchema,
    key: ["sku"],
    table: "item",
    columns: {
      sku: column("sku"),
      name: column("name"),
      category: column("category"),
      unitCost: column("unit_cost", "int8"),
      currency: column("currency"),
      pack: column("pack", "int8"),
      shelfLifeDays: column("shelf_life_days", "int4"),
      attributes: column("attributes", "jsonb"),
    },
    filters: [],
    mayBeUnregistered: true,
    csv: "sku,name,category,unitCost,currency\nSKU-1094-MD,Shirt M,shirts,1250,EUR\n",
  },
  locations: {
    what: "location",
    one: "Location",
    many: "Locations",
    schema: LocationRowSchema,
    key: ["location"],
    table: "location",
    columns: {
      location: column("location"),
      name: column("name"),
      kind: column("kind", "text", "'store'"),
      timeZone: column("time_zone", "text", "'UTC'"),
      opens: column("opens"),
      attributes: column("attributes", "jsonb"),
    },
    filters: [],
    mayBeUnregistered: true,
    csv:
      "location,name,kind,timeZone,opens\n" +
      "store-3,Main street,store,Europe/Berlin,Mo-Sa 09:00-20:00; PH off\n",
  },
  vendors: {
    what: "vendor",
    one: "Vendor",
    many: "Vendors",
    schema: VendorSchema,
    key: ["vendor"],
    table: "vendor",
    columns: {
      vendor: column("vendor"),
      name: column("name"),
      gateway: column("gateway"),
      attributes: column("attributes", "jsonb"),
    },
    filters: [],
    csv: "vendor,name\nacme,Acme Textiles\n",
  },
  catalog: {
    what: "row of a vendor's catalog",
    one: "CatalogRow",
    many: "Catalog",
    schema: CatalogRowSchema,
    key: ["vendor", "sku"],
    table: "vendor_catalog",
    columns: {
      vendor: column("vendor"),
      sku: column("sku"),
      vendorSku: column("vendor_sku"),
      price: column("price", "int8"),
      currency: column("currency"),
      minimum: column("minimum", "int8", "1"),
      multiple: column("multiple", "int8", "1"),
      leadTimeDays: column("lead_time_days", "int4"),
      attributes: column("attributes", "jsonb"),
    },
    filters: ["vendor", "sku"],
    csv:
      "vendor,sku,vendorSku,price,currency,minimum,multiple,leadTimeDays\n" +
      "acme,SKU-1094-MD,4711,610,EUR,24,12,9\n",
  },
  signals: {
    what: "signal",
    one: "Signal",
    many: "Signals",
    schema: SignalSchema,
    key: ["name", "location", "sku", "day"],
    table: "signal",
    columns: {
      name: column("name"),
      location: column("location", "text", "''"),
      sku: column("sku", "text", "''"),
      day: column("day", "date"),
      value: column("value", "float8"),
    },
    filters: ["name", "location", "sku"],
    csv: "name,location,sku,day,value\nholiday,,,2026-12-25,1\npromotion,store-3,SKU-1094-MD,2026-11-27,1\n",
  },
};

export const MASTER_KINDS = Object.keys(MASTER) as readonly MasterKind[];

/** What tells a row apart, as text. */
export function keyOf(kind: MasterKind, row: MasterRow): string[] {
  return MASTER[kind].key.map((field) => String(row[field] ?? ""));
}

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]{0,60}$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
