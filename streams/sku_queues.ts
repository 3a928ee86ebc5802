// Pure.
// Which commands may travel together, and which must wait: the order of one SKU.
//
// Q1. Commands of one SKU leave in the order they came.
// Q2. A SKU never stands in two batches that are both out: the second could be stored first.
// Q3. A command over several SKUs waits until it is first in the queue of each of them.
//
// One queue per SKU that has commands waiting or out, and one list of the queues that may give:
//
//     push -> [ready] -> take -> (held by its batch) -> release -> [ready] again, or gone
//
// Each push, take and release costs the same however many wait, also when all are of one SKU.

/** What the queues need to know of a command. */
export type Queueable = {
  readonly sku: string;
  /** Further SKUs it touches (lines of a hold), without `sku` and without repeats. */
  readonly otherSkus: readonly string[] | undefined;
  readonly bytes: number;
};

/** Commands that leave together; hand it back to `release` once they are acked or refused. */
export type Batch<T extends Queueable> = { jobs: T[]; bytes: number; queues: SkuQueue<T>[] };

type SkuQueue<T extends Queueable> = {
  readonly sku: string;
  jobs: T[];
  head: number;
  holder: Batch<T> | undefined;
  isReady: boolean;
};

export class SkuQueues<T extends Queueable> {
  readonly #queues = new Map<string, SkuQueue<T>>();
  #ready: SkuQueue<T>[] = [];
  #readyHead = 0;
  #waiting = 0;

  /** Commands waiting, not counting those out. */
  get size(): number {
    return this.#waiting;
  }

  push(job: T): void {
    this.#waiting++;
    this.#append(job.sku, job);
    if (job.otherSkus !== undefined) for (const sku of job.otherSkus) this.#append(sku, job);
  }

  /** The next batch of at most so many commands and bytes (one command may be larger), or undefined. */
  take(commandsMax: number, bytesMax: number): Batch<T> | undefined {
    let batch: Batch<T> | undefined;
    while (this.#readyHead < this.#ready.length) {
      const queue = this.#ready[this.#readyHead] as SkuQueue<T>;
      if (
        queue.head < queue.jobs.length &&
        (queue.holder === undefined || queue.holder === batch)
      ) {
        batch ??= { jobs: [], bytes: 0, queues: [] };
        const isFull = this.#fill(queue, batch, commandsMax, bytesMax);
        if (isFull && queue.holder === undefined) break; // it gave nothing: stays first in line
        this.#leaveReady(queue);
        if (isFull) break;
      } else {
        this.#leaveReady(queue);
        if (queue.holder === undefined) this.#queues.delete(queue.sku); // emptied by remove()
      }
    }
    return batch !== undefined && batch.jobs.length > 0 ? batch : undefined;
  }

  /** The batch is settled: its SKUs may leave again. */
  release(batch: Batch<T>): void {
    for (const queue of batch.queues) {
      queue.holder = undefined;
      if (queue.head < queue.jobs.length) this.#markReady(queue);
      // One in the list of the ready is let go there: two queues of one SKU would lose each other.
      else if (!queue.isReady) this.#queues.delete(queue.sku);
    }
  }

  /** Takes a waiting command out again; false when it has left already. */
  remove(job: T): boolean {
    if (!this.#removeFrom(job.sku, job)) return false;
    this.#waiting--;
    if (job.otherSkus !== undefined) for (const sku of job.otherSkus) this.#removeFrom(sku, job);
    return true;
  }

  /** Takes out everything that waits, in no order between SKUs; what is out stays out. */
  drain(): T[] {
    const jobs: T[] = [];
    for (const queue of this.#queues.values()) {
      // A command over several SKUs stands in several queues and is told once.
      for (let i = queue.head; i < queue.jobs.length; i++) {
        const job = queue.jobs[i] as T;
        if (job.sku === queue.sku) jobs.push(job);
      }
      queue.jobs = [];
      queue.head = 0;
    }
    this.#waiting = 0;
    return jobs;
  }

  #append(sku: string, job: T): void {
    let queue = this.#queues.get(sku);
    if (queue === undefined) {
      queue = { sku, jobs: [], head: 0, holder: undefined, isReady: false };
      this.#queues.set(sku, queue);
    }
    queue.jobs.push(job);
    if (queue.holder === undefined) this.#markReady(queue);
  }

  /** True when the batch is full, false when the queue gave all it may. */
  #fill(queue: SkuQueue<T>, batch: Batch<T>, commandsMax: number, bytesMax: number): boolean {
    while (queue.head < queue.jobs.length) {
      const job = queue.jobs[queue.head] as T;
      if (batch.jobs.length >= commandsMax) return true;
      if (batch.jobs.length > 0 && batch.bytes + job.bytes > bytesMax) return true;
      if (job.otherSkus !== undefined) {
        if (!this.#isFirstEverywhere(job, job.otherSkus, batch)) return false;
        for (const sku of job.otherSkus) this.#advance(this.#queues.get(sku)!, batch);
        this.#advance(this.#queues.get(job.sku)!, batch);
      } else this.#advance(queue, batch);
      batch.jobs.push(job);
      batch.bytes += job.bytes;
      this.#waiting--;
    }
    return false;
  }

  #isFirstEverywhere(job: T, otherSkus: readonly string[], batch: Batch<T>): boolean {
    const isFirst = (sku: string): boolean => {
      const queue = this.#queues.get(sku);
      if (queue === undefined || queue.jobs[queue.head] !== job) return false;
      return queue.holder === undefined || queue.holder === batch;
    };
    return isFirst(job.sku) && otherSkus.every(isFirst);
  }

  #advance(queue: SkuQueue<T>, batch: Batch<T>): void {
    queue.head++;
    if (queue.head === queue.jobs.length) {
      queue.jobs = [];
      queue.head = 0;
    } else if (queue.head >= 1024 && queue.head * 2 >= queue.jobs.length) {
      queue.jobs = queue.jobs.slice(queue.head);
      queue.head = 0;
    }
    // What stands behind it may leave with the same batch.
    if (queue.head < queue.jobs.length) this.#markReady(queue);
    if (queue.holder === batch) return;
    queue.holder = batch;
    batch.queues.push(queue);
  }

  #markReady(queue: SkuQueue<T>): void {
    if (queue.isReady) return;
    queue.isReady = true;
    this.#ready.push(queue);
  }

  /** `queue` is the first of the ready ones. */
  #leaveReady(queue: SkuQueue<T>): void {
    queue.isReady = false;
    this.#readyHead++;
    if (this.#readyHead === this.#ready.length) {
      this.#ready = [];
      this.#readyHead = 0;
    } else if (this.#readyHead >= 4096 && this.#readyHead * 2 >= this.#ready.length) {
      this.#ready = this.#ready.slice(this.#readyHead);
      this.#readyHead = 0;
    }
  }

  #removeFrom(sku: string, job: T): boolean {
    const queue = this.#queues.get(sku);
    const index = queue === undefined ? -1 : queue.jobs.indexOf(job, queue.head);
    if (queue === undefined || index < 0) return false;
    queue.jobs.splice(index, 1);
    const isIdle = queue.holder === undefined && !queue.isReady;
    if (queue.head < queue.jobs.length) {
      // What stood behind a command that waited for its other SKUs may now be free to go.
      if (queue.holder === undefined) this.#markReady(queue);
    } else if (isIdle) this.#queues.delete(sku);
    return true;
  }
}
