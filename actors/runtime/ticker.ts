// Owns the ticks of a shard: when something is due and nothing else comes, an entry of its own lets log time
// pass. A tick too many changes nothing; one too few is sent again. Where the log's clock is behind ours, ticks come
// too early: they grow seldom, or an hour's difference would fill the log with tens of thousands of them.
import { describeError } from "../../shared/errors.ts";
import { TICK_AGAIN_MS, TICK_AGAIN_MS_MAX, TICK_WAIT_MS } from "../../shared/limits.ts";
import { Alarm } from "./alarm.ts";
import type { Machine } from "./machine.ts";
import type { RunnerPorts } from "./ports.ts";

export class Ticker {
  private readonly ports: Pick<RunnerPorts, "clock" | "log" | "journal">;
  private readonly machine: Machine;
  private readonly isMuted: boolean;
  private readonly alarm: Alarm;
  /** Monotonic time until which the tick on its way is waited for. */
  private sentUntilMs = 0;
  /** What was due when a tick was last sent, and how many were sent for that before. */
  private tickedForMs = Number.NEGATIVE_INFINITY;
  private inVain = 0;
  private isEnded = false;

  constructor(
    ports: Pick<RunnerPorts, "clock" | "log" | "journal">,
    machine: Machine,
    isMuted: boolean,
  ) {
    this.ports = ports;
    this.machine = machine;
    this.isMuted = isMuted;
    this.alarm = new Alarm(ports.clock, () => this.fire());
  }

  /** Called after every slice: sets the timer to when something is next due. */
  poll(): void {
    if (this.isEnded || this.isMuted) return;
    const dueMs = this.machine.nextDueMs();
    if (dueMs === undefined) return;
    const { clock } = this.ports;
    const monotonicMs = clock.monotonicMs();
    this.alarm.setFor(Math.max(monotonicMs + dueMs - clock.nowMs(), this.sentUntilMs));
  }

  end(): void {
    this.isEnded = true;
    this.alarm.cancel();
  }

  private fire(): void {
    if (this.isEnded) return;
    const { clock } = this.ports;
    const dueMs = this.machine.nextDueMs();
    const isWaited = clock.monotonicMs() < this.sentUntilMs;
    if (dueMs !== undefined && dueMs <= clock.nowMs() && !isWaited) this.tick(dueMs);
    this.poll();
  }

  private tick(dueMs: number): void {
    const { clock, log, journal } = this.ports;
    this.inVain = dueMs <= this.tickedForMs ? this.inVain + 1 : 0;
    this.tickedForMs = dueMs;
    const againMs = Math.min(TICK_AGAIN_MS * 2 ** this.inVain, TICK_AGAIN_MS_MAX);
    this.sentUntilMs = clock.monotonicMs() + TICK_WAIT_MS;
    log.append([{ type: "tick" }]).then(
      () => {
        this.sentUntilMs = clock.monotonicMs() + againMs;
        this.poll();
      },
      (error: unknown) => journal.warn({ error: describeError(error) }, "cannot append a tick"),
    );
  }
}
