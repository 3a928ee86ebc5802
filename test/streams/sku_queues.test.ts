import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Batch, SkuQueues } from "../../streams/sku_queues.ts";

type Job = { n: number; sku: string; otherSkus: readonly string[] | undefined; bytes: number };
const skusOf = (job: Job): string[] => [job.sku, ...(job.otherSkus ?? [])];
let counter = 0;
const job = (sku: string, ...others: string[]): Job => ({
  n: counter++,
  sku,
  otherSkus: others.length === 0 ? undefined : others,
  bytes: 10,
});

type Step =
  | { op: "push"; skus: string[] }
  | { op: "take"; max: number }
  | { op: "release" | "remove"; which: number };

describe("SkuQueues", () => {
  it("take() bundles what waits up to both limits, in order", () => {
    const queues = new SkuQueues<Job>();
    const jobs = ["a", "b", "c", "d", "e"].map((sku) => job(sku));
    for (const j of jobs) queues.push(j);
    expect(queues.take(3, 1000)?.jobs).toEqual(jobs.slice(0, 3));
    expect(queues.take(3, 19)?.jobs).toEqual(jobs.slice(3, 4));
    expect(queues.size).toBe(1);
  });

  it("take() gives one command that is larger than the byte limit", () => {
    const queues = new SkuQueues<Job>();
    const big = { ...job("a"), bytes: 5000 };
    queues.push(big);
    expect(queues.take(10, 100)?.jobs).toEqual([big]);
  });

  it("take() gives nothing of a SKU that is out, and goes on after release()", () => {
    const queues = new SkuQueues<Job>();
    const [first, second, other] = [job("a"), job("a"), job("b")];
    queues.push(first);
    const out = queues.take(10, 1000)!;
    queues.push(second);
    queues.push(other);
    expect(queues.take(10, 1000)?.jobs).toEqual([other]);
    expect(queues.take(10, 1000)).toBeUndefined();
    queues.release(out);
    expect(queues.take(10, 1000)?.jobs).toEqual([second]);
  });

  it("take() holds a command over several SKUs until it is first of each", () => {
    const queues = new SkuQueues<Job>();
    const [a, lines, afterwards] = [job("a"), job("b", "a"), job("b")];
    queues.push(a);
    const out = queues.take(10, 1000)!;
    queues.push(lines);
    queues.push(afterwards);
    expect(queues.take(10, 1000)).toBeUndefined();
    queues.release(out);
    expect(queues.take(10, 1000)?.jobs).toEqual([lines, afterwards]);
  });

  it("remove() of a blocked command lets those behind it go", () => {
    const queues = new SkuQueues<Job>();
    const [a, lines, afterwards] = [job("a"), job("b", "a"), job("b")];
    queues.push(a);
    queues.take(10, 1000);
    queues.push(lines);
    queues.push(afterwards);
    expect(queues.take(10, 1000)).toBeUndefined();
    expect(queues.remove(lines)).toBe(true);
    expect(queues.remove(lines)).toBe(false);
    expect(queues.take(10, 1000)?.jobs).toEqual([afterwards]);
  });

  // A queue emptied by another's command, released while still in line, and made anew: it was forgotten.
  const LOST_QUEUE: Step[] = [
    { op: "push", skus: ["b"] },
    { op: "push", skus: ["a", "b"] },
    { op: "push", skus: ["b"] },
    { op: "take", max: 2 },
    { op: "release", which: 0 },
    { op: "push", skus: ["a", "d"] },
  ];

  it("keeps Q1 and Q2 and loses nothing, whatever comes before what", () => {
    const sku = fc.constantFrom<string>("a", "b", "c", "d");
    const step = fc.oneof(
      fc.record({
        op: fc.constant("push" as const),
        skus: fc.uniqueArray(sku, { minLength: 1, maxLength: 3 }),
      }),
      fc.record({ op: fc.constant("take" as const), max: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ op: fc.constant("release" as const), which: fc.nat(5) }),
      fc.record({ op: fc.constant("remove" as const), which: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queues = new SkuQueues<Job>();
        const out: Batch<Job>[] = [];
        let waiting: Job[] = [];
        const left: Job[] = [];
        const take = (max: number): boolean => {
          const batch = queues.take(max, 25);
          if (batch === undefined) return false;
          expect(batch.jobs.length).toBeLessThanOrEqual(Math.min(max, 2));
          for (const taken of batch.jobs) {
            for (const name of skusOf(taken)) {
              // Q1: nobody older of this SKU is left behind; Q2: the SKU is in no other batch.
              const older = waiting.filter((w) => w.n < taken.n && skusOf(w).includes(name));
              expect(older).toEqual([]);
              expect(out.flatMap((b) => b.jobs).filter((j) => skusOf(j).includes(name))).toEqual(
                [],
              );
            }
            waiting = waiting.filter((w) => w !== taken);
            left.push(taken);
          }
          out.push(batch);
          return true;
        };
        let pushed = 0;
        for (const s of steps) {
          if (s.op === "push") {
            const [first, ...others] = s.skus;
            const j = job(first!, ...others);
            queues.push(j);
            waiting.push(j);
            pushed++;
          } else if (s.op === "take") take(s.max);
          else if (s.op === "release") {
            const batch = out.splice(s.which % Math.max(1, out.length), 1)[0];
            if (batch) queues.release(batch);
          } else if (waiting.length > 0) {
            const gone = waiting.splice(s.which % waiting.length, 1)[0]!;
            expect(queues.remove(gone)).toBe(true);
            pushed--;
          }
          expect(queues.size).toBe(waiting.length);
        }
        // Everything leaves in the end: nobody waits for ever.
        for (let i = 0; i < 1000 && (waiting.length > 0 || out.length > 0); i++) {
          if (!take(2)) queues.release(out.shift()!);
        }
        expect(waiting).toEqual([]);
        expect(left.length).toBe(pushed);
      }),
      { numRuns: 500, examples: [[LOST_QUEUE]] },
    );
  });
});
