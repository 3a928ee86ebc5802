// Pure.
// Makes commands as tills, storefronts, planners and procurement would send them, from a seed. Few SKUs,
// locations and names are used again and again, so that commands meet: sales settle holds, voids find their
// sale, counts come late, orders are restated out of order, ids collide.
import { formatTime } from "../../shared/time.ts";
import { partition } from "../../streams/partition.ts";
import { toToken } from "../../streams/subjects.ts";
import type { Chance } from "./chance.ts";
import { policyFields } from "./policy_fields.ts";

/** A command as JSON would carry it. */
export type CommandJson = { type: string; id?: string; sku: string; location: string } & Record<
  string,
  unknown
>;

export type CommandMakerOptions = {
  skus: readonly string[];
  locations: readonly string[];
  shards: number;
  /** What the sender believes the time to be, ms since 1970. */
  nowMs: () => number;
};

/** Kinds of commands and how often each is made. */
const WEIGHTS = {
  sale: 26,
  return: 5,
  receipt: 14,
  adjust: 4,
  move: 4,
  count: 5,
  ship: 4,
  arrive: 4,
  void: 4,
  hold: 18,
  holdAny: 4,
  holdLines: 4,
  extend: 4,
  fulfill: 6,
  release: 4,
  policy: 3,
  order: 6,
  tick: 1,
  seal: 0.5,
};
type Kind = keyof typeof WEIGHTS;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Names remembered of each sort, to be used again. */
const REMEMBERED_MAX = 12;

type Place = { sku: string; location: string };

/** Remembers the newest few. */
class Memory<T> {
  readonly items: T[] = [];
  add(item: T): void {
    this.items.push(item);
    if (this.items.length > REMEMBERED_MAX) this.items.shift();
  }
}

export class CommandMaker {
  readonly #chance: Chance;
  /** Of its own, so that what a seed makes does not change with it. */
  readonly #placings: Chance;
  readonly #options: CommandMakerOptions;
  readonly #holds = new Memory<Place & { hold: string }>();
  readonly #transfers = new Memory<{ sku: string; from: string; to: string; transfer: string }>();
  readonly #orders = new Memory<Place & { order: string; line: string; rev: number }>();
  readonly #undoable = new Memory<Place & { id: string }>();
  /** Needs the maker was told of (by effects), for orders that name them. */
  readonly needs = new Memory<Place & { need: string; qty: number }>();
  #number = 0;

  constructor(chance: Chance, options: CommandMakerOptions) {
    this.#chance = chance;
    this.#placings = chance.fork("placings");
    this.#options = options;
  }

  /** The next command; `id` is always set. */
  next(): CommandJson {
    return this.make(this.#chance.weighted<Kind>(WEIGHTS));
  }

  /** A first policy and a first receipt for a key, so that something happens at all. */
  opening(place: Place): CommandJson[] {
    const chance = this.#chance;
    const opening: CommandJson[] = [
      { ...this.#base("receipt", place), qty: chance.int(1, 20) },
      { ...this.#base("policy", place), ...policyFields(chance) },
    ];
    return opening.filter(() => chance.is(0.8));
  }

  make(kind: Kind): CommandJson {
    const place = this.#place();
    switch (kind) {
      case "sale":
        return this.#sale(place);
      case "return":
        return this.#undo({ ...this.#base(kind, place), qty: this.#qty(), ...this.#bucket() });
      case "receipt":
        return this.#receipt(place);
      case "adjust":
        return this.#undo({
          ...this.#base(kind, place),
          delta: this.#qty() * (this.#chance.is(0.7) ? -1 : 1),
          reason: "shrinkage",
          ...this.#bucket(),
        });
      case "move":
        return this.#move(place);
      case "count":
        return this.#count(place);
      case "ship":
      case "arrive":
        return this.#transfer(kind);
      case "void":
        return this.#void(place);
      case "hold":
      case "holdAny":
      case "holdLines":
        return this.#hold(kind, place);
      case "extend":
      case "fulfill":
      case "release":
      case "seal":
        return this.#ofHold(kind);
      case "policy":
        return { ...this.#base(kind, place), ...policyFields(this.#chance) };
      case "order":
        return this.#order(place);
      case "tick":
        return { ...this.#base(kind, place) };
    }
  }

  // ---------------------------------------------------------------- facts

  #sale(place: Place): CommandJson {
    const chance = this.#chance;
    if (chance.is(0.25) && this.#holds.items.length > 0) {
      const { hold, ...held } = chance.pick(this.#holds.items);
      // Sometimes at another till than where it is held.
      const at = chance.is(0.7) ? held : { sku: held.sku, location: place.location };
      return this.#undo({ ...this.#base("sale", at), qty: this.#qty(), hold });
    }
    const command = { ...this.#base("sale", place), qty: this.#qty() };
    if (chance.is(0.2)) Object.assign(command, { price: chance.int(1, 9999), currency: "EUR" });
    if (chance.is(0.1)) Object.assign(command, { ref: `r${chance.int(1, 9)}` });
    if (chance.is(0.3)) Object.assign(command, { channel: chance.pick(["till", "web", "pos"]) });
    return this.#undo(command);
  }

  #receipt(place: Place): CommandJson {
    const chance = this.#chance;
    if (chance.is(0.35)) {
      const known = this.#orders.items;
      if (known.length > 0 && chance.is(0.8)) {
        const { sku, location, order, line } = chance.pick(known);
        const at = { sku, location: chance.is(0.9) ? location : place.location };
        return this.#undo({ ...this.#base("receipt", at), qty: chance.int(1, 20), order, line });
      }
      const { order, line } = this.#newOrder(place);
      return this.#undo({ ...this.#base("receipt", place), qty: chance.int(1, 20), order, line });
    }
    return this.#undo({
      ...this.#base("receipt", place),
      qty: chance.int(1, 15),
      ...this.#bucket(),
    });
  }

  #move(place: Place): CommandJson {
    const chance = this.#chance;
    const from = chance.pick(["sellable", "sellable", "damaged"]);
    const to = chance.pick(["sellable", "damaged", "qualityControl"]);
    return this.#undo({ ...this.#base("move", place), qty: this.#qty(), from, to });
  }

  #count(place: Place): CommandJson {
    const chance = this.#chance;
    const command: CommandJson = { ...this.#base("count", place), counted: chance.int(0, 15) };
    const agoMs = chance.pick([0, MINUTE_MS, HOUR_MS, 6 * HOUR_MS, 30 * HOUR_MS, 50 * HOUR_MS]);
    command.at = formatTime(this.#options.nowMs() - chance.int(0, agoMs));
    if (chance.is(0.15)) command.bucket = "damaged";
    return command;
  }

  #transfer(type: "ship" | "arrive"): CommandJson {
    const chance = this.#chance;
    const { locations } = this.#options;
    let known = this.#transfers.items.length > 0 ? chance.pick(this.#transfers.items) : undefined;
    if (known === undefined || chance.is(0.5)) {
      const from = chance.pick(locations);
      const to = chance.pick(locations);
      known = { sku: this.#place().sku, from, to, transfer: `t${this.#number++}` };
      this.#transfers.add(known);
    }
    const { sku, from, to, transfer } = known;
    const final = chance.is(0.3) ? { final: true } : {};
    if (type === "ship") {
      const eta = chance.is(0.5) ? { eta: this.#time(chance.int(-1, 5) * DAY_MS) } : {};
      const command = this.#base("ship", { sku, location: from });
      return { ...command, qty: this.#qty(), transfer, to, ...eta, ...final };
    }
    // Now and then it comes back, or arrives where nobody expected it.
    const location = chance.is(0.8) ? to : chance.is(0.5) ? from : chance.pick(locations);
    const command = this.#base("arrive", { sku, location });
    return { ...command, qty: chance.int(0, 4), transfer, from, ...final };
  }

  #void(place: Place): CommandJson {
    const chance = this.#chance;
    const found = this.#undoable.items.length > 0 ? chance.pick(this.#undoable.items) : undefined;
    const of = found === undefined || chance.is(0.1) ? `nothing${chance.int(1, 3)}` : found.id;
    const command = this.#base("void", found ?? place);
    const qty = chance.is(0.3) ? { qty: this.#qty() } : {};
    return { ...command, of, ...qty, reason: "mistake" };
  }

  /** Remembers a fact that a void may name later. */
  #undo(command: CommandJson): CommandJson {
    const { sku, location, id } = command;
    if (id !== undefined) this.#undoable.add({ sku, location, id });
    return command;
  }

  // ---------------------------------------------------------------- requests

  #hold(kind: "hold" | "holdAny" | "holdLines", place: Place): CommandJson {
    const chance = this.#chance;
    const again = this.#holds.items.length > 0 && chance.is(0.15);
    const known = again ? chance.pick(this.#holds.items) : undefined;
    const hold = known?.hold ?? `h${this.#number++}`;
    const common = {
      hold,
      ttlMs: this.#ttlMs(),
      ...(chance.is(0.25) ? { backorder: true } : {}),
      ...(chance.is(0.5) ? { channel: chance.pick(["web", "web", "market", "till"]) } : {}),
      ...(chance.is(0.5) ? { shopper: `s${chance.int(1, 3)}` } : {}),
    };
    if (kind === "holdLines") return this.#holdLines(common);
    const at = known ?? place;
    const location = kind === "holdAny" ? "-" : at.location;
    this.#holds.add({ sku: at.sku, location: at.location, hold });
    const command = this.#base("hold", { sku: at.sku, location });
    const chosen = [...this.#options.locations].filter(() => chance.is(0.6));
    const list = kind === "holdAny" && chosen.length > 0 ? { locations: chosen } : {};
    return { ...command, ...common, qty: this.#qty(), ...list };
  }

  /** Lines of one shard; some name no location. */
  #holdLines(common: { hold: string }): CommandJson {
    const chance = this.#chance;
    const { skus, shards } = this.#options;
    const first = chance.pick(skus);
    const shard = partition(toToken(first), shards);
    const same = skus.filter((sku) => partition(toToken(sku), shards) === shard);
    const places = new Map<string, { sku: string; location?: string }>();
    for (let i = chance.int(1, 3); i > 0; i--) {
      const location = chance.is(0.7) ? this.#place().location : undefined;
      const sku = places.size === 0 ? first : chance.pick(same);
      places.set(`${sku} ${location}`, { sku, ...(location === undefined ? {} : { location }) });
    }
    const lines = [...places.values()].map((place) => ({ ...place, qty: this.#qty() }));
    const location = lines[0]?.location ?? "-";
    this.#holds.add({
      sku: first,
      location: location === "-" ? this.#place().location : location,
      hold: common.hold,
    });
    return { ...this.#base("hold", { sku: first, location }), ...common, lines };
  }

  #ofHold(type: "extend" | "fulfill" | "release" | "seal"): CommandJson {
    const chance = this.#chance;
    const known = this.#holds.items.length > 0 ? chance.pick(this.#holds.items) : undefined;
    const place = known ?? this.#place();
    // A hold that let the actor choose may be named without its location.
    const location = chance.is(0.15) ? "-" : place.location;
    const base = this.#base(type, { sku: place.sku, location });
    const command: CommandJson = { ...base, hold: known?.hold ?? "unknown" };
    if (type === "extend") command.ttlMs = this.#ttlMs();
    if (type === "seal") command.outcome = chance.pick(["held", "aborted", "fulfilled"]);
    if (type === "fulfill" && chance.is(0.5)) command.qty = this.#qty();
    if (type === "fulfill" && chance.is(0.2)) command.final = true;
    if (type === "release" && chance.is(0.5)) command.reason = "changed my mind";
    this.#namePlacing(command);
    return command;
  }

  /** Now and then a command says which placing of the hold it means: hardly ever the one that stands. */
  #namePlacing(command: CommandJson): void {
    const chance = this.#placings;
    const backMs = chance.pick([0, HOUR_MS, DAY_MS, 100 * DAY_MS]);
    const by = chance.is(0.5) ? `place${chance.int(0, 30)}` : "other";
    const at = formatTime(this.#options.nowMs() - backMs);
    if (chance.is(0.06)) command.placing = chance.pick<object>([{ by }, { at }, { by, at }]);
  }

  #order(place: Place): CommandJson {
    const chance = this.#chance;
    let known = this.#orders.items.length > 0 ? chance.pick(this.#orders.items) : undefined;
    const need =
      this.needs.items.length > 0 && chance.is(0.6) ? chance.pick(this.needs.items) : undefined;
    if (known === undefined || chance.is(0.4)) known = this.#newOrder(need ?? place);
    // Restatements arrive late and out of order.
    const rev = Math.max(0, known.rev + chance.int(-2, 2));
    known.rev = Math.max(known.rev, rev);
    const { sku, location, order, line } = known;
    return {
      ...this.#base("order", { sku, location }),
      order,
      line,
      rev,
      ...(need !== undefined && need.sku === sku ? { need: need.need } : {}),
      ordered: chance.int(0, 30),
      status: chance.weighted({
        placed: 4,
        confirmed: 3,
        delayed: 2,
        shipped: 2,
        received: 1,
        closed: 1,
        cancelled: 2,
      }),
      ...(chance.is(0.6) ? { eta: this.#time(chance.int(-2, 6) * DAY_MS) } : {}),
      ...(chance.is(0.15) ? { quietUntil: this.#time(chance.int(-1, 3) * DAY_MS) } : {}),
    };
  }

  #newOrder(place: Place): Place & { order: string; line: string; rev: number } {
    const order = {
      sku: place.sku,
      location: place.location,
      order: `o${this.#number++}`,
      line: "1",
      rev: 0,
    };
    this.#orders.add(order);
    return order;
  }

  // ---------------------------------------------------------------- parts

  #base(type: string, place: Place): CommandJson {
    const chance = this.#chance;
    const { sku, location } = place;
    const command: CommandJson = { type, id: `c${this.#number++}`, sku, location };
    if (chance.is(0.02)) command.id = `same${chance.int(1, 4)}`;
    const draw = chance.unit();
    if (draw < 0.12) command.at = this.#time(-chance.int(0, 3 * HOUR_MS));
    else if (draw < 0.15) command.at = this.#time(-chance.int(0, 3 * DAY_MS));
    else if (draw < 0.16) command.at = this.#time(-chance.int(20, 60) * DAY_MS);
    else if (draw < 0.17) command.at = this.#time(chance.int(0, 400) * DAY_MS);
    else if (draw < 0.2) command.at = this.#time(chance.int(0, 6 * MINUTE_MS));
    if (chance.is(0.04)) command.backfill = true;
    return command;
  }

  #place(): Place {
    return {
      sku: this.#chance.pick(this.#options.skus),
      location: this.#chance.pick(this.#options.locations),
    };
  }

  #qty(): number {
    return this.#chance.is(0.02) ? 2 ** 49 : this.#chance.int(1, 5);
  }

  #bucket(): { bucket?: string } {
    return this.#chance.is(0.2) ? { bucket: this.#chance.pick(["damaged", "sellable"]) } : {};
  }

  #ttlMs(): number | null {
    const chance = this.#chance;
    if (chance.is(0.2)) return null;
    return chance.pick([1_000, 30_000, 5 * MINUTE_MS, HOUR_MS, 2 * DAY_MS, chance.int(1, 60_000)]);
  }

  #time(fromNowMs: number): string {
    return formatTime(Math.floor(this.#options.nowMs() + fromNowMs));
  }
}
