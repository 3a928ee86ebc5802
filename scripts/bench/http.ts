// POST /v1/holds as storefronts call it: closed-loop callers over keep-alive connections, one line a
// hold, SKUs by Zipf, some of them scarce so that refusals are part of it. Runs against any running
// system, on SKUs of its own. Its check asks the system afterwards: units reserved are units answered
// 201, and no SKU is held beyond what it received.

import { randomBytes } from "node:crypto";
import { OnhandError } from "../../shared/errors.ts";
import { type CpuTimes, perCommand } from "./cpu_meter.ts";
import { postBytes, RawHttpCaller } from "./raw_http.ts";
import type { Correctness } from "./result.ts";
import { LOCATION, zipfSequence } from "./workload.ts";

export type HttpHoldsOptions = {
  /** Where the edge answers. */
  url: string;
  seconds: number;
  /** Connections, each with one request at a time; default 64. */
  callers?: number;
  skus?: number;
  /** Not counted, ms; default 1000. */
  warmUpMs?: number;
  /** Waits until the system has done with the stock received; default: not waited. */
  settled?: () => Promise<void>;
  /** Starts counting the processor time of the system's parts; default: not counted. */
  cpuMeter?: () => () => CpuTimes;
};

export type HttpHolds = {
  /** Holds answered (201 or 409) a second. */
  perSecond: number;
  /** ms from writing a request to having its answer. */
  p50: number;
  p99: number;
  held: number;
  refused: number;
  /** Processor time of each part for a hold, us, warm-up included; empty when not counted. */
  costs: Record<string, number>;
  correct: Correctness;
};

const SEQUENCE = 1 << 16;
/** Every so many-th SKU is scarce. */
const SCARCE_EVERY = 50;
const SCARCE_UNITS = 40;
const AMPLE_UNITS = 1_000_000_000;
const BATCH = 1_000;

/** @throws OnhandError `bench_failed` when the system answers anything else than 201 and 409 */
export async function benchHttpHolds(options: HttpHoldsOptions): Promise<HttpHolds> {
  const { url, seconds, callers = 64, skus = 10_000, warmUpMs = 1_000 } = options;
  const prefix = `bench-${randomBytes(4).toString("hex")}`;
  const skuOf = (index: number) => `${prefix}-${index}`;
  const unitsOf = (index: number) =>
    index % SCARCE_EVERY === SCARCE_EVERY - 1 ? SCARCE_UNITS : AMPLE_UNITS;
  await receiveStock(url, skus, skuOf, unitsOf);
  await options.settled?.();
  const requests = Array.from({ length: skus }, (_, index) =>
    Buffer.from(
      postBytes(
        "/v1/holds",
        `{"lines":[{"sku":"${skuOf(index)}","location":"${LOCATION}","qty":1}],"ttlMs":900000,"channel":"web"}`,
      ),
    ),
  );
  const cpuTimes = options.cpuMeter?.();
  const tally = await callLoop(url, requests, { callers, seconds, warmUpMs, skus });
  const costs = perCommand(cpuTimes?.() ?? {}, tally.held + tally.refused);
  const correct = await checkHolds(url, tally.heldBySku, skuOf, unitsOf);
  tally.waits.sort((a, b) => a - b);
  const at = (q: number) => tally.waits[Math.floor(q * (tally.waits.length - 1))] ?? 0;
  const { held, refused } = tally;
  return {
    perSecond: tally.counted / seconds,
    p50: at(0.5),
    p99: at(0.99),
    held,
    refused,
    costs,
    correct,
  };
}

type Tally = {
  counted: number;
  held: number;
  refused: number;
  heldBySku: Float64Array;
  waits: number[];
};

async function callLoop(
  url: string,
  requests: readonly Buffer[],
  options: { callers: number; seconds: number; warmUpMs: number; skus: number },
): Promise<Tally> {
  const { callers, seconds, warmUpMs, skus } = options;
  const sequence = zipfSequence(7, SEQUENCE, skus);
  const tally: Tally = {
    counted: 0,
    held: 0,
    refused: 0,
    heldBySku: new Float64Array(skus),
    waits: [],
  };
  const open = await Promise.all(Array.from({ length: callers }, () => RawHttpCaller.open(url)));
  const countFrom = performance.now() + warmUpMs;
  const end = countFrom + seconds * 1_000;
  let next = 0;
  await Promise.all(
    open.map(async (caller) => {
      for (;;) {
        const started = performance.now();
        if (started >= end) return;
        const sku = sequence[next++ % SEQUENCE] as number;
        const { status, body } = await caller.call(requests[sku] as Buffer);
        const now = performance.now();
        if (status === 201) {
          tally.held += 1;
          tally.heldBySku[sku] = (tally.heldBySku[sku] ?? 0) + 1;
        } else if (status === 409) tally.refused += 1;
        else throw failed(`a hold was answered ${status}: ${body.slice(0, 300)}`);
        if (now >= countFrom && now < end) {
          tally.counted += 1;
          tally.waits.push(now - started);
        }
      }
    }),
  );
  for (const caller of open) caller.close();
  return tally;
}

async function receiveStock(
  url: string,
  skus: number,
  skuOf: (index: number) => string,
  unitsOf: (index: number) => number,
): Promise<void> {
  for (let from = 0; from < skus; from += BATCH) {
    const commands = Array.from({ length: Math.min(BATCH, skus - from) }, (_, i) => ({
      type: "receipt",
      id: "opening",
      sku: skuOf(from + i),
      location: LOCATION,
      qty: unitsOf(from + i),
    }));
    const { results } = await postJson<{ results: { status: number }[] }>(
      `${url}/v1/commands`,
      commands,
    );
    const wrong = results.find((result) => result.status !== 200);
    if (wrong !== undefined) throw failed(`a receipt was answered ${JSON.stringify(wrong)}`);
  }
}

/** Units reserved of each SKU are those answered 201; none is held beyond what it received. */
async function checkHolds(
  url: string,
  heldBySku: Float64Array,
  skuOf: (index: number) => string,
  unitsOf: (index: number) => number,
): Promise<Correctness> {
  const touched = [...heldBySku.keys()].filter((index) => (heldBySku[index] ?? 0) > 0);
  const faults: string[] = [];
  let units = 0;
  for (let from = 0; from < touched.length && faults.length === 0; from += 100) {
    const page = touched.slice(from, from + 100);
    const wanted = new Map(page.map((index) => [skuOf(index), index]));
    const reserved = await reservedOf(url, [...wanted.keys()], (sku, value) => {
      return value === heldBySku[wanted.get(sku) ?? -1];
    });
    for (const [sku, index] of wanted) {
      const found = reserved.get(sku) ?? 0;
      units += found;
      if (found !== heldBySku[index]) {
        faults.push(`${sku}: ${heldBySku[index]} answered 201, ${found} reserved`);
      }
      if (found > unitsOf(index)) faults.push(`${sku}: ${found} reserved of ${unitsOf(index)}`);
    }
  }
  if (faults.length > 0) return { ok: false, what: faults.slice(0, 3).join("; ") };
  return {
    ok: true,
    what: `${units} units answered 201 = reserved on ${touched.length} SKUs; nothing oversold`,
  };
}

type Stock = { sku: string; totals: { reserved: number } };

/** Reserved units by SKU; asks again for up to two seconds while some are not as expected. */
async function reservedOf(
  url: string,
  skus: readonly string[],
  isExpected: (sku: string, reserved: number) => boolean,
): Promise<Map<string, number>> {
  const query = skus.map((sku) => `sku=${encodeURIComponent(sku)}`).join("&");
  for (const until = performance.now() + 2_000; ; ) {
    const answer = await fetch(`${url}/v1/stock?${query}`);
    const { stock } = (await answer.json()) as { stock: Stock[] };
    const reserved = new Map(stock.map(({ sku, totals }) => [sku, totals.reserved]));
    const isDone = skus.every((sku) => isExpected(sku, reserved.get(sku) ?? 0));
    if (isDone || performance.now() > until) return reserved;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function postJson<T>(url: string, body: unknown): Promise<T> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw failed(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

function failed(why: string): OnhandError {
  return new OnhandError("bench_failed", `Cannot bench HTTP holds: ${why}`);
}
