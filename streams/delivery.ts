// Pure.
// What a JetStream delivery says of itself in its reply subject.
// Source: NATS ADR-15; nine tokens on most servers, eleven or twelve with domain and account:
//   $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>
//   $JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>[.<token>]

/** `time` is the server's append time in whole nanoseconds since 1970, as text (2^63 is no number). */
export type Delivery = { seq: number; consumerSeq: number; time: string; pending: number };

/** The parts of a reply subject of a delivery, or undefined when it is none. */
export function parseDelivery(reply: string): Delivery | undefined {
  if (!reply.startsWith("$JS.ACK.")) return undefined;
  const parts = reply.split(".");
  const first = parts.length === 9 ? 5 : parts.length >= 11 ? 7 : -1;
  if (first < 0) return undefined;
  const time = parts[first + 2];
  const seq = Number(parts[first]);
  if (time === undefined || !Number.isSafeInteger(seq)) return undefined;
  return { seq, consumerSeq: Number(parts[first + 1]), time, pending: Number(parts[first + 3]) };
}

/** Whole milliseconds of whole nanoseconds. */
export function millisOf(nanoseconds: string): number {
  return nanoseconds.length > 6 ? Number(nanoseconds.slice(0, -6)) : 0;
}

/** Whole nanoseconds since 1970, as text, of RFC 3339 with up to nine decimals; "" when it is none. */
export function nanosecondsOf(timestamp: string): string {
  const m = /^(.+?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/.exec(timestamp);
  const seconds = m === null ? Number.NaN : Date.parse(`${m[1]}${m[3]}`) / 1000;
  if (m === null || !Number.isSafeInteger(seconds)) return "";
  return `${seconds}${(m[2] ?? "").padEnd(9, "0")}`;
}
