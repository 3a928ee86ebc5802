// Of a refused hold of several lines the ledger keeps which were short, so that a repeat can be told what the first was.
import { expect, test } from "vitest";
import { rebuildCommand } from "../../../actors/stock/rebuild.ts";
import { decisionOf } from "../../../http/ledger_decisions.ts";
import type { Row } from "../../../http/ledger_rows.ts";
import { Fold, type Json } from "./support/fold.ts";

/** A row as Postgres gives it to the edge. */
function asRead(row: object): Row {
  const snake = (name: string) => name.replace(/[A-Z]/g, (one) => `_${one.toLowerCase()}`);
  const entries = Object.entries(row).map(([name, value]) => [snake(name), value]);
  const { extra, ...rest } = Object.fromEntries(entries) as Row;
  const appended_at = new Date(Number(rest.appended_at));
  return { ...rest, appended_at, extra: JSON.parse((extra as string | null) ?? "null") };
}

const at = (location: string) => ({ sku: "A", location });
const hold = (more: Json) => ({ type: "hold", ...at("-"), hold: "h", ttlMs: 60_000, ...more });

test.each<[string, Json, Json[]]>([
  [
    "two of three lines",
    hold({
      id: "c",
      lines: [
        { sku: "A", location: "x", qty: 4 },
        { sku: "A", location: "y", qty: 1 },
        { sku: "B", qty: 2 },
      ],
    }),
    [
      { sku: "A", location: "x", qty: 4, short: 3, available: 3 },
      { sku: "B", location: "-", qty: 2, short: 2 },
    ],
  ],
  ["no location", hold({ id: "c", qty: 9 }), [{ ...at("x"), qty: 9, short: 8, available: 3 }]],
  [
    "no location, and nothing anywhere",
    hold({ id: "c", sku: "B", qty: 2 }),
    [{ sku: "B", location: "-", qty: 2, short: 2 }],
  ],
])("%s: the ledger tells the short lines as the decision did", (_name, command, wanted) => {
  const fold = new Fold();
  fold.send({ type: "policy", ...at("x"), channels: { default: { buffer: 2 } } });
  fold.send({ type: "receipt", ...at("x"), qty: 3 });
  fold.send({ type: "receipt", ...at("y"), qty: 3 });
  const decision = fold.send(command);
  const rows = fold.out.rows.filter(({ seq }) => seq === decision.seq);
  const told = decision.lines?.map(({ level, ...line }) => ({
    ...line,
    ...(level === undefined ? {} : { available: level.available }),
  }));
  expect(told?.filter(({ short }) => short > 0)).toEqual(wanted);
  expect(decisionOf(rows.map(asRead))?.lines).toEqual(wanted);
  expect(rebuildCommand(rows)).toEqual(command);
});
