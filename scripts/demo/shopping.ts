// Pure.
// What happens in the simulated chain, as commands in the order of simulated time: sales, returns,
// deliveries, counts, and the web store's holds with what becomes of them. The same seed, start and
// opening stock give the same commands, as long as the same holds are refused.
//
// It knows its shelves as a shopkeeper does: what it was told of the opening, less what it sold. It
// never asks the system.

import { assert } from "../../shared/assert.ts";
import type { Command } from "../../shared/messages.ts";
import type { Article, Chain, Place, Shelf } from "./chain.ts";
import { LINES_PER_BASKET } from "./chain.ts";
import { DueQueue } from "./due_queue.ts";
import {
  between,
  geometric,
  type Random,
  seededRandom,
  waiting,
  weightedPicker,
} from "./random.ts";
import { RHYTHM_MAX, rhythm } from "./rhythm.ts";

/** A command at a simulated time. Tills publish by themselves; holds go through our publisher. */
export type Act = { simulatedMs: number; via: "till" | "publisher"; command: Command };

export type ShoppingOptions = {
  seed: number;
  /** Simulated time at the start, ms since 1970. */
  startMs: number;
  /** First part of every id: differs from run to run, so that no run repeats another's. */
  idPrefix: string;
  /** On-hand by shelf when known; else `opening`. */
  onHand?: readonly number[];
  /** Real ms that a cart hold lives. */
  holdTtlMs: number;
};

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const COUNT_EVERY_MS = 10 * 60_000;
const FOLLOW_UPS_MAX = 100_000;

type FollowUp =
  | { kind: "return"; shelf: number; qty: number }
  | { kind: "receipt"; shelf: number; qty: number }
  | { kind: "extend" | "fulfill" | "release"; shelf: number; qty: number; hold: string };

/** Units on each shelf on the first day, by shelf. Depends on the seed alone. */
export function opening(chain: Chain, seed: number): number[] {
  const random = seededRandom(seed ^ 0x5eed);
  return chain.shelves.map((shelf) => between(random, shelf.reorderPoint, shelf.orderUpTo));
}

export class Shopping {
  readonly #chain: Chain;
  readonly #random: Random;
  readonly #options: ShoppingOptions;
  readonly #onHand: number[];
  readonly #coming: boolean[];
  readonly #shelvesOf: { shelves: number[]; pick: (random: Random) => number }[];
  readonly #pickPlace: (random: Random) => number;
  readonly #basketMeanMs: number;
  readonly #due = new DueQueue<FollowUp>();
  readonly #refused = new Set<string>();
  #nextBasketMs: number;
  #nextCountMs: number;
  #ids = 0;

  constructor(chain: Chain, options: ShoppingOptions) {
    this.#chain = chain;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#onHand = [...(options.onHand ?? opening(chain, options.seed))];
    assert(this.#onHand.length === chain.shelves.length, "on-hand is not by shelf");
    this.#coming = chain.shelves.map(() => false);
    this.#shelvesOf = chain.places.map((_, place) => shelvesOf(chain, place));
    this.#pickPlace = weightedPicker(chain.places.map((place) => place.basketsPerDay));
    const perDay = chain.places.reduce((sum, place) => sum + place.basketsPerDay, 0);
    this.#basketMeanMs = DAY_MS / (perDay * RHYTHM_MAX);
    this.#nextBasketMs = options.startMs + waiting(this.#random, this.#basketMeanMs);
    this.#nextCountMs = options.startMs + COUNT_EVERY_MS;
    this.#fillPipeline();
  }

  /** Everything that happens up to simulated time `untilMs`, in order. */
  step(untilMs: number): Act[] {
    const acts: Act[] = [];
    for (;;) {
      const dueMs = this.#due.nextMs() ?? Number.POSITIVE_INFINITY;
      const nextMs = Math.min(dueMs, this.#nextBasketMs, this.#nextCountMs);
      if (nextMs > untilMs) return acts;
      if (nextMs === dueMs) this.#followUp(nextMs, this.#due.take(), acts);
      else if (nextMs === this.#nextCountMs) this.#count(nextMs, acts);
      else this.#basket(nextMs, acts);
    }
  }

  /** The hold was not granted: nothing more will be asked of it. */
  refuse(hold: string): void {
    this.#refused.add(hold);
  }

  /** Deliveries that were on the road when the simulation began, so that the first day has some. */
  #fillPipeline(): void {
    for (const [index, shelf] of this.#chain.shelves.entries()) {
      if (this.#random() > 0.03) continue;
      this.#schedule(this.#options.startMs + this.#random() * DAY_MS, {
        kind: "receipt",
        shelf: index,
        qty: Math.max(1, Math.ceil((shelf.orderUpTo - shelf.reorderPoint) / 2)),
      });
      this.#coming[index] = true;
    }
  }

  #basket(ms: number, acts: Act[]): void {
    const random = this.#random;
    this.#nextBasketMs = ms + waiting(random, this.#basketMeanMs);
    const place = this.#pickPlace(random);
    const { kind, utcOffsetHours } = this.#place(place);
    if (random() * RHYTHM_MAX > rhythm(kind, ms, utcOffsetHours)) return;
    const { shelves, pick } = this.#shelvesOf[place]!;
    const ref = `${this.#options.idPrefix}-r${++this.#ids}`;
    const lines = geometric(random, LINES_PER_BASKET);
    const taken = new Set<number>();
    for (let i = 0; i < lines; i++) {
      const shelf = shelves[pick(random)]!;
      if (taken.has(shelf)) continue;
      taken.add(shelf);
      const qty = geometric(random, this.#article(shelf).unitsPerLine);
      if (kind === "web") this.#order(ms, shelf, qty, ref, acts);
      else this.#sell(ms, shelf, qty, ref, acts);
    }
  }

  #sell(ms: number, index: number, wanted: number, ref: string, acts: Act[]): void {
    const have = this.#onHand[index] ?? 0;
    // What is not on the shelf nobody can carry to the till; a marketplace sells all the same.
    const kind = this.#placeOf(index).kind;
    const qty = kind === "store" ? Math.min(wanted, have) : wanted;
    if (qty <= 0) return;
    this.#take(ms, index, qty);
    const channel = kind === "store" ? "pos" : "marketplace";
    acts.push(
      this.#act(ms, "till", {
        type: "sale",
        ...this.#common(index),
        qty,
        channel,
        ref,
        ...this.#priced(index),
      }),
    );
    if (this.#random() < 0.04)
      this.#schedule(ms + waiting(this.#random, DAY_MS), { kind: "return", shelf: index, qty: 1 });
  }

  /** A web order: into the cart, then paid, then sent; some carts are emptied, some forgotten. */
  #order(ms: number, index: number, qty: number, ref: string, acts: Act[]): void {
    const hold = `${this.#options.idPrefix}-h${++this.#ids}`;
    acts.push(
      this.#act(ms, "publisher", {
        type: "hold",
        ...this.#common(index),
        hold,
        qty,
        ttlMs: this.#options.holdTtlMs,
        channel: "web",
        ref,
        ...this.#priced(index),
      }),
    );
    const fate = this.#random();
    const soonMs = ms + 60_000 + waiting(this.#random, 3 * 60_000);
    const follow = { shelf: index, qty, hold };
    if (fate < 0.8) {
      this.#schedule(soonMs, { kind: "extend", ...follow });
      this.#schedule(soonMs + waiting(this.#random, 4 * HOUR_MS), { kind: "fulfill", ...follow });
    } else if (fate < 0.92) this.#schedule(soonMs, { kind: "release", ...follow });
  }

  #followUp(ms: number, follow: FollowUp, acts: Act[]): void {
    const { shelf, qty } = follow;
    if (follow.kind === "receipt") {
      this.#coming[shelf] = false;
      this.#onHand[shelf] = (this.#onHand[shelf] ?? 0) + qty;
      acts.push(
        this.#act(ms, "till", { type: "receipt", ...this.#common(shelf), qty, ref: "delivery" }),
      );
      return;
    }
    if (follow.kind === "return") {
      this.#onHand[shelf] = (this.#onHand[shelf] ?? 0) + qty;
      acts.push(
        this.#act(ms, "till", { type: "return", ...this.#common(shelf), qty, channel: "pos" }),
      );
      return;
    }
    const { hold, kind } = follow;
    if (this.#refused.has(hold)) {
      if (kind !== "extend") this.#refused.delete(hold);
      return;
    }
    const common = { ...this.#common(shelf), hold, channel: "web" };
    if (kind === "extend")
      acts.push(this.#act(ms, "publisher", { type: "extend", ...common, ttlMs: null }));
    else if (kind === "release")
      acts.push(this.#act(ms, "publisher", { type: "release", ...common, reason: "cart emptied" }));
    else {
      this.#take(ms, shelf, qty);
      acts.push(this.#act(ms, "publisher", { type: "fulfill", ...common, final: true }));
    }
  }

  /** Somebody counts a shelf; now and then a unit or two are missing. */
  #count(ms: number, acts: Act[]): void {
    this.#nextCountMs = ms + COUNT_EVERY_MS;
    const index = between(this.#random, 0, this.#chain.shelves.length - 1);
    const missing = this.#random() < 0.3 ? between(this.#random, 1, 2) : 0;
    const counted = Math.max(0, (this.#onHand[index] ?? 0) - missing);
    if (this.#placeOf(index).kind !== "store") return;
    this.#onHand[index] = counted;
    acts.push(
      this.#act(ms, "till", { type: "count", ...this.#common(index), counted, channel: "pos" }),
    );
  }

  #take(ms: number, index: number, qty: number): void {
    const left = (this.#onHand[index] ?? 0) - qty;
    this.#onHand[index] = left;
    const shelf = this.#shelf(index);
    if (left > shelf.reorderPoint || this.#coming[index]) return;
    const pack = this.#article(index).pack;
    const wanted = Math.max(1, shelf.orderUpTo - left);
    this.#coming[index] = true;
    this.#schedule(ms + 0.5 * DAY_MS + waiting(this.#random, DAY_MS), {
      kind: "receipt",
      shelf: index,
      qty: Math.ceil(wanted / pack) * pack,
    });
  }

  #schedule(ms: number, follow: FollowUp): void {
    if (this.#due.size >= FOLLOW_UPS_MAX && follow.kind === "return") return;
    this.#due.add(ms, follow);
  }

  #act(ms: number, via: Act["via"], command: Command): Act {
    return { simulatedMs: ms, via, command };
  }

  #common(index: number): { id: string; sku: string; location: string } {
    return {
      id: `${this.#options.idPrefix}-${++this.#ids}`,
      sku: this.#article(index).sku,
      location: this.#placeOf(index).location,
    };
  }

  #priced(index: number): { price: number; currency: string } {
    return { price: this.#article(index).price, currency: this.#chain.currency };
  }

  #shelf(index: number): Shelf {
    return this.#chain.shelves[index]!;
  }
  #article(index: number): Article {
    return this.#chain.articles[this.#shelf(index).article]!;
  }
  #place(place: number): Place {
    return this.#chain.places[place]!;
  }
  #placeOf(index: number): Place {
    return this.#place(this.#shelf(index).place);
  }
}

function shelvesOf(chain: Chain, place: number) {
  const shelves = chain.shelves.flatMap((shelf, i) => (shelf.place === place ? [i] : []));
  const weights = shelves.map((i) => chain.articles[chain.shelves[i]!.article]!.popularity);
  return { shelves, pick: weightedPicker(weights) };
}
