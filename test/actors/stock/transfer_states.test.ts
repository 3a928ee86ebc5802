// The lifecycle of a transfer: every state, every command. S10
import { describe, expect, it } from "vitest";
import type { AlertMessage } from "../../../shared/effects.ts";
import { Fold, type Json } from "./support/fold.ts";

const DAY_MS = 86_400_000;
const ship = (qty: number, more: Json = {}): Json => ({
  ...{ type: "ship", sku: "A", location: "source" },
  ...{ qty, transfer: "t", to: "target", ...more },
});
const arrive = (location: string, qty: number, more: Json = {}): Json => ({
  ...{ type: "arrive", sku: "A", location, qty, transfer: "t", from: "source" },
  ...more,
});
const final = { final: true };

const STATES = {
  unknown: [],
  shipped: [ship(10)],
  partly: [ship(10), arrive("target", 4)],
  arrivedFirst: [arrive("target", 4)],
  all: [ship(10), arrive("target", 10)],
  closed: [ship(10), arrive("target", 8, final)],
  back: [ship(10), arrive("source", 10)],
} satisfies Record<string, Json[]>;
type State = keyof typeof STATES;

const COMMANDS = {
  ship: ship(5),
  shipFinal: ship(5, final),
  shipElsewhere: ship(5, { to: "other" }),
  arrive: arrive("target", 3),
  arriveFinal: arrive("target", 3, final),
  arriveElsewhere: arrive("other", 3),
  comeBack: arrive("source", 10),
  days90: { type: "tick", sku: "A", location: "target" },
} satisfies Record<string, Json>;
type Name = keyof typeof COMMANDS;

/** State of the record after it, units in transit (where), units told lost so far. */
type Expected = readonly [state: string, inTransit: string, lost: number];
const gone = (lost = 0): Expected => ["unknown", "0", lost];
const open = (units: number, where = "target"): Expected => ["open", `${units} to ${where}`, 0];
const done: Expected = ["open", "0", 0];
const closed = (lost: number): Expected => ["closed", "0", lost];

const EXPECTED: Record<State, Record<Name, Expected>> = {
  unknown: {
    ship: open(5),
    shipFinal: closed(5),
    shipElsewhere: open(5, "other"),
    arrive: done,
    // Nothing is told lost before a ship is logged.
    arriveFinal: closed(0),
    arriveElsewhere: done,
    comeBack: done,
    days90: gone(),
  },
  shipped: {
    ship: open(15),
    shipFinal: closed(15),
    // The first ship named the target.
    shipElsewhere: open(15),
    arrive: open(7),
    arriveFinal: closed(7),
    arriveElsewhere: open(7),
    comeBack: closed(0),
    days90: open(10),
  },
  partly: {
    ship: open(11),
    shipFinal: closed(11),
    shipElsewhere: open(11),
    arrive: open(3),
    arriveFinal: closed(3),
    arriveElsewhere: open(3),
    // More came back than was left: four more arrived than were shipped.
    comeBack: closed(-4),
    days90: open(6),
  },
  arrivedFirst: {
    ship: open(1),
    shipFinal: closed(1),
    // What arrived elsewhere counts against what is shipped there.
    shipElsewhere: open(1, "other"),
    arrive: done,
    arriveFinal: closed(0),
    arriveElsewhere: done,
    comeBack: done,
    days90: gone(),
  },
  all: {
    ship: open(5),
    shipFinal: closed(5),
    shipElsewhere: open(5),
    arrive: done,
    arriveFinal: closed(-3),
    arriveElsewhere: done,
    comeBack: closed(-10),
    days90: gone(),
  },
  // What comes after closing corrects what was told.
  closed: {
    ship: closed(7),
    shipFinal: closed(7),
    shipElsewhere: closed(7),
    arrive: closed(-1),
    arriveFinal: closed(-1),
    arriveElsewhere: closed(-1),
    comeBack: closed(-8),
    days90: gone(2),
  },
  back: {
    ship: closed(5),
    shipFinal: closed(5),
    shipElsewhere: closed(5),
    arrive: closed(-3),
    arriveFinal: closed(-3),
    arriveElsewhere: closed(-3),
    comeBack: closed(-10),
    days90: gone(),
  },
};

function outcome(state: State, name: Name): Expected {
  const fold = new Fold();
  for (const command of STATES[state]) fold.send(command);
  const { outcome } = fold.send(COMMANDS[name], fold.nowMs + (name === "days90" ? 90 * DAY_MS : 0));
  expect(outcome).toBe("applied");
  fold.checkpoint();
  const record = fold.table("transfer")[0];
  const isOpen = record?.closed === true ? "closed" : "open";
  const moving = fold.levels().filter((level) => level.inTransit !== 0);
  const inTransit = moving.map(({ inTransit, location }) => `${inTransit} to ${location}`);
  const alerts = fold.effects("alert") as AlertMessage[];
  const told = alerts.findLast(({ kind }) => kind === "transfer_loss");
  return [
    record === undefined ? "unknown" : isOpen,
    inTransit.join(", ") || "0",
    Number(told?.details?.lost ?? 0),
  ];
}

describe.each(Object.keys(STATES) as State[])("transfer %s", (state) => {
  it.each(Object.entries(EXPECTED[state]) as [Name, Expected][])("%s", (name, expected) => {
    expect(outcome(state, name)).toEqual(expected);
  });
});
