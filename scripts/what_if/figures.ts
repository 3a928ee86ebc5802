// Pure.
// What a run of the sandbox comes to: orders, demand that found no stock, and what the stock was worth, by key and
// in all. Time is log time of the sandbox; nothing counts before `fromMs`.

export type KeyFigures = {
  orders: number;
  unitsOrdered: number;
  demand: number;
  /** Units of demand that found nothing on the shelf. */
  short: number;
  /** Local days (UTC) on which the key had nothing left at some time. */
  stockoutDays: number;
  /** Mean units on the shelf over time, never below zero. */
  meanUnits: number;
};

export type RunFigures = KeyFigures & {
  keys: number;
  /** 1 - short / demand. */
  fillRate: number;
  /** Mean value of the stock, in minor units of the items' cost; units where no cost is known. */
  inventoryValue: number;
};

const DAY_MS = 86_400_000;

/** One key's figures while a run goes on. */
export class KeyMeter {
  readonly figures: KeyFigures = {
    orders: 0,
    unitsOrdered: 0,
    demand: 0,
    short: 0,
    stockoutDays: 0,
    meanUnits: 0,
  };
  readonly #fromMs: number;
  #sinceMs: number;
  #onHand = 0;
  #available = 0;
  #unitMs = 0;
  #lastOutDay = Number.NEGATIVE_INFINITY;

  constructor(fromMs: number) {
    this.#fromMs = fromMs;
    this.#sinceMs = fromMs;
  }

  /** The level after something happened at `ms`. */
  level(ms: number, { onHand, available }: { onHand: number; available: number }): void {
    this.#passTo(ms);
    const short = Math.max(0, -available) - Math.max(0, -this.#available);
    if (ms >= this.#fromMs && short > 0) this.figures.short += short;
    this.#onHand = onHand;
    this.#available = available;
    this.#tellOut(ms);
  }

  get onHand(): number {
    return this.#onHand;
  }

  /** Units sold or promised, and units refused for want of stock. */
  demand(ms: number, units: number, lost: number): void {
    if (ms < this.#fromMs) return;
    this.figures.demand += units + lost;
    this.figures.short += lost;
  }

  order(ms: number, units: number): void {
    if (ms < this.#fromMs) return;
    this.figures.orders++;
    this.figures.unitsOrdered += units;
  }

  /** The figures at the end of the run. */
  end(ms: number): KeyFigures {
    this.#passTo(ms);
    const spanMs = ms - this.#fromMs;
    const meanUnits = spanMs > 0 ? this.#unitMs / spanMs : Math.max(0, this.#onHand);
    return { ...this.figures, meanUnits };
  }

  #passTo(ms: number): void {
    if (ms <= this.#sinceMs) return;
    this.#unitMs += Math.max(0, this.#onHand) * (ms - this.#sinceMs);
    // A key that stays empty is out on each day that passes.
    for (let day = Math.floor(this.#sinceMs / DAY_MS) + 1; day <= Math.floor(ms / DAY_MS); day++)
      this.#tellOut(day * DAY_MS);
    this.#sinceMs = ms;
  }

  #tellOut(ms: number): void {
    const day = Math.floor(ms / DAY_MS);
    if (this.#available > 0 || ms < this.#fromMs || day === this.#lastOutDay) return;
    this.#lastOutDay = day;
    this.figures.stockoutDays++;
  }
}

/** The sum over keys; `unitCost` tells what a unit of each is worth. */
export function sumOf(keys: readonly { figures: KeyFigures; unitCost: number }[]): RunFigures {
  const total: RunFigures = {
    keys: keys.length,
    orders: 0,
    unitsOrdered: 0,
    demand: 0,
    short: 0,
    stockoutDays: 0,
    meanUnits: 0,
    fillRate: 1,
    inventoryValue: 0,
  };
  for (const { figures, unitCost } of keys) {
    total.orders += figures.orders;
    total.unitsOrdered += figures.unitsOrdered;
    total.demand += figures.demand;
    total.short += figures.short;
    total.stockoutDays += figures.stockoutDays;
    total.meanUnits += figures.meanUnits;
    total.inventoryValue += figures.meanUnits * unitCost;
  }
  total.fillRate = total.demand > 0 ? 1 - Math.min(1, total.short / total.demand) : 1;
  return total;
}
