// Owns what can die, freeze and wake: a simulated process, and its calls to simulated services.
//
// P1. A crash is silence: nothing of a dead process is ever called again, so whatever it awaited stays
//     open for ever. That is a crash at any await.
// P2. A frozen process gets everything on waking, in order: it believes no time has passed. What comes while
//     it catches up waits behind that.
// P3. A service does what was asked when the request arrives, whoever still waits for the answer.
import { OnhandError } from "../../shared/errors.ts";
import type { Chance } from "./chance.ts";
import type { SimClock } from "./clock.ts";
import type { FaultLog } from "./faults.ts";

/** Something reached over the network: it may be away, slow, or swallow requests and answers. */
export class SimService {
  readonly name: string;
  isDown = false;
  /** Time each way, ms. */
  latencyMs: [low: number, high: number];
  requestLoss = 0;
  answerLoss = 0;
  /** After so long without an answer the caller is told, ms. */
  timeoutMs: number;
  readonly #usualMs: [low: number, high: number];

  constructor(name: string, latencyMs: [number, number], timeoutMs = 1_000) {
    this.name = name;
    this.latencyMs = latencyMs;
    this.#usualMs = latencyMs;
    this.timeoutMs = timeoutMs;
  }

  heal(): void {
    this.isDown = false;
    this.latencyMs = this.#usualMs;
    this.requestLoss = 0;
    this.answerLoss = 0;
  }
}

export type World = { clock: SimClock; chance: Chance; faults: FaultLog };

export class SimProcess {
  readonly name: string;
  isAlive = true;
  isFrozen = false;
  readonly #world: World;
  #waiting: (() => void)[] = [];

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
  }

  kill(): void {
    this.isAlive = false;
    this.#waiting = [];
  }

  freeze(): void {
    this.isFrozen = true;
  }

  /** Goes on where it stopped, with all that came meanwhile. */
  wake(): void {
    this.isFrozen = false;
    this.#catchUp();
  }

  /** One event each: between two of them promises go on, as they would. */
  #catchUp(): void {
    this.#world.clock.after(0, () => {
      if (this.isFrozen) return;
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) this.#catchUp();
    });
  }

  /** Runs `fn` inside the process: now, on waking, or never. */
  enter(fn: () => void): void {
    if (!this.isAlive) return;
    if (this.isFrozen || this.#waiting.length > 0) this.#waiting.push(fn);
    else fn();
  }

  /** A timer of this process; returns its cancellation. */
  timer(ms: number, fn: () => void): () => void {
    let isCancelled = false;
    const timer = this.#world.clock.after(ms, () =>
      this.enter(() => {
        if (!isCancelled) fn();
      }),
    );
    return () => {
      isCancelled = true;
      this.#world.clock.cancel(timer);
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.timer(ms, resolve));
  }

  /**
   * Asks a service. `serve` runs at the service when the request arrives; what it throws comes back too.
   * @throws OnhandError `<service>_unavailable` (surely not done) or `<service>_timeout` (unknown).
   */
  call<T>(service: SimService, serve: () => T): Promise<T> {
    const { clock, chance, faults } = this.#world;
    return new Promise<T>((resolve, reject) => {
      let isSettled = false;
      const timeout = clock.after(service.timeoutMs, () =>
        settle(() => reject(timedOut(service.name))),
      );
      const settle = (fn: () => void) =>
        this.enter(() => {
          if (isSettled) return;
          isSettled = true;
          clock.cancel(timeout);
          fn();
        });
      const [low, high] = service.latencyMs;
      clock.after(chance.int(low, high), () => {
        if (service.isDown) {
          clock.after(chance.int(low, high), () => settle(() => reject(unavailable(service.name))));
          return;
        }
        if (chance.is(service.requestLoss)) {
          faults.count(`${service.name} request lost`);
          return;
        }
        let answer: () => void;
        try {
          const value = serve();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error);
        }
        if (chance.is(service.answerLoss)) {
          faults.count(`${service.name} answer lost`);
          return;
        }
        clock.after(chance.int(low, high), () => settle(answer));
      });
    });
  }
}

function unavailable(service: string): OnhandError {
  return new OnhandError(`${service}_unavailable`, `Cannot reach ${service}: it is away`, {
    retryable: true,
  });
}

function timedOut(service: string): OnhandError {
  return new OnhandError(`${service}_timeout`, `Cannot tell what ${service} did: no answer came`, {
    retryable: true,
  });
}
