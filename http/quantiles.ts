// Pure.
// Quantiles of the last seconds, cheaply: counts in logarithmic buckets (4% wide), in slices of time
// that are forgotten one by one. One write is an index and an increment.

const GROWTH_LOG = Math.log(1.04);
const LEAST_MS = 0.01;
const BUCKETS = 400; // 0.01 ms * 1.04^400 = 65 s
const SLICES = 10;

/** Keeps what was measured over the last ten slices of `sliceMs`. */
export class RecentQuantiles {
  readonly #slices = Array.from({ length: SLICES }, () => new Uint32Array(BUCKETS));
  readonly #totals = new Float64Array(SLICES);
  readonly #sliceMs: number;
  #slice = 0;

  constructor(sliceMs = 1_000) {
    this.#sliceMs = sliceMs;
  }

  /** @param ms what was measured  @param nowMs a clock that does not go back */
  add(ms: number, nowMs: number): void {
    this.#moveTo(nowMs);
    const raw = ms <= LEAST_MS ? 0 : Math.ceil(Math.log(ms / LEAST_MS) / GROWTH_LOG);
    const bucket = Math.min(BUCKETS - 1, raw);
    const at = this.#slice % SLICES;
    (this.#slices[at] as Uint32Array)[bucket]! += 1;
    this.#totals[at]! += 1;
  }

  /** Count per second and the quantiles asked for, in ms; quantiles are 0 when nothing was measured. */
  read(quantiles: readonly number[], nowMs: number): { perSecond: number; values: number[] } {
    this.#moveTo(nowMs);
    const sum = new Float64Array(BUCKETS);
    for (const slice of this.#slices) for (let i = 0; i < BUCKETS; i++) sum[i]! += slice[i]!;
    const total = this.#totals.reduce((a, b) => a + b, 0);
    // The present slice is only partly over.
    const spanMs = (SLICES - 1) * this.#sliceMs + (nowMs % this.#sliceMs);
    const values = quantiles.map((q) => valueAt(sum, q * total));
    return { perSecond: (total * 1_000) / spanMs, values };
  }

  #moveTo(nowMs: number): void {
    const slice = Math.floor(nowMs / this.#sliceMs);
    const steps = Math.min(SLICES, slice - this.#slice);
    for (let i = 1; i <= steps; i++) {
      const at = (slice - steps + i) % SLICES;
      this.#slices[at]?.fill(0);
      this.#totals[at] = 0;
    }
    if (slice > this.#slice) this.#slice = slice;
  }
}

function valueAt(counts: Float64Array, rank: number): number {
  if (rank <= 0) return 0;
  let seen = 0;
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i]!;
    if (seen >= rank) return LEAST_MS * Math.exp(i * GROWTH_LOG);
  }
  return 0;
}
