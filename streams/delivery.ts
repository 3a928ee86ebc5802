// Pure.
// What a JetStream delivery says of itself in its reply subject.
// Source: NATS ADR-15; nine tokens on most servers, eleven or twelve with domain and account:
//   $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>
//   $JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>[.<token>]

/** `appendedAtMs` and the `nanos` beyond it (0 to 999,999): the server's append time. */
export type Delivery = {
  seq: number;
  consumerSeq: number;
  appendedAtMs: number;
  nanos: number;
  pending: number;
};

const PREFIX = [..."$JS.ACK."].map((letter) => letter.charCodeAt(0));
const DOT = 46;
const NANOS_DIGITS = 6;

/**
 * The parts of a reply subject of a delivery, or undefined when it is none. There is one for each entry: it is read from
 * its bytes, in a tenth of the time that a text takes which is made and split.
 */
export function parseDelivery(reply: Uint8Array): Delivery | undefined {
  const { length } = reply;
  for (let i = 0; i < PREFIX.length; i++) if (reply[i] !== PREFIX[i]) return undefined;
  let dots = 0;
  let fifth = length;
  let seventh = length;
  for (let i = 0; i < length; i++) {
    if (reply[i] !== DOT) continue;
    dots++;
    if (dots === 5) fifth = i + 1;
    else if (dots === 7) seventh = i + 1;
  }
  if (dots !== 8 && dots < 10) return undefined;
  const from = dots === 8 ? fifth : seventh;
  const afterSeq = reply.indexOf(DOT, from);
  const afterConsumerSeq = reply.indexOf(DOT, afterSeq + 1);
  const afterTime = reply.indexOf(DOT, afterConsumerSeq + 1);
  const afterPending = reply.indexOf(DOT, afterTime + 1);
  const beyondMs = Math.max(afterConsumerSeq + 1, afterTime - NANOS_DIGITS);
  const delivery = {
    seq: wholeOf(reply, from, afterSeq),
    consumerSeq: wholeOf(reply, afterSeq + 1, afterConsumerSeq),
    appendedAtMs: wholeOf(reply, afterConsumerSeq + 1, beyondMs),
    nanos: wholeOf(reply, beyondMs, afterTime),
    pending: wholeOf(reply, afterTime + 1, afterPending < 0 ? length : afterPending),
  };
  return delivery.seq < 0 || delivery.appendedAtMs < 0 || delivery.nanos < 0 ? undefined : delivery;
}

/** The whole number that some bytes write, or -1. */
function wholeOf(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  for (let i = from; i < to; i++) {
    const digit = (bytes[i] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return from < to && Number.isSafeInteger(number) ? number : -1;
}

/** An append time in whole nanoseconds since 1970, as text: 2^63 is no number. */
export function nanosecondsText(appendedAtMs: number, nanos: number): string {
  return `${appendedAtMs}${String(nanos).padStart(NANOS_DIGITS, "0")}`;
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
