// Pure.
// The simulated retail chain: who sells what, where. A dozen shops, the warehouse of a web store and
// the stock of a marketplace; 2,000 SKUs, a few of which sell all day and most of which seldom do.

import { between, type Random, seededRandom } from "./random.ts";

export type Kind = "store" | "web" | "marketplace";

export type Place = {
  location: string;
  name: string;
  kind: Kind;
  timeZone: string;
  /** Hours the place is ahead of UTC; the simulated year has no daylight saving. */
  utcOffsetHours: number;
  opens: string;
  /** Baskets of an average day. */
  basketsPerDay: number;
};

export type Article = {
  sku: string;
  name: string;
  category: string;
  /** Minor units. */
  price: number;
  unitCost: number;
  pack: number;
  /** Chance to be in a basket, relative to others. */
  popularity: number;
  /** Mean units of a line. */
  unitsPerLine: number;
  /** Sells in bursts with long pauses between. */
  intermittent: boolean;
};

/** A SKU carried at a place, with what its shelf is meant to hold. */
export type Shelf = { place: number; article: number; reorderPoint: number; orderUpTo: number };

export type Chain = { places: Place[]; articles: Article[]; shelves: Shelf[]; currency: "GBP" };

const ARTICLES = 2_000;
const COVER_DAYS = 10;

const SHOPS: readonly [string, string, string, number, number][] = [
  ["store-1", "London Oxford Street", "Europe/London", 0, 620],
  ["store-2", "London Camden", "Europe/London", 0, 380],
  ["store-3", "Manchester", "Europe/London", 0, 410],
  ["store-4", "Edinburgh", "Europe/London", 0, 330],
  ["store-5", "Bristol", "Europe/London", 0, 260],
  ["store-6", "Dublin", "Europe/Dublin", 0, 350],
  ["store-7", "Paris Marais", "Europe/Paris", 1, 440],
  ["store-8", "Lyon", "Europe/Paris", 1, 240],
  ["store-9", "Berlin Mitte", "Europe/Berlin", 1, 420],
  ["store-10", "Amsterdam", "Europe/Amsterdam", 1, 310],
  ["store-11", "New York SoHo", "America/New_York", -5, 480],
  ["store-12", "Boston", "America/New_York", -5, 270],
];

const CATEGORIES: readonly [string, readonly string[], number, number][] = [
  ["Shirts", ["Oxford Shirt", "Linen Shirt", "Tee", "Polo"], 1500, 5900],
  ["Trousers", ["Chino", "Jeans", "Cord Trouser", "Shorts"], 2900, 9900],
  ["Knitwear", ["Jumper", "Cardigan", "Roll Neck"], 3900, 12900],
  ["Outerwear", ["Raincoat", "Parka", "Gilet"], 6900, 24900],
  ["Shoes", ["Trainer", "Loafer", "Boot"], 4900, 17900],
  ["Accessories", ["Belt", "Scarf", "Cap", "Socks", "Wallet"], 700, 4900],
  ["Home", ["Mug", "Candle", "Throw", "Cushion", "Vase"], 600, 6900],
  ["Gifts", ["Notebook", "Card Set", "Tea Tin", "Puzzle"], 300, 2900],
];
const COLOURS = ["Navy", "Ecru", "Olive", "Rust", "Black", "Sky", "Sand", "Plum"];
const SIZES = ["XS", "SM", "MD", "LG", "XL"];

/** The chain of a seed. Sizes are fixed; who carries what and what sells well depend on the seed. */
export function makeChain(seed: number): Chain {
  const random = seededRandom(seed);
  const places: Place[] = SHOPS.map(([location, name, timeZone, utcOffsetHours, baskets]) => ({
    location,
    name,
    kind: "store",
    timeZone,
    utcOffsetHours,
    opens: "Mo-Sa 09:00-20:00; Su 11:00-17:00",
    basketsPerDay: baskets,
  }));
  const always = { utcOffsetHours: 0, timeZone: "Europe/London", opens: "24/7" };
  places.push(
    { ...always, location: "web", name: "Web store", kind: "web", basketsPerDay: 1500 },
    {
      ...always,
      location: "marketplace",
      name: "Marketplace",
      kind: "marketplace",
      basketsPerDay: 700,
    },
  );
  const articles = Array.from({ length: ARTICLES }, (_, i) => makeArticle(random, i));
  return { places, articles, shelves: stockShelves(random, places, articles), currency: "GBP" };
}

function makeArticle(random: Random, index: number): Article {
  const [category, kinds, low, high] = CATEGORIES[index % CATEGORIES.length]!;
  const kind = kinds[between(random, 0, kinds.length - 1)]!;
  const colour = COLOURS[between(random, 0, COLOURS.length - 1)]!;
  const size = SIZES[between(random, 0, SIZES.length - 1)]!;
  const price = Math.round((low + random() * random() * (high - low)) / 100) * 100 - 1;
  const intermittent = random() < 0.3;
  // Zipf-like: the rank is the index after a shuffle by chance, so that categories mix.
  const popularity = 1 / (1 + random() * ARTICLES * 0.2) / (intermittent ? 6 : 1);
  return {
    sku: `SKU-${1000 + index}-${size}`,
    name: `${colour} ${kind} ${size}`,
    category,
    price,
    unitCost: Math.round(price * (0.35 + random() * 0.2)),
    pack: [1, 1, 6, 12][between(random, 0, 3)]!,
    popularity,
    unitsPerLine: intermittent ? 3 : 1.2,
    intermittent,
  };
}

function stockShelves(
  random: Random,
  places: readonly Place[],
  articles: readonly Article[],
): Shelf[] {
  const total = articles.reduce((sum, article) => sum + article.popularity, 0);
  const shelves: Shelf[] = [];
  for (const [p, place] of places.entries()) {
    for (const [a, article] of articles.entries()) {
      // The web store carries all, the marketplace half, shops what sells and some of the rest.
      const carried = place.kind === "web" || random() < (place.kind === "store" ? 0.45 : 0.5);
      if (!carried) continue;
      const perDay =
        (place.basketsPerDay * LINES_PER_BASKET * article.popularity * article.unitsPerLine) /
        total;
      const reorderPoint = Math.max(1, Math.ceil(perDay * 3));
      const cover = Math.max(1, Math.ceil((perDay * COVER_DAYS) / article.pack)) * article.pack;
      shelves.push({ place: p, article: a, reorderPoint, orderUpTo: reorderPoint + cover });
    }
  }
  return shelves;
}

/** Mean lines of a basket. */
export const LINES_PER_BASKET = 2.2;
