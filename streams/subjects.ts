// Pure.
// Names of everything on the wire: subjects, streams, buckets. The only place that spells them.

/** Text to a subject token: percent-encoded, with `.` and `*` escaped too. Source: design, section 3. */
export function toToken(name: string): string {
  return encodeURIComponent(name).replaceAll(".", "%2E").replaceAll("*", "%2A");
}

/** The text of a token, or undefined when the token is not the canonical encoding of any text. */
export function fromToken(token: string): string | undefined {
  let name: string;
  try {
    name = decodeURIComponent(token);
  } catch {
    return undefined;
  }
  return toToken(name) === token ? name : undefined;
}

export const CMD_SUBJECTS = "inv.cmd.*.*";

/** Where tills publish; the server maps it to `logSubject`. */
export function cmdSubject(location: string, sku: string): string {
  return `inv.cmd.${toToken(location)}.${toToken(sku)}`;
}

/** One command of one SKU in the ordered log of its shard. */
export function logSubject(epoch: number, shard: number, location: string, sku: string): string {
  return `inv.log.${epoch}.${shard}.${toToken(location)}.${toToken(sku)}`;
}

/** Up to 256 commands of one shard in one entry; our publishers only. */
export function bundleSubject(epoch: number, shard: number): string {
  return `inv.log.${epoch}.${shard}.bundle`;
}

/** The stream that keeps the log of a shard. */
export function stockStream(epoch: number, shard: number): string {
  return `STOCK-${epoch}-${shard}`;
}

/** Every subject the stream of a shard keeps. */
export function stockStreamSubjects(epoch: number, shard: number): string {
  return `inv.log.${epoch}.${shard}.>`;
}

/** The account mapping, from and to, as nats-server writes it. */
export function cmdMapping(epoch: number, shards: number): { from: string; to: string } {
  return {
    from: CMD_SUBJECTS,
    to: `inv.log.${epoch}.{{partition(${shards},2)}}.{{wildcard(1)}}.{{wildcard(2)}}`,
  };
}

export const levelSubject = (location: string, sku: string): string =>
  `inv.level.${toToken(location)}.${toToken(sku)}`;
export const demandSubject = (location: string, sku: string): string =>
  `inv.demand.${toToken(location)}.${toToken(sku)}`;
export const needSubject = (location: string, sku: string): string =>
  `inv.need.${toToken(location)}.${toToken(sku)}`;
export const holdSubject = (location: string, sku: string): string =>
  `inv.hold.${toToken(location)}.${toToken(sku)}`;
/** A name that could not be read is empty: `-` stands for it, as no token may be empty. */
export const alertSubject = (kind: string, location: string, sku: string): string =>
  `inv.alert.${toToken(kind)}.${toToken(location) || "-"}.${toToken(sku) || "-"}`;
export const deadSubject = (source: string): string => `inv.dead.${toToken(source)}`;

/** Streams that keep what the relay publishes, by the subject space they keep. */
export const EFFECT_STREAMS = {
  DEMAND: "inv.demand.>",
  NEEDS: "inv.need.>",
  HOLDS: "inv.hold.>",
  ALERTS: "inv.alert.>",
  DEAD: "inv.dead.>",
} as const;

/** Header that names where a decision goes; only `_INBOX.>` is obeyed. */
export const REPLY_HEADER = "Onhand-Reply-To";
export const REPLY_PREFIX = "_INBOX.";
const REPLY_SUBJECT = /^_INBOX\.[\x21-\x7e]{1,248}$/;

/**
 * Where a header lets a decision go, or undefined. It is written into a line of the protocol as it is: with a blank
 * in it, or longer than such a line, it would make the server end the connection.
 */
export function replySubject(header: string | undefined): string | undefined {
  return header !== undefined && REPLY_SUBJECT.test(header) ? header : undefined;
}

/** KV bucket with the current epoch and shard count under key `current`. */
export const TOPOLOGY_BUCKET = "onhand-topology";
/** KV bucket of leases (`<role>.<epoch>.<shard>`) and members (`member.<role>.<name>`). */
export const LEASE_BUCKET = "onhand-lease";

export type LogSubject =
  | { kind: "single"; epoch: number; shard: number; locationToken: string; skuToken: string }
  | { kind: "bundle"; epoch: number; shard: number };

/** Parts of a subject of the log, or undefined when it is none. */
export function parseLogSubject(subject: string): LogSubject | undefined {
  const parts = subject.split(".");
  if (parts[0] !== "inv" || parts[1] !== "log") return undefined;
  const epoch = Number(parts[2]);
  const shard = Number(parts[3]);
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(shard)) return undefined;
  if (parts.length === 5 && parts[4] === "bundle") return { kind: "bundle", epoch, shard };
  const locationToken = parts[4];
  const skuToken = parts[5];
  if (parts.length !== 6 || locationToken === undefined || skuToken === undefined) return undefined;
  return { kind: "single", epoch, shard, locationToken, skuToken };
}
