// Owns asking the stock and forecast processes for their metrics. How many there are nobody knows, so who answered
// the question before is waited for: then an answer takes as long as the slowest of them, not as long as one may.
//   - Every question is listened to for METRICS_ANSWER_WAIT_MS, whenever its texts were handed on: a process that is new
//     is among those the next one waits for.
//   - While nobody is known, and when one of those known is gone, the whole time is waited once.

import type { NatsConnection } from "@nats-io/transport-node";
import { METRICS_ANSWER_WAIT_MS } from "../shared/limits.ts";
import { ASKED_ROLES, type AskedRole, metricsSubject } from "../shared/telemetry.ts";
import { askAll } from "./ask_all.ts";

/** A function that asks all of them, and gives the text of each that answers in time. It never throws. */
export function processMetrics(nc: NatsConnection): () => Promise<string[]> {
  const known = new Map<AskedRole, ReadonlySet<string>>();
  return async () => {
    const texts = await Promise.all(ASKED_ROLES.map((role) => ask(nc, role, known)));
    return texts.flat();
  };
}

/** The texts of one role, by then; who answers later is only remembered. */
function ask(
  nc: NatsConnection,
  role: AskedRole,
  known: Map<AskedRole, ReadonlySet<string>>,
): Promise<string[]> {
  const awaited = new Set(known.get(role));
  const nobodyIsKnown = awaited.size === 0;
  const answered = new Set<string>();
  const texts: string[] = [];
  return new Promise((resolve) => {
    const all = askAll(nc, metricsSubject(role), METRICS_ANSWER_WAIT_MS, (data) => {
      const text = new TextDecoder().decode(data);
      const process = processOf(text);
      if (process !== undefined) {
        answered.add(process);
        awaited.delete(process);
      }
      texts.push(text);
      if (!nobodyIsKnown && awaited.size === 0) resolve([...texts]);
      return false;
    });
    all
      .catch(() => {})
      .finally(() => {
        known.set(role, answered);
        resolve(texts);
      });
  });
}

/** The process that told a text: its name stands in each of its samples. */
function processOf(text: string): string | undefined {
  return /[{,]process="((?:[^"\\\n]|\\.)*)"/.exec(text)?.[1];
}
