// Owns the worker threads that refit forecasts and calibrate groups, so that nothing else waits for a fit. Promises:
//   R1 every accepted request is answered: by a fit, or by the plain forecast when the fit took longer than its
//      limit, threw, or its worker died twice under it; the caller is told which, with the reason;
//   R2 a worker that hangs or dies is replaced, and other requests go on meanwhile;
//   R3 the queue has a limit; a request beyond it is refused, retryable.
import { Worker } from "node:worker_threads";
import { describeError, OnhandError } from "../../shared/errors.ts";
import { type Forecast, type ForecastInput, plainForecast } from "./forecast_series.ts";
import {
  REFIT_MS_MAX,
  REFIT_QUEUE_MAX,
  REFIT_RETRIES_MAX,
  WORKER_RESTART_MS,
  WORKER_RESTART_MS_MAX,
} from "./limits.ts";
import type { Calibration } from "./policy/calibration.ts";
import type { CalibrationInput, RefitReply, RefitRequest } from "./refit_messages.ts";

export interface RefitOptions {
  /** Threads; at least 1. */
  readonly workerCount: number;
  readonly fitMsMax?: number;
  readonly queueMax?: number;
  /** The worker's file; another one in tests. */
  readonly workerFile?: URL;
  /** Told of every fit that had to be replaced by the plain forecast: what an operator should know. */
  readonly onFault?: (fault: RefitFault) => void;
}

export interface RefitFault {
  readonly kind: "timeout" | "crashed" | "threw";
  readonly detail: string;
}

export interface Refit {
  readonly forecast: Forecast;
  /** Why the plain forecast stands in; undefined when the fit went well. */
  readonly fault: RefitFault | undefined;
}

interface Job {
  readonly id: number;
  readonly request: RefitRequest;
  /** Settles with what the worker made. */
  readonly answer: (reply: RefitReply) => void;
  /** Settles with what stands in for it. */
  readonly standIn: (fault: RefitFault) => void;
  readonly reject: (error: Error) => void;
  retries: number;
}

interface Slot {
  worker: Worker | undefined;
  ready: boolean;
  job: Job | undefined;
  timer: NodeJS.Timeout | undefined;
  deathsInARow: number;
}

/** Deaths in a row before it first was ready, after which waiting requests get the plain forecast. */
const START_DEATHS_MAX = 3;

export class RefitPool {
  readonly #options: Required<Omit<RefitOptions, "onFault">> & Pick<RefitOptions, "onFault">;
  readonly #slots: Slot[];
  readonly #queue: Job[] = [];
  #nextId = 1;
  #closed = false;

  constructor(options: RefitOptions) {
    this.#options = {
      fitMsMax: REFIT_MS_MAX,
      queueMax: REFIT_QUEUE_MAX,
      workerFile: new URL("./refit_worker.ts", import.meta.url),
      ...options,
    };
    this.#slots = Array.from({ length: Math.max(1, options.workerCount) }, () => ({
      worker: undefined,
      ready: false,
      job: undefined,
      timer: undefined,
      deathsInARow: 0,
    }));
    for (const slot of this.#slots) this.#start(slot);
  }

  /** Requests waiting, not counting those being fitted. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Fits a series on a worker. Throws OnhandError `overloaded` (retryable) or `closed`. */
  refit(input: ForecastInput): Promise<Refit> {
    const plain = (fault: RefitFault) => plainForecast(input, `fit ${fault.kind}: ${fault.detail}`);
    return this.#add<Refit>(
      (id) => ({ id, input }),
      (reply) => ("forecast" in reply ? { forecast: reply.forecast, fault: undefined } : undefined),
      (fault) => ({ forecast: plain(fault), fault }),
    );
  }

  /** z of a group; undefined when it took too long or failed. Throws as refit() does. */
  calibrate(calibrate: CalibrationInput): Promise<Calibration | undefined> {
    return this.#add(
      (id) => ({ id, calibrate }),
      (reply) => ("calibration" in reply ? reply.calibration : undefined),
      () => undefined,
    );
  }

  #add<T>(
    requestOf: (id: number) => RefitRequest,
    resultOf: (reply: RefitReply) => T | undefined,
    standIn: (fault: RefitFault) => T,
  ): Promise<T> {
    if (this.#closed) {
      return Promise.reject(new OnhandError("closed", "Cannot refit: the pool is closed"));
    }
    if (this.#queue.length >= this.#options.queueMax) {
      const message = `Cannot refit: ${this.#queue.length} are waiting, expected fewer than ${this.#options.queueMax}`;
      return Promise.reject(new OnhandError("overloaded", message, { retryable: true }));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const failed = (fault: RefitFault) => {
        this.#options.onFault?.(fault);
        resolve(standIn(fault));
      };
      this.#queue.push({
        id,
        request: requestOf(id),
        answer: (reply) => {
          const result = resultOf(reply);
          if (result !== undefined) resolve(result);
          else failed({ kind: "threw", detail: "error" in reply ? reply.error : "no result" });
        },
        standIn: failed,
        reject,
        retries: 0,
      });
      this.#feed();
    });
  }

  /** Ends all workers; requests not answered yet are refused. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = new OnhandError("closed", "Cannot refit: the pool was closed");
    for (const job of this.#queue.splice(0)) job.reject(error);
    await Promise.all(
      this.#slots.map(async (slot) => {
        clearTimeout(slot.timer);
        slot.job?.reject(error);
        slot.job = undefined;
        await slot.worker?.terminate();
      }),
    );
  }

  #start(slot: Slot): void {
    if (this.#closed) return;
    const worker = new Worker(this.#options.workerFile);
    slot.worker = worker;
    slot.ready = false;
    let fault = "ended";
    worker.on("message", (reply: RefitReply) => this.#answered(slot, worker, reply));
    worker.on("error", (error) => {
      fault = describeError(error);
    });
    worker.on("exit", () => this.#died(slot, worker, fault));
  }

  #feed(): void {
    for (const slot of this.#slots) {
      if (slot.worker === undefined || !slot.ready || slot.job !== undefined) continue;
      const job = this.#queue.shift();
      if (job === undefined) return;
      slot.job = job;
      const { fitMsMax } = this.#options;
      slot.timer = setTimeout(() => this.#hangs(slot), fitMsMax);
      slot.worker.postMessage(job.request);
    }
  }

  #answered(slot: Slot, worker: Worker, reply: RefitReply): void {
    if (slot.worker !== worker) return;
    if ("ready" in reply) {
      slot.ready = true;
      this.#feed();
      return;
    }
    const { job } = slot;
    if (job === undefined || job.id !== reply.id) return;
    this.#free(slot);
    slot.deathsInARow = 0;
    job.answer(reply);
    this.#feed();
  }

  #hangs(slot: Slot): void {
    const { job, worker } = slot;
    if (job === undefined) return;
    this.#free(slot);
    slot.worker = undefined;
    void worker?.terminate();
    job.standIn({ kind: "timeout", detail: `longer than ${this.#options.fitMsMax} ms` });
    this.#start(slot);
  }

  #died(slot: Slot, worker: Worker, fault: string): void {
    if (slot.worker !== worker || this.#closed) return;
    const { job } = slot;
    this.#free(slot);
    slot.worker = undefined;
    if (job !== undefined) {
      if (job.retries++ < REFIT_RETRIES_MAX) this.#queue.unshift(job);
      else job.standIn({ kind: "crashed", detail: fault });
    } else if (!slot.ready && slot.deathsInARow >= START_DEATHS_MAX) {
      // Workers do not even start: nobody is to wait for that.
      for (const left of this.#queue.splice(0)) left.standIn({ kind: "crashed", detail: fault });
    }
    const pauseMs = Math.min(WORKER_RESTART_MS_MAX, WORKER_RESTART_MS * 2 ** slot.deathsInARow);
    slot.deathsInARow++;
    setTimeout(() => this.#start(slot), pauseMs);
    this.#feed();
  }

  #free(slot: Slot): void {
    clearTimeout(slot.timer);
    slot.timer = undefined;
    slot.job = undefined;
  }
}
