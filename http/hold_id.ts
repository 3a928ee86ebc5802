// Pure.
// Hold ids minted by the edge carry their home SKU, so that a hold can be found by its id alone:
// `h1.<base64url of the SKU>.<unique>`. A SKU too long for an id of 128 characters is not carried
// (`h0.<unique>`): such a hold, like one with a client's own id, is asked for with ?sku=.

import { ID_LENGTH_MAX, nameFault, parseSku, type Sku } from "../shared/ids.ts";

const UNIQUE = /^[A-Za-z0-9_-]+$/;

/** @param unique 1 to 43 characters of base64url or `-`, unique for this hold */
export function makeHoldId(sku: string, unique: string): string {
  const id = headOf(sku) + unique;
  return id.length <= ID_LENGTH_MAX ? id : `h0.${unique}`;
}

/** Whether `skuOfHoldId` finds this SKU in a hold id. */
export function carriesSku(id: string, sku: string): boolean {
  const head = headOf(sku);
  return id.startsWith(head) && UNIQUE.test(id.slice(head.length));
}

/** The home SKU a hold id carries, or undefined when it carries none. */
export function skuOfHoldId(id: string): Sku | undefined {
  const m = /^h1\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/.exec(id);
  const carried = m?.[1];
  if (carried === undefined) return undefined;
  const sku = Buffer.from(carried, "base64url").toString("utf8");
  if (Buffer.from(sku, "utf8").toString("base64url") !== carried) return undefined;
  return nameFault(sku) === undefined ? parseSku(sku) : undefined;
}

function headOf(sku: string): string {
  return `h1.${Buffer.from(sku, "utf8").toString("base64url")}.`;
}
