// Random logs: commands of scripts/sim/command_maker.ts in entries of one or several, with repeats, conflicts, bad
// input and gaps in time, all from one seed.
import { Chance } from "../../../../scripts/sim/chance.ts";
import { type CommandJson, CommandMaker } from "../../../../scripts/sim/command_maker.ts";
import { Fold, type Json } from "./fold.ts";

const SKUS = ["A", "B", "C.1", "D*"];
const LOCATIONS = ["store-1", "store-2", "wh"];

export type RandomLogOptions = { entries: number; recentIdsMax?: number };

/** Folds a random log; `each` is called after every entry with the commands sent. */
export function randomLog(
  seed: number,
  { entries, recentIdsMax = 24 }: RandomLogOptions,
  each: (fold: Fold, sent: readonly unknown[]) => void = () => {},
): Fold {
  const chance = new Chance(seed);
  const fold = new Fold({ recentIdsMax });
  const maker = new CommandMaker(chance.fork("commands"), {
    skus: SKUS,
    locations: LOCATIONS,
    shards: 1,
    nowMs: () => fold.nowMs,
  });
  const sent: CommandJson[] = [];
  for (const sku of SKUS) {
    for (const location of LOCATIONS) sent.push(...maker.opening({ sku, location }));
  }
  fold.bundle(sent);
  each(fold, sent);
  for (let i = 0; i < entries; i++) {
    tellNeeds(fold, maker);
    const atMs = fold.nowMs + passing(chance);
    const bodies = nextBodies(chance, maker, sent);
    fold.bundle(bodies, atMs);
    each(fold, bodies);
  }
  return fold;
}

/** Mostly moments, now and then hours, sometimes backwards. */
function passing(chance: Chance): number {
  const steps = { "0": 4, "1": 2, "-500": 1, "20000": 3, "3600000": 2, "90000000": 0.3 };
  return Number(chance.weighted(steps));
}

function nextBodies(chance: Chance, maker: CommandMaker, sent: CommandJson[]): unknown[] {
  const bodies: unknown[] = [];
  for (let n = chance.is(0.7) ? 1 : chance.int(2, 6); n > 0; n--) {
    const draw = chance.unit();
    if (draw < 0.08) bodies.push(chance.pick(sent));
    else if (draw < 0.1) bodies.push({ ...chance.pick(sent), ref: `other${chance.int(1, 99)}` });
    else if (draw < 0.13) bodies.push(chance.pick(BAD));
    else {
      const command = maker.next();
      sent.push(command);
      bodies.push(command);
    }
  }
  return bodies;
}

const BAD: unknown[] = [
  null,
  7,
  {},
  { type: "sale", sku: "A", location: "store-1", qty: 1.5, id: "bad" },
  { type: "sale", sku: "A", location: "-", qty: 1 },
  { type: "steal", sku: "A", location: "store-1", qty: 1 },
  { type: "count", sku: "A", location: "store-1", counted: -1 },
];

function tellNeeds(fold: Fold, maker: CommandMaker): void {
  for (const message of fold.effects("need").slice(-3)) {
    const { sku, location, need, qty } = message as unknown as Json;
    maker.needs.add({ sku, location, need, qty } as Parameters<typeof maker.needs.add>[0]);
  }
}
