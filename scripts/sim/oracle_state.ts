// What the oracle remembers, in plain Maps, and what follows from it: nothing that can be reckoned is kept.
// reserved is the sum of live holds (S8), onOrder of open order lines (S15), inTransit of open transfers.

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const SELLABLE = "sellable";
/** Counts reach back so far, and so does what is remembered for them. */
export const COUNT_AGE_MS = 48 * HOUR_MS;
export const QUANTITY_MAX = 2 ** 50;

export type Quantities = {
  sellable: number;
  unavailable: Record<string, number>;
  reserved: number;
  backordered: number;
  inTransit: number;
  onOrder: number;
};

/** What happened to a bucket, for counts that are logged later. */
export type Movement = { bucket: string; atMs: number; delta: number };

export type OraclePlan = {
  mode: string;
  reorderPoint: number;
  orderUpTo: number;
  max?: number;
  lateGraceDays?: number;
};
export type OracleRule = { buffer?: number; max?: number; closed?: boolean; priority?: number };

export class OracleKey {
  readonly sku: string;
  readonly location: string;
  readonly buckets = new Map<string, number>();
  /** Time of the last count, by bucket. */
  readonly anchors = new Map<string, number>();
  readonly movements: Movement[] = [];
  plan: OraclePlan | undefined;
  rules = new Map<string, OracleRule>();
  backorderLimit: number | undefined;
  policyVersion = 0;
  /** Whether a change would have taken a quantity beyond 2^50, if only for a moment. */
  wentOutOfRange = false;
  /** Units asked for, ever: of the ledger's rows of this key. */
  demand = 0;
  /** Whether any command was ever applied here. */
  isKept = false;
  /** Whether it ever had a count, receipt or arrival. */
  isSupplied = false;

  constructor(sku: string, location: string) {
    this.sku = sku;
    this.location = location;
  }

  get sellable(): number {
    return this.buckets.get(SELLABLE) ?? 0;
  }

  /**
   * Books what happened at `atMs`; what happened before the last count is in that count already.
   * @param nowMs log time, ms
   */
  move(bucket: string, delta: number, atMs: number, nowMs: number): void {
    this.isKept = true;
    this.ask(bucket, delta);
    const anchorMs = this.anchors.get(bucket);
    if (anchorMs !== undefined && atMs < anchorMs) return;
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + delta);
    if (atMs >= nowMs - COUNT_AGE_MS) this.movements.push({ bucket, atMs, delta });
  }

  /** Notes whether a change by itself would leave the range of exact numbers, whatever corrects it. */
  ask(bucket: string, delta: number): void {
    const after = new Map(this.buckets).set(bucket, (this.buckets.get(bucket) ?? 0) + delta);
    const unavailable = [...after].filter(([name]) => name !== SELLABLE).map(([, qty]) => qty);
    const amounts = [...after.values(), sum(unavailable)];
    this.wentOutOfRange ||= amounts.some((amount) => Math.abs(amount) > QUANTITY_MAX);
  }

  rule(channel: string | undefined): OracleRule {
    const own = channel === undefined ? undefined : this.rules.get(channel);
    return own ?? this.rules.get("default") ?? {};
  }
}

export type HoldStatus = "held" | "fulfilled" | "released" | "expired";

/** Lines of one hold in this shard. */
export type OracleGroup = {
  home: string | undefined;
  /** Whether the home SKU lives in this shard. */
  isHome: boolean;
  /** Command that placed it, and log time. */
  placedBy: string | undefined;
  placedMs: number;
  /** What was sealed; undefined while it waits for that. */
  outcome: string | undefined;
  ttlMs: number | null;
  backorder: boolean;
  /** At home: other shards have lines of it, and until when they live as far as home knows. */
  isSpread: boolean;
  spreadUntilMs: number;
};

export type OracleHold = {
  hold: string;
  key: OracleKey;
  qty: number;
  backordered: number;
  status: HoldStatus;
  /** Log time it expires at; null is firm. */
  expiresMs: number | null;
  channel: string | undefined;
  /** Order of creation. */
  number: number;
  group: OracleGroup | undefined;
  /** Order in which holds finished, and log time. */
  finished: number;
  finishedMs: number;
};

export type OracleTransfer = {
  source: string;
  target: string;
  sku: string;
  shipped: number;
  arrived: number;
  closed: boolean;
  /** Whether a ship has named source and target. */
  named: boolean;
  cancelled: boolean;
  /** Whether history was written of it: then nothing is alerted. */
  isBackfilled: boolean;
  /** Log time of the first that was heard of it. */
  madeMs: number;
  etaMs: number | undefined;
  /** Log time since when nothing is in transit; undefined while something is. */
  idleSinceMs: number | undefined;
};

export type OracleLine = {
  order: string;
  line: string;
  key: OracleKey;
  rev: number;
  ordered: number;
  received: number;
  status: string;
  etaMs: number | undefined;
  /** Log time since when it is closed or only expected; undefined while open. */
  closedSinceMs: number | undefined;
};

export class OracleState {
  nowMs = 0;
  readonly keys = new Map<string, OracleKey>();
  holds: OracleHold[] = [];
  readonly transfers = new Map<string, OracleTransfer>();
  lines: OracleLine[] = [];
  /** Numbers given to holds, and to their ends. */
  numbers = 1;

  key(sku: string, location: string): OracleKey {
    const name = JSON.stringify([sku, location]);
    const key = this.keys.get(name) ?? new OracleKey(sku, location);
    this.keys.set(name, key);
    return key;
  }

  keysOf(sku: string): OracleKey[] {
    return [...this.keys.values()].filter((key) => key.sku === sku && key.isKept);
  }

  liveAt(key: OracleKey): OracleHold[] {
    return this.holds.filter((hold) => hold.key === key && hold.status === "held");
  }

  reserved(key: OracleKey): number {
    return sum(this.liveAt(key).map((hold) => hold.qty));
  }

  firm(key: OracleKey): number {
    return sum(
      this.liveAt(key)
        .filter((hold) => hold.expiresMs === null)
        .map((hold) => hold.qty),
    );
  }

  backordered(key: OracleKey): number {
    return sum(this.liveAt(key).map((hold) => hold.backordered));
  }

  available(key: OracleKey): number {
    return key.sellable - this.reserved(key);
  }

  inbound(key: OracleKey): OracleTransfer[] {
    return [...this.transfers.values()].filter(
      (one) => one.sku === key.sku && one.target === key.location,
    );
  }

  linesOf(key: OracleKey): OracleLine[] {
    return this.lines.filter((line) => line.key === key);
  }

  quantities(key: OracleKey): Quantities {
    const unavailable: Record<string, number> = {};
    for (const [bucket, qty] of key.buckets)
      if (bucket !== SELLABLE && qty !== 0) unavailable[bucket] = qty;
    return {
      sellable: key.sellable,
      unavailable,
      reserved: this.reserved(key),
      backordered: this.backordered(key),
      inTransit: sum(this.inbound(key).map(underWay)),
      onOrder: sum(this.linesOf(key).map(outstanding)),
    };
  }

  /** What reorder rules read. */
  position(key: OracleKey): number {
    const graceMs = (key.plan?.lateGraceDays ?? 0) * DAY_MS;
    const isInTime = ({ etaMs }: { etaMs: number | undefined }) =>
      etaMs === undefined || etaMs + graceMs > this.nowMs;
    const inbound =
      sum(this.linesOf(key).filter(isInTime).map(outstanding)) +
      sum(this.inbound(key).filter(isInTime).map(underWay));
    return Math.max(0, key.sellable) - this.firm(key) - this.backordered(key) + inbound;
  }

  /** What each channel may still sell. */
  atp(key: OracleKey): Record<string, number> {
    const available = this.available(key);
    const of = ({ closed, max, buffer }: OracleRule): number =>
      closed
        ? 0
        : Math.min(max ?? Number.POSITIVE_INFINITY, Math.max(0, available - (buffer ?? 0)));
    const atp: Record<string, number> = { default: of(key.rule(undefined)) };
    for (const [channel, rule] of key.rules) atp[channel] = of(rule);
    return atp;
  }

  /** Whether any quantity has left the range of numbers that are exact. */
  isOutOfRange(): boolean {
    const amounts: number[] = [];
    for (const key of this.keys.values()) {
      if (key.wentOutOfRange) return true;
      const { unavailable, ...rest } = this.quantities(key);
      const buckets = Object.values(unavailable);
      amounts.push(...Object.values(rest), ...buckets, sum(buckets));
    }
    for (const line of this.lines) amounts.push(line.received);
    for (const one of this.transfers.values()) amounts.push(one.shipped, one.arrived);
    return amounts.some((amount) => Math.abs(amount) > QUANTITY_MAX);
  }

  /** An independent copy. */
  clone(): OracleState {
    const copy = new OracleState();
    copy.nowMs = this.nowMs;
    copy.numbers = this.numbers;
    const keys = new Map<OracleKey, OracleKey>();
    for (const [name, key] of this.keys) {
      const same = new OracleKey(key.sku, key.location);
      for (const [bucket, qty] of key.buckets) same.buckets.set(bucket, qty);
      for (const [bucket, atMs] of key.anchors) same.anchors.set(bucket, atMs);
      same.movements.push(...key.movements);
      const { plan, backorderLimit, policyVersion, isKept, isSupplied, demand } = key;
      const rules = new Map(key.rules);
      Object.assign(same, { plan, backorderLimit, policyVersion, isKept, isSupplied, demand });
      Object.assign(same, { rules });
      keys.set(key, same);
      copy.keys.set(name, same);
    }
    const keyOf = (key: OracleKey) => keys.get(key) as OracleKey;
    const groups = new Map<OracleGroup, OracleGroup>();
    for (const { group } of this.holds) if (group) groups.set(group, { ...group });
    copy.holds = this.holds.map((hold) => ({
      ...hold,
      key: keyOf(hold.key),
      group: hold.group && groups.get(hold.group),
    }));
    copy.lines = this.lines.map((line) => ({ ...line, key: keyOf(line.key) }));
    for (const [name, one] of this.transfers) copy.transfers.set(name, { ...one });
    return copy;
  }
}

const OPEN = new Set(["placed", "confirmed", "delayed", "shipped"]);
export const isOpen = (line: OracleLine): boolean => OPEN.has(line.status);
export const outstanding = (line: OracleLine): number =>
  isOpen(line) ? Math.max(0, line.ordered - line.received) : 0;
export const underWay = (one: OracleTransfer): number =>
  one.closed ? 0 : Math.max(0, one.shipped - one.arrived);
export const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
