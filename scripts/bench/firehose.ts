// Firehose: 150-byte sales as fast as the system takes them, from the first publish until the ledger
// has the last: acked by the log, applied, shown in the registry, committed. Singly, as tills
// publish; bundled, as our own publishers do. The generator holds back while the ledger lags, so
// that the figure is one that can be kept up.

import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "../../shared/messages.ts";
import type { Encoded, OnSettled } from "../../streams/publisher.ts";
import { cmdSubject } from "../../streams/subjects.ts";
import type { BenchSystem } from "./bench_system.ts";
import { CommitLag } from "./commit_lag.ts";
import { allCorrect, checkRun } from "./correctness.ts";
import { perCommand, startCpuMeter } from "./cpu_meter.ts";
import { openRawTill, publishFrame } from "./raw_nats.ts";
import type { Correctness } from "./result.ts";
import { LOCATION, SKUS, skuName, zipfSequence } from "./workload.ts";

export type FirehoseOptions = {
  runs: number;
  seconds: number;
  mode: "single" | "bundled";
  say: (line: string) => void;
};

export type Measured = {
  runs: number[];
  correct: Correctness;
  detail?: Record<string, number | string>;
};

const PAYLOAD_BYTES = 150;
const SEQUENCE = 1 << 20;
const WINDOW = 4_096;
const CHUNK = 128;
/** Commands that may be published and not yet committed. */
const LAG_MAX = 60_000;
const STOCK_EACH = 1_000_000_000;

/** Receipts that let every SKU be sold without end. */
export function* openingStock(skus = SKUS): Generator<Command> {
  for (let i = 0; i < skus; i++)
    yield {
      type: "receipt",
      id: "bench-opening",
      sku: skuName(i),
      location: LOCATION,
      qty: STOCK_EACH,
    };
}

/** Commands per second, each run. The system must have its opening stock. */
export async function benchFirehose(
  system: BenchSystem,
  options: FirehoseOptions,
): Promise<Measured> {
  const sequence = zipfSequence(1, SEQUENCE);
  const runs: number[] = [];
  const checks: Correctness[] = [];
  let detail: Record<string, number> = {};
  for (let run = 1; run <= options.runs; run++) {
    const ends = await system.logEnds();
    await system.waitFor(ends);
    const lag = new CommitLag(system, ends);
    const send = options.mode === "single" ? sendSingly : sendBundled;
    const cpu = startCpuMeter(system);
    const startMs = performance.now();
    const sent = await send(system, sequence, `f${options.mode[0]}${run}`, options.seconds, lag);
    const publishedMs = performance.now() - startMs;
    lag.stop();
    await system.waitFor(await system.logEnds());
    const tookMs = performance.now() - startMs;
    detail = perCommand(cpu(), sent);
    checks.push(await checkRun(system, { since: ends, commands: sent, units: sent }));
    runs.push((sent * 1000) / tookMs);
    options.say(
      `firehose ${options.mode}, run ${run}: ${sent} in ${Math.round(tookMs)} ms` +
        ` (published in ${Math.round(publishedMs)} ms), ${JSON.stringify(detail)}`,
    );
  }
  return { runs, correct: allCorrect(checks), detail };
}

/** The payload of sale `n`: exactly 150 bytes, one unit. */
export function salePayload(id: string): string {
  const head = `{"type":"sale","id":"${id}","qty":1,"channel":"pos","price":1299,"currency":"GBP","ref":"`;
  return `${head}${"receipt".padEnd(PAYLOAD_BYTES - head.length - 2, "0")}"}`;
}

async function sendSingly(
  system: BenchSystem,
  sequence: Uint32Array,
  prefix: string,
  seconds: number,
  lag: CommitLag,
): Promise<number> {
  const till = await openRawTill(system.servers.nats);
  const subjects = Array.from({ length: SKUS }, (_, i) => cmdSubject(LOCATION, skuName(i)));
  const untilMs = performance.now() + seconds * 1000;
  let sent = 0;
  const fill = () => {
    if (till.broken !== undefined) return;
    while (sent - till.acked - till.refused <= WINDOW - CHUNK) {
      if (till.pendingBytes > 1 << 20 || sent - lag.entries > LAG_MAX) return;
      let frames = "";
      for (let i = 0; i < CHUNK; i++, sent++) {
        const sku = sequence[sent % SEQUENCE] as number;
        frames += publishFrame(subjects[sku] as string, salePayload(`${prefix}-${sent}`));
      }
      till.write(Buffer.from(frames, "latin1"));
    }
  };
  till.onAck(fill);
  while (performance.now() < untilMs && till.broken === undefined) {
    fill();
    await sleep(5);
  }
  till.onAck(() => {});
  while (till.acked + till.refused < sent && till.broken === undefined) await sleep(2);
  till.close();
  if (till.broken !== undefined) throw till.broken;
  if (till.refused > 0) throw new Error(`${till.refused} refused: ${till.firstRefusal}`);
  return sent;
}

async function sendBundled(
  system: BenchSystem,
  sequence: Uint32Array,
  prefix: string,
  seconds: number,
  lag: CommitLag,
): Promise<number> {
  const publisher = system.publisher();
  const untilMs = performance.now() + seconds * 1000;
  const names = Array.from({ length: SKUS }, (_, i) => skuName(i));
  let sent = 0;
  let failed = 0;
  let settled = 0;
  const onSettled: OnSettled = (error, seq, stream) => {
    settled++;
    if (error !== undefined) failed++;
    else lag.stored(stream, seq);
  };
  while (performance.now() < untilMs) {
    for (let i = 0; i < 512; i++) {
      const sku = names[sequence[sent % SEQUENCE] as number] as string;
      if (!publisher.trySend(encodedSale(sku, `${prefix}-${sent}`), onSettled)) break;
      sent++;
    }
    await publisher.ready();
    await new Promise((resolve) => setImmediate(resolve));
    while (settled - lag.commands > LAG_MAX) await sleep(5);
  }
  while (settled < sent) await sleep(2);
  await publisher.close();
  if (failed > 0) throw new Error(`${failed} of ${sent} were not stored`);
  return sent;
}

/** In a bundle each command names its SKU and location, within the same 150 bytes. */
function encodedSale(sku: string, id: string): Encoded {
  const head = `{"type":"sale","sku":"${sku}","location":"${LOCATION}","id":"${id}","qty":1,"channel":"pos","price":1299,"ref":"`;
  const json = `${head}${"r".padEnd(Math.max(1, PAYLOAD_BYTES - head.length - 2), "0")}"}`;
  return { sku, location: LOCATION, id, json };
}
