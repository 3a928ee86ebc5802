// The relay alone: what order its effects arrive in while acks get lost and owners change.
import { expect, test } from "vitest";
import type { Clock, OutboxRow, RunnerPorts } from "../../../actors/runtime/ports.ts";
import { realClock } from "../../../actors/runtime/real_ports.ts";
import { Relay } from "../../../actors/runtime/relay.ts";
import { OnhandError } from "../../../shared/errors.ts";
import { RELAY_IN_FLIGHT_MAX } from "../../../shared/limits.ts";

const SUBJECTS = 300;
const ROWS = 2_000;
// A subject comes again after 300 others, now and then at once.
const outbox: readonly OutboxRow[] = Array.from({ length: ROWS }, (_, i) => {
  const number = i + 1;
  const subject = `inv.need.x.${(i - (i % 401 === 400 ? 1 : 0)) % SUBJECTS}`;
  return { number, effectId: `e${number}`, kind: "need", subject, payload: "{}" };
});
const atOnce: Clock = { ...realClock, after: (_ms, run) => realClock.after(0, run) };

/** A stream that stores all it is sent; the first ack of every `lost`th row is lost, and the store forgets when told. */
function world(lost: number) {
  const stored: OutboxRow[] = [];
  const waiting = new Set<string>();
  let left = [...outbox];
  const lostOnce = new Set<OutboxRow>();
  let inFlightMost = 0;
  /** Subjects sent while one of theirs was under way. */
  const twice: string[] = [];
  const ports = {
    clock: atOnce,
    journal: { info: () => {}, warn: () => {}, error: () => {} },
    store: {
      outbox: async (limit: number) => left.slice(0, limit),
      published: async (to: number) => {
        left = left.filter(({ number }) => number > to);
      },
    },
    effects: {
      async publish(row: OutboxRow) {
        if (waiting.has(row.subject)) twice.push(row.subject);
        waiting.add(row.subject);
        inFlightMost = Math.max(inFlightMost, waiting.size);
        stored.push(row);
        const isLost = row.number % lost === 0 && !lostOnce.has(row);
        if (isLost) lostOnce.add(row);
        await new Promise((resolve) => setImmediate(resolve));
        waiting.delete(row.subject);
        if (isLost) throw new OnhandError("nats_unavailable", "no ack", { retryable: true });
      },
    },
  } as unknown as RunnerPorts;
  return { ports, stored, twice, left: () => left.length, inFlightMost: () => inFlightMost };
}

/** Numbers stored of each subject, in their order. */
function bySubject(rows: readonly OutboxRow[]): number[][] {
  const found = new Map<string, number[]>();
  for (const { subject, number } of rows) {
    const list = found.get(subject);
    if (list === undefined) found.set(subject, [number]);
    else list.push(number);
  }
  return [...found.values()];
}

test("Relay stores all of one subject in order, whatever acks are lost: a repeat comes before what follows", async () => {
  const { ports, stored, twice, left, inFlightMost } = world(97);
  const relay = new Relay(ports);
  relay.reread();
  await relay.drained();
  expect(left()).toBe(0);
  expect(stored.length).toBeGreaterThan(ROWS);
  expect(new Set(stored).size).toBe(ROWS);
  for (const numbers of bySubject(stored)) expect(numbers).toEqual([...numbers].sort(byValue));
  expect(twice).toEqual([]);
  expect(inFlightMost()).toBe(RELAY_IN_FLIGHT_MAX);
});

test("Relay of the next owner begins with what was not removed: only repeats come late, none is new out of order", async () => {
  const { ports, stored, left } = world(97);
  const first = new Relay(ports);
  first.reread();
  while (stored.length < ROWS / 3) await new Promise((resolve) => setImmediate(resolve));
  first.end();
  const next = new Relay(ports);
  await new Promise((resolve) => setTimeout(resolve, 5));
  next.reread();
  await next.drained();
  expect(left()).toBe(0);
  // As receivers take them, who drop repeats by id.
  for (const numbers of bySubject([...new Set(stored)]))
    expect(numbers).toEqual([...numbers].sort(byValue));
  expect(new Set(stored).size).toBe(ROWS);
});

const byValue = (a: number, b: number) => a - b;
