// Pure.
// Limits that are part of the fold: changing one changes what the same log means, so it raises
// `APPLY_VERSION`. They stand here and not in shared/limits.ts for that reason. Units last.

/** Raised by a log entry only, when the same prefix would fold to another state or answer. */
export const APPLY_VERSION = 1;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** How far ahead of log time `at` may be before it is taken for a wrong clock. */
export const AT_AHEAD_MS_MAX = 5 * MINUTE_MS;
/** How far back `at` may be without `backfill` before it is taken for a wrong clock. */
export const AT_BACK_MS_MAX = 31 * DAY_MS;
/** A count older than this is stale; movements are kept as long. */
export const COUNT_AGE_MS_MAX = 48 * HOUR_MS;

/** Commands in one bundle. */
export const BUNDLE_COMMANDS_MAX = 256;
/** Bytes of one entry; the server's own limit is lower or the same. */
export const ENTRY_BYTES_MAX = 1_048_576;
/** A dead letter as JSON, in bytes; its payload is cut to fit. */
export const DEAD_LETTER_BYTES_MAX = 65_536;

/** SKU-locations of a shard. */
export const KEYS_MAX = 8_000_000;
/** Names of buckets in a shard (they are numbered in one byte). */
export const BUCKET_NAMES_MAX = 250;
/** Buckets of unavailable stock of one key. */
export const BUCKETS_PER_KEY_MAX = 32;
/** Channels with a rule of one key. */
export const CHANNELS_PER_KEY_MAX = 64;
/** Live holds of a shard. */
export const HOLDS_MAX = 1_000_000;
/** Holds of one key that wait for stock. */
export const BACKORDERS_PER_KEY_MAX = 10_000;
/** How long a finished hold is remembered, and how many of a shard at most (oldest go first). */
export const TOMBSTONE_MS = 7 * DAY_MS;
export const TOMBSTONES_MAX = 50_000;
/** Entries of a queue of what is finished that stand there for nothing any more, beyond as many as the others. */
export const STALE_MAX = 1_024;
/** Parts of one hold over shards are placed within this time of each other; further apart, it is another hold. */
export const PLACING_MS = DAY_MS;
/** Order lines of one key that are open, or closed and still remembered. */
export const ORDER_LINES_PER_KEY_MAX = 1_000;
/** Transfers of one SKU that are open, or closed and still remembered. */
export const TRANSFERS_PER_SKU_MAX = 1_000;
/** How long a closed order line or transfer is remembered. */
export const CLOSED_MS = 90 * DAY_MS;
/** How long after its first refusal the asking of a shopper is remembered, and how many of a shard. */
export const LOST_MS = 2 * DAY_MS;
export const LOST_MAX = 100_000;
/** Holds an alert of overselling names. */
export const ENDANGERED_MAX = 20;
/** How often wrong clocks of one location are alerted, and how many locations are watched. */
export const CLOCK_ALERT_MS = HOUR_MS;
export const CLOCK_ALERTS_MAX = 1_000;

/** Identities kept whole in memory, unless the options say otherwise. */
export const RECENT_IDS_MAX = 262_144;
/** Movements kept, unless the options say otherwise. */
export const MOVEMENTS_MAX = 4_194_304;
/** Slots of the smallest and the largest generation of the filter, as powers of two. */
export const FILTER_BITS_MIN = 16;
export const FILTER_BITS_MAX = 24;
/** Generations of the filter; the oldest goes when one more is needed. */
export const FILTER_GENERATIONS_MAX = 16;
/** Channels whose refusals are no lost demand: a till sells what is on the counter. */
export const TILL_CHANNELS: readonly string[] = ["till", "pos"];
