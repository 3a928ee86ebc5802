// Owns the simulated chain while it runs: registers its places and articles, stocks its shelves on
// the first day, then publishes as tills and a web store do, at `speed` times the pace of life. It
// is a simulation and says so; nothing else in the house knows of it.
//
// Tills publish to inv.cmd.<location>.<sku> and let the server map it; each waits for its ack and
// repeats after a while without one. The web store's holds go through our publisher.

import { setTimeout as sleep } from "node:timers/promises";
import type { Endpoints } from "../../shared/endpoints.ts";
import { describeError } from "../../shared/errors.ts";
import { DEMO_BACKLOG_MAX } from "../../shared/limits.ts";
import type { Command } from "../../shared/messages.ts";
import { Database } from "../../shared/postgres.ts";
import { connectNats } from "../../streams/connection.ts";
import type { Topology } from "../../streams/declarations.ts";
import { createPublisher, type Publisher } from "../../streams/publisher.ts";
import { type Chain, makeChain } from "./chain.ts";
import { type HistoryOptions, pastOf } from "./history.ts";
import { readShelves, registerChain } from "./master_data.ts";
import { type Act, opening, Shopping } from "./shopping.ts";

export type DemoContext = {
  endpoints: Pick<Endpoints, "nats" | "postgres">;
  topology: Topology;
  say: (line: string) => void;
};

export type DemoOptions = {
  /** Chooses the chain and what happens in it. */
  seed: number;
  /** Simulated time passes so many times faster than life, 0.1 to 10,000. */
  speed: number;
  /** Days of past sales told on the first start, so that there is something to forecast from; default 365. */
  historyDays?: number;
};

export type RunningDemo = {
  /** Commands sent and stored so far, holds refused. */
  stats(): { sent: number; stored: number; refusedHolds: number };
  stop(): Promise<void>;
};

/** Every story begins on a Friday at nine, so that there is something to see. */
const FIRST_MORNING_MS = Date.UTC(2026, 5, 5, 9);
const STEP_MS = 100;
/** Holds of carts live a quarter of a simulated hour, yet long enough to be seen. */
const CART_MS = 15 * 60_000;
const CART_REAL_MS_MIN = 5_000;
const DAY_MS = 86_400_000;
const HISTORY_DAYS = 365;

/** Starts the chain. @throws OnhandError when NATS or Postgres does not answer. */
export async function startDemo(context: DemoContext, options: DemoOptions): Promise<RunningDemo> {
  const { seed, speed, historyDays = HISTORY_DAYS } = options;
  const chain = makeChain(seed);
  const nc = await connectNats(context.endpoints.nats, { name: "onhand demo (simulation)" });
  const database = new Database(context.endpoints.postgres, { connectionsMax: 2, name: "demo" });
  const web = createPublisher(nc, context.topology);
  const tills = createPublisher(nc, { ...context.topology, mode: "single", via: "cmd" });
  const close = async () => {
    await Promise.all([tills.close(1_000), web.close(1_000)]);
    await Promise.all([nc.close(), database.close()]);
  };
  let stock: { onHand: number[]; isFirst: boolean };
  try {
    await registerChain(database, chain);
    stock = await stockShelves(context, chain, seed, database, web);
  } catch (error) {
    await close();
    throw error;
  }
  const shopping = new Shopping(chain, {
    seed,
    startMs: FIRST_MORNING_MS,
    idPrefix: `demo-${seed}-${Date.now().toString(36)}`,
    onHand: stock.onHand,
    holdTtlMs: Math.max(CART_REAL_MS_MIN, Math.round(CART_MS / speed)),
  });
  context.say(
    `a simulated chain trades at ${speed} times life: ${chain.places.length} places, ` +
      `${chain.articles.length} SKUs, seed ${seed} (--demo)`,
  );
  const run = new DemoRun(shopping, tills, web, context.say);
  const past = stock.isFirst ? { seed, days: historyDays, untilMs: today() } : undefined;
  const loop = Promise.all([run.play(speed), past && run.tellPast(chain, past)]);
  return {
    stats: () => ({ ...run.stats }),
    stop: async () => {
      run.stopped = true;
      await loop;
      await close();
    },
  };
}

/** Start of the present UTC day, ms. */
const today = (): number => Math.floor(Date.now() / DAY_MS) * DAY_MS;

/** On-hand by shelf: as the system has it when the chain has traded before, else what is put there now. */
async function stockShelves(
  context: DemoContext,
  chain: Chain,
  seed: number,
  database: Database,
  publisher: Publisher,
): Promise<{ onHand: number[]; isFirst: boolean }> {
  const first = opening(chain, seed);
  const known = await readShelves(database, chain);
  const missing = chain.shelves.flatMap((_, i) => (known[i] === undefined ? [i] : []));
  if (missing.length > 0) {
    const sinceMs = performance.now();
    await Promise.all(
      missing.map((i) => publisher.post(openingReceipt(chain, seed, i, first[i] as number))),
    );
    const tookMs = Math.round(performance.now() - sinceMs);
    context.say(`demo: stocked ${missing.length} shelves in ${tookMs} ms`);
  }
  const isFirst = missing.length === chain.shelves.length;
  return { onHand: first.map((units, i) => known[i] ?? units), isFirst };
}

function openingReceipt(chain: Chain, seed: number, index: number, qty: number): Command {
  const shelf = chain.shelves[index]!;
  return {
    type: "receipt",
    // The same on every start: a shelf is stocked once, however often the demo is started.
    id: `demo-${seed}-opening`,
    sku: chain.articles[shelf.article]!.sku,
    location: chain.places[shelf.place]!.location,
    qty,
    ref: "opening",
  };
}

class DemoRun {
  readonly stats = { sent: 0, stored: 0, refusedHolds: 0 };
  stopped = false;
  readonly #shopping: Shopping;
  readonly #tills: Publisher;
  readonly #web: Publisher;
  readonly #say: (line: string) => void;
  #failing = false;

  constructor(shopping: Shopping, tills: Publisher, web: Publisher, say: (line: string) => void) {
    this.#shopping = shopping;
    this.#tills = tills;
    this.#web = web;
    this.#say = say;
  }

  /** Lets simulated time pass. While the log does not take what was sent, it stands still. */
  async play(speed: number): Promise<void> {
    let simulatedMs = FIRST_MORNING_MS;
    let lastMs = performance.now();
    while (!this.stopped) {
      await sleep(STEP_MS);
      const nowMs = performance.now();
      const passedMs = nowMs - lastMs;
      lastMs = nowMs;
      if (this.stats.sent - this.stats.stored > DEMO_BACKLOG_MAX) continue;
      // After a pause of the machine, time goes on rather than catching up.
      simulatedMs += Math.min(passedMs, 5 * STEP_MS) * speed;
      for (const act of this.#shopping.step(simulatedMs)) this.#publish(act);
    }
  }

  /** Tells what was sold before, shelf by shelf; the log takes it beside what is sold now. */
  async tellPast(chain: Chain, options: HistoryOptions): Promise<void> {
    const sinceMs = performance.now();
    let told = 0;
    try {
      for (const commands of pastOf(chain, options)) {
        if (this.stopped) return;
        await Promise.all(commands.map((command) => this.#web.post(command)));
        told += commands.length;
      }
      const took = Math.round((performance.now() - sinceMs) / 1000);
      if (told > 0)
        this.#say(`demo: told ${options.days} days of past sales (${told}) in ${took} s`);
    } catch (error) {
      this.#say(`demo: the past was not told to its end: ${describeError(error)}`);
    }
  }

  #publish(act: Act): void {
    this.stats.sent++;
    const done = act.via === "till" ? this.#tills.post(act.command) : this.#hold(act.command);
    done.then(
      () => {
        this.stats.stored++;
        this.#failing = false;
      },
      (error) => {
        // It may be stored or not; the chain goes on as shops do.
        this.stats.stored++;
        if (!this.#failing) this.#say(`demo: ${describeError(error)}`);
        this.#failing = true;
      },
    );
  }

  async #hold(command: Command): Promise<void> {
    const decision = await this.#web.decide(command);
    const outcome = decision.outcome === "duplicate" ? decision.first : decision.outcome;
    if (command.type !== "hold" || outcome === "applied") return;
    this.stats.refusedHolds++;
    this.#shopping.refuse(command.hold);
  }
}
