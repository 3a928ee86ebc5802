// Owns publishing into JetStream with acks that are ours: many at once, one subscription for all answers. The
// library's publish makes a request with a stack trace each, which at thousands a second was a quarter of a
// shard's time.
import { type Msg, nuid } from "@nats-io/transport-node";
import { OnhandError } from "../../shared/errors.ts";
import { EFFECT_ACK_TIMEOUT_MS } from "../../shared/limits.ts";
import type { NatsConnection } from "../../streams/connection.ts";
import { type Outlet, outletOf } from "../../streams/outlet.ts";
import type { EffectPort, OutboxRow } from "./ports.ts";

type Waiting = {
  subject: string;
  resolve: () => void;
  reject: (error: Error) => void;
  dueMs: number;
};
const SWEEP_MS = 250;

/** Publishes and waits for the ack; repeats of an id are dropped by the stream within its window. */
export class AckedPublisher {
  private readonly nc: NatsConnection;
  private readonly outlet: Outlet;
  private readonly inbox = `_INBOX.${nuid.next()}.`;
  private readonly waiting = new Map<number, Waiting>();
  private number = 0;
  private sweeper: NodeJS.Timeout | undefined;

  constructor(nc: NatsConnection) {
    this.nc = nc;
    this.outlet = outletOf(nc);
    nc.subscribe(`${this.inbox}*`, {
      callback: (error, message) => {
        if (error === null) this.onAnswer(message);
      },
    });
  }

  /** @throws OnhandError `nats_unavailable` (retryable): no ack in time, or the server said no */
  publish(subject: string, text: string, id?: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const number = ++this.number;
      const dueMs = performance.now() + EFFECT_ACK_TIMEOUT_MS;
      this.waiting.set(number, { subject, resolve, reject, dueMs });
      this.sweeper ??= setInterval(() => this.sweep(), SWEEP_MS);
      const reply = this.inbox + number;
      try {
        const header =
          id === undefined ? undefined : { name: "Nats-Msg-Id", value: headerText(id) };
        this.outlet.publish(subject, text, reply, header);
      } catch (error) {
        this.waiting.delete(number);
        reject(away(subject, String(error)));
      }
    });
  }

  private onAnswer(message: Msg): void {
    const number = Number(message.subject.slice(this.inbox.length));
    const waiting = this.waiting.get(number);
    if (waiting === undefined) return;
    this.waiting.delete(number);
    const text = message.string();
    if (text.startsWith('{"stream"')) waiting.resolve();
    else waiting.reject(away(waiting.subject, text === "" ? "no stream took it" : text));
  }

  private sweep(): void {
    const nowMs = performance.now();
    for (const [number, { subject, dueMs, reject }] of this.waiting) {
      if (dueMs > nowMs && !this.nc.isClosed()) break; // in order of sending
      this.waiting.delete(number);
      reject(away(subject, `no ack within ${EFFECT_ACK_TIMEOUT_MS} ms`));
    }
    if (this.waiting.size > 0) return;
    clearInterval(this.sweeper);
    this.sweeper = undefined;
  }
}

/** Effects into their streams, with their ids; commands into the log, which knows repeats by itself. */
export function effectPort(publisher: AckedPublisher): EffectPort {
  return {
    async publish(row: OutboxRow) {
      if (row.kind !== "command") return publisher.publish(row.subject, row.payload, row.effectId);
      const { commands } = JSON.parse(row.payload) as { commands: unknown[] };
      await publisher.publish(row.subject, JSON.stringify(commands));
    },
  };
}

/** Ids hold names as people write them; a header takes printable ASCII. */
function headerText(id: string): string {
  return /^[\x21-\x7e]*$/.test(id) ? id : encodeURIComponent(id);
}

function away(what: string, why: string): OnhandError {
  return new OnhandError("nats_unavailable", `Cannot publish to ${what}: ${why}`, {
    retryable: true,
  });
}
