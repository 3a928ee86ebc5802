// Pure.
// The past of the simulated chain: what an eighth of its articles sold on each day before it began to trade, one sale
// a shelf and day, after one delivery of all of it. Told as history (`backfill`), so that it raises no need, and the
// same for the same seed and last day.

import type { Command } from "../../shared/messages.ts";
import { formatTime } from "../../shared/time.ts";
import { type Article, type Chain, LINES_PER_BASKET, type Place } from "./chain.ts";
import { type Random, seededRandom } from "./random.ts";
import { rhythm } from "./rhythm.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const HOURS = 24;
const YEAR_DAYS = 365;
/** Every so many articles have a past: all kinds of them, and few enough to tell in seconds. */
const ARTICLE_STRIDE = 8;
/** How far a year's season moves demand, and a year's trend. */
const SEASON = 0.25;
const TREND = 0.2;
/** The time of day of a day's sale, UTC: the same local day at every place. */
const HOUR_UTC = 12;

export type HistoryOptions = {
  seed: number;
  /** Days told, the last one ending at `untilMs`. */
  days: number;
  /** Start of the UTC day that is not told any more. */
  untilMs: number;
};

/** The commands of one shelf after the other. */
export function* pastOf(chain: Chain, options: HistoryOptions): Generator<Command[]> {
  const carried = chain.places.map((_, place) =>
    chain.shelves
      .filter((shelf) => shelf.place === place)
      .reduce((sum, shelf) => sum + chain.articles[shelf.article]!.popularity, 0),
  );
  const random = seededRandom(options.seed ^ 0x9a57);
  for (const { place, article } of chain.shelves) {
    if (article % ARTICLE_STRIDE !== 0) continue;
    const at = chain.places[place]!;
    const what = chain.articles[article]!;
    const commands = shelfPast(random, at, what, what.popularity / carried[place]!, options);
    if (commands.length > 0) yield commands;
  }
}

/** SKUs that have a past, the one that sells best first. */
export function skusWithPast({ articles }: Chain): string[] {
  return articles
    .filter((_, index) => index % ARTICLE_STRIDE === 0)
    .sort((a, b) => b.popularity - a.popularity)
    .map((article) => article.sku);
}

function shelfPast(
  random: Random,
  place: Place,
  article: Article,
  share: number,
  { seed, days, untilMs }: HistoryOptions,
): Command[] {
  const perDay = place.basketsPerDay * LINES_PER_BASKET * share * article.unitsPerLine;
  const common = { sku: article.sku, location: place.location, backfill: true } as const;
  const commands: Command[] = [];
  let total = 0;
  for (let day = days; day >= 1; day--) {
    const ms = untilMs - day * DAY_MS;
    const season = 1 + SEASON * Math.sin((2 * Math.PI * (ms / DAY_MS)) / YEAR_DAYS);
    const trend = 1 - (TREND * day) / YEAR_DAYS;
    const qty = poisson(random, perDay * weekday(place, ms) * season * trend);
    if (qty === 0) continue;
    total += qty;
    const at = formatTime(ms + HOUR_UTC * HOUR_MS);
    commands.push({
      type: "sale",
      id: `demo-${seed}-past-${day}`,
      ...common,
      qty,
      at,
      channel: place.kind === "store" ? "pos" : place.kind,
    });
  }
  if (total === 0) return [];
  const at = formatTime(untilMs - (days + 1) * DAY_MS);
  const delivery: Command = { type: "receipt", id: `demo-${seed}-past`, ...common, qty: total, at };
  return [delivery, ...commands];
}

/** A day's trade as a multiple of the average day's. */
function weekday(place: Place, dayMs: number): number {
  let sum = 0;
  for (let hour = 0; hour < HOURS; hour++)
    sum += rhythm(
      place.kind,
      dayMs + (hour - place.utcOffsetHours) * HOUR_MS,
      place.utcOffsetHours,
    );
  return sum / HOURS;
}

/** Source: Knuth, "The Art of Computer Programming" 2, 3.4.1; large means by the normal around them. */
function poisson(random: Random, mean: number): number {
  if (mean > 50) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random(); product > limit; product *= random()) count++;
  return count;
}
