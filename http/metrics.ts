// Owns what the edge measures of itself: for Prometheus (/metrics) and, over the last ten seconds, for
// the page (/v1/status). Labels are bounded: routes by name, never by path.

import type { Decision } from "../shared/decisions.ts";
import { Counter, Gauge, Histogram, openMetrics, type Registry } from "../shared/telemetry.ts";
import type { FeedStats } from "./live_hub.ts";
import { RecentQuantiles } from "./quantiles.ts";

const BUCKETS_S = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** What the page shows of this edge; ms, and per second over the last ten seconds. */
export type EdgeFigures = {
  decisionsPerSecond: number;
  decisionMs: { p50: number; p99: number };
  levelsPerSecond: number;
  readers: number;
};

export class EdgeMetrics {
  readonly registry: Registry;
  readonly #requests: Counter<"route" | "status">;
  readonly #requestS: Histogram<"route">;
  readonly #decisions: Counter<"outcome" | "reason">;
  readonly #decisionS: Histogram;
  readonly #recent = new RecentQuantiles();
  readonly #feed: () => FeedStats;

  /** @param process its name: stands in each sample */
  constructor(process: string, feed: () => FeedStats) {
    this.registry = openMetrics("http", process);
    const registers = [this.registry];
    this.#feed = feed;
    this.#requests = new Counter({
      name: "onhand_http_requests_total",
      help: "Requests answered, by route and status",
      labelNames: ["route", "status"],
      registers,
    });
    this.#requestS = new Histogram({
      name: "onhand_http_request_duration_seconds",
      help: "Time from a request's head to its answer, by route",
      labelNames: ["route"],
      buckets: BUCKETS_S,
      registers,
    });
    this.#decisions = new Counter({
      name: "onhand_decisions_total",
      help: "Decisions this edge waited for, by outcome and reason",
      labelNames: ["outcome", "reason"],
      registers,
    });
    this.#decisionS = new Histogram({
      name: "onhand_decision_duration_seconds",
      help: "Time from handing a command to the publisher to its decision",
      buckets: BUCKETS_S,
      registers,
    });
    new Gauge({
      name: "onhand_live_readers_count",
      help: "Readers of the live feed",
      registers,
      collect() {
        this.set(feed().readers);
      },
    });
    new Gauge({
      name: "onhand_live_levels_received_count",
      help: "Levels the live feed has taken",
      registers,
      collect() {
        this.set(feed().received);
      },
    });
  }

  /** @param ms from the request's head to its answer */
  request(route: string, status: number, ms: number): void {
    this.#requests.inc({ route, status });
    this.#requestS.observe({ route }, ms / 1_000);
  }

  /** @param ms from handing the command over to the decision  @param nowMs performance.now() */
  decision(decision: Decision, ms: number, nowMs: number): void {
    this.#decisions.inc({ outcome: decision.outcome, reason: decision.reason ?? "" });
    this.#decisionS.observe(ms / 1_000);
    this.#recent.add(ms, nowMs);
  }

  figures(nowMs: number): EdgeFigures {
    const { perSecond, values } = this.#recent.read([0.5, 0.99], nowMs);
    const feed = this.#feed();
    return {
      decisionsPerSecond: round(perSecond),
      decisionMs: { p50: round(values[0] ?? 0), p99: round(values[1] ?? 0) },
      levelsPerSecond: round(feed.perSecond),
      readers: feed.readers,
    };
  }
}

const round = (n: number): number => Math.round(n * 100) / 100;
