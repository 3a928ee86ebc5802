// Pure.
// Every limit of the house that is no setting, in one file, by area: what a queue, a loop, a map, a
// retry or a payload may grow to. Units last in the names.

// ---------------------------------------------------------------- http: the edge

/** Largest request body, in bytes; more is answered 413. */
export const HTTP_BODY_BYTES_MAX = 1_048_576;
/** Request line and headers, in bytes: HTTP_SKUS_MAX of the longest SKUs, percent-encoded, fit in a query. */
export const HTTP_HEADER_BYTES_MAX = 131_072;
/** Most commands in one POST /v1/commands. */
export const HTTP_BATCH_COMMANDS_MAX = 1_000;
/** Most SKUs in one GET /v1/stock?sku=… or one filter of the live feed. */
export const HTTP_SKUS_MAX = 200;
/** Rows of a page of a list, and the most a caller may ask for. */
export const HTTP_PAGE_ROWS = 100;
export const HTTP_PAGE_ROWS_MAX = 1_000;
/** Rows of master data in one PUT. */
export const HTTP_MASTER_ROWS_MAX = 10_000;
/** Attributes of one row of master data, and the characters of all of them as JSON: a page of rows tells each. */
export const ATTRIBUTES_MAX = 64;
export const ATTRIBUTES_LENGTH_MAX = 8_192;
/** How long a read of Postgres or Redis may take before it is answered 503, in ms. */
export const HTTP_READ_TIMEOUT_MS = 5_000;
/** How long a strong read waits until the registry has caught up with its tick, in ms. */
export const HTTP_STRONG_READ_WAIT_MS = 2_000;
/** How long a repeat waits for the ledger to have what it repeats, which is also what one look may take, in ms; and the pause between looks. */
export const HTTP_COMMIT_WAIT_MS = 500;
export const HTTP_COMMIT_POLL_MS = 25;
/** How long the synchroniser endpoint waits for the registry before it tells it as pending, in ms. */
export const HTTP_SYNC_VISIBLE_WAIT_MS = 100;
/** How long the edge waits for a forecast process to decide or to answer what would be, in ms. */
export const HTTP_PLANNER_ASK_MS = 10_000;
/** How long the edge goes on with a hold over several shards after it answered 202, in ms. */
export const HTTP_HOLD_FINISH_MS = 30_000;
/** Holds over several shards being finished at once after their 202. */
export const HTTP_HOLD_FINISHING_MAX = 10_000;

/** How long a part may take to answer before it counts as away, in ms. */
export const HEALTH_TIMEOUT_MS = 1_000;
/** How long the edge waits for stock processes to say which shards they run, in ms. */
export const HEALTH_ANSWER_WAIT_MS = 400;
/** How long the edge waits for stock and forecast processes to tell their metrics, in ms. */
export const METRICS_ANSWER_WAIT_MS = 500;
/** How long requests under way may take once the edge is told to stop, in ms. */
export const HTTP_STOP_GRACE_MS = 3_000;
/** How long a NATS service that stops waits for the server to confirm; without a connection none does, in ms. */
export const SERVICE_STOP_MAX_MS = 1_000;

// ---------------------------------------------------------------- http: the live feed

/** Levels the feed remembers for readers that come back. */
export const LIVE_RING_LEVELS_MAX = 50_000;
/** Readers of the live feed of one process; one more is answered 503. */
export const LIVE_READERS_MAX = 5_000;
/** Keys waiting for a slow reader, newest level each; beyond it the reader is told to start afresh. */
export const LIVE_PENDING_KEYS_MAX = 10_000;
/** Bytes handed to a reader's connection and not yet taken before it counts as slow. */
export const LIVE_BUFFER_BYTES_MAX = 262_144;
/** Up to so many readers get levels at once; more get them together every LIVE_MANY_FLUSH_MS, in ms. */
export const LIVE_EAGER_READERS_MAX = 64;
export const LIVE_MANY_FLUSH_MS = 4;
/** Time between signs of life to readers, in ms. */
export const LIVE_HEARTBEAT_MS = 15_000;
/** How long after subscribing the registry's watermarks tell from where on the feed is whole, in ms. */
export const LIVE_SETTLE_MS = 1_000;
/** How far the vector in event ids lags behind, so that levels out of order are not lost, in ms. */
export const LIVE_VECTOR_LAG_MS = 500;

// ---------------------------------------------------------------- import

/** Longest line (or quoted record) of an imported file, in bytes. */
export const IMPORT_LINE_BYTES_MAX = 65_536;
/** Commands of an import sent and not yet decided. */
export const IMPORT_IN_FLIGHT_MAX = 4_096;
/** Times an import sends a line again when no decision comes, before it gives up with advice. */
export const IMPORT_ATTEMPTS_MAX = 60;
/** Lines of an imported file with ids of its own, 16 bytes of memory each (268 MB). */
export const IMPORT_OWN_IDS_MAX = 16_777_216;
/** Rejected lines an import shows; all of them are in its rejects file. */
export const IMPORT_REJECTS_SHOWN_MAX = 20;

// ---------------------------------------------------------------- demo

/** Commands the simulated chain has sent and knows nothing of yet; beyond it, its time stands still. */
export const DEMO_BACKLOG_MAX = 2_000;

// ---------------------------------------------------------------- holds over several shards

/** How long a line waits for its seal, in ms; part of the fold (SPEC 7). */
export const HOLD_UNSEALED_MS = 60_000;
/** How much longer lines live than the hold at home, in ms; part of the fold. */
export const HOLD_LINE_GRACE_MS = 300_000;

// ---------------------------------------------------------------- runtime: the shell around a machine

/** Commands applied before the event loop gets its turn: about 1 ms of work. */
export const SLICE_COMMANDS = 512;
/** Entries waiting to be applied (they wait only for look-ups) before reading pauses, and goes on. */
export const QUEUE_ENTRIES_MAX = 8_192;
export const QUEUE_ENTRIES_RESUME = 2_048;
/** Ledger rows and their bytes not yet committed before reading pauses: how far decisions may run ahead. */
export const UNCOMMITTED_ROWS_MAX = 100_000;
export const UNCOMMITTED_BYTES_MAX = 64 * 1024 * 1024;
/**
 * Shards of one thread, or partitions of forecasts, that load at once: enough that one is ready for the processor while
 * others wait. More would open a connection each.
 */
export const LOADS_AT_ONCE = 3;
/** Commits of one thread under way at once: more would take the processors from what decides. */
export const COMMITS_AT_ONCE = 1;
/** Rows from which on a commit lets the next one begin while it is forced to disk: then throughput is what counts. */
export const COMMIT_LARGE_ROWS = 1_000;
/** Effects not yet committed before reading pauses. */
export const UNCOMMITTED_EFFECTS_MAX = 20_000;
/** Entries whose look-ups are asked for together. */
export const LOOKUP_ENTRIES_MAX = 512;
/** Least time between two writes of a shard's levels to registry and subscribers, in ms. */
export const LEVELS_INTERVAL_MS = 1;
/** The same while more than so many keys change in it, as counted over LEVELS_RATE_MS. */
export const LEVELS_BUSY_KEYS = 8;
export const LEVELS_BUSY_INTERVAL_MS = 8;
export const LEVELS_RATE_MS = 100;
/** Levels in one write of a refresh, and keys looked at for them in one turn. */
export const REFRESH_LEVELS = 500;
export const REFRESH_KEYS = 2_000;
/** How often an idle shard asks whether the registry still has its levels, in ms. */
export const REGISTRY_CHECK_MS = 5_000;
/** First and longest wait before a store or registry that was away is tried again, in ms. */
export const RETRY_MS_MIN = 100;
export const RETRY_MS_MAX = 2_000;
/** How long a tick may be on its way before another is sent, in ms. */
export const TICK_WAIT_MS = 1_000;
/** Wait before a tick that came too early (clocks differ) is tried again, in ms; it doubles up to the longest. */
export const TICK_AGAIN_MS = 50;
export const TICK_AGAIN_MS_MAX = 5_000;
/** How often the log is trimmed and partitions are made, in ms. */
export const TRIM_INTERVAL_MS = 600_000;
/** How often it is looked whether a log with a limit has room, in ms. */
export const LOG_ROOM_INTERVAL_MS = 5_000;
/** Part of a log's limit from which on it is trimmed towards the checkpoint, and what part is to be left. */
export const LOG_FULL_PART = 0.8;
export const LOG_LEFT_PART = 0.5;
/** Throws of `apply` without progress between them before a shard halts. */
export const APPLY_FAILURES_MAX = 20;
/** Broken invariants beside `apply`, with no checkpoint beyond the first of them, before a shard halts. */
export const BROKEN_MAX = 3;
/** How long a shard that stops tries to commit what it decided; the log has it all anyway. */
export const DRAIN_MS_MAX = 10_000;
/** Effects read back, and published at once, by the relay. */
export const RELAY_ROWS = 500;
export const RELAY_IN_FLIGHT_MAX = 256;
/** How long an effect or a tick may wait for its ack before it counts as not stored, in ms. */
export const EFFECT_ACK_TIMEOUT_MS = 5_000;
/** Least and longest rest between two steps of a projection of a busy shard, in ms. */
export const PROJECTION_PAUSE_MS = 5_000;
export const PROJECTION_PAUSE_MS_MAX = 30_000;
/** Rest between two steps as a multiple of the time the last one took: projections leave the rest to decisions. */
export const PROJECTION_PAUSE_FACTOR = 200;
/**
 * The same between two pieces of work of all shards of a process, while the one at work is busy; at most so long, and so long
 * in the transaction of a step, in ms: the more a projection has to fold, the less it rests.
 */
export const PROJECTION_REST_FACTOR = 9;
export const PROJECTION_REST_MS_MAX = 1_000;
export const PROJECTION_RESTED_MS_MAX = 3_000;
/** Time one piece of a step shall take, in ms: it has a processor to itself. Log entries in the first piece of a range. */
export const PROJECTION_PIECE_MS = 5;
export const PROJECTION_PIECE_ENTRIES = 200;
/** Least entries in any but the last piece. */
export const PROJECTION_PIECE_ENTRIES_MIN = 100;
/** Rows of the sums of a range in one piece, and most pieces. */
export const PROJECTION_PIECE_ROWS = 300;
export const PROJECTION_PIECES_MAX = 64;
/**
 * No row of the ledger happened further ahead of its append time, in ms: not less than what the stock machine takes for a wrong
 * clock (AT_AHEAD_MS_MAX). Rows of a window are not looked for in what was appended before.
 */
export const LEDGER_AHEAD_MS_MAX = 3_600_000;
/** Log entries in one fold of a projection. */
export const PROJECTION_ENTRIES_MAX = 200_000;
/** Longest one step of a projection may take, in ms; making the windows of a location anew is the longest. */
export const PROJECTION_STEP_MS_MAX = 600_000;
/** Days after its last movement for which a key that is out of stock counts as such: then the item is gone. */
export const STOCK_OUT_DAYS_MAX = 90;
/** Newest order lines a lead time is learnt from. */
export const LEAD_TIME_LINES_MAX = 50;
/**
 * What a partition of the ledger shall hold, in bytes of the table alone: some 10,000,000 rows. A row costs more in a large
 * one, a look-up without a time more with many of them (docs/decisions/0010-ledger-partitions.md).
 */
export const PARTITION_BYTES = 3_200_000_000;
/** Most days in one. */
export const PARTITION_DAYS_MAX = 31;
/** How long before the last one ends the next is made: tills may go on for so long while no stock process runs. */
export const PARTITION_DAYS_AHEAD = 3;
/** How long making one may wait for those who read the ledger, in ms, for commits queue behind it; when it is tried again. */
export const PARTITION_LOCK_MS = 100;
export const PARTITION_RETRY_MS = 60_000;

// ---------------------------------------------------------------- streams

/** What a connection's small publishes are written into, a piece at a time. */
export const OUTLET_BYTES = 256 * 1024;
/** Most commands in one bundle. Source: design, section 3. */
export const BUNDLE_COMMANDS_MAX = 256;
/** Most bytes of one bundle: well under the server's 1 MiB, and little enough to be one write. */
export const BUNDLE_BYTES_MAX = 256 * 1024;
/** Most bytes of the decisions of one entry in one message: what any server of ours takes (see streams/doctor.ts). */
export const REPLY_BYTES_MAX = 2 * BUNDLE_BYTES_MAX;
/** The server's usual max_payload, for the time it is not known. */
export const PAYLOAD_BYTES_MAX = 1024 * 1024;
/** Unacked bundles per shard: one on its way while the next one leaves. Source: design, section 3. */
export const BUNDLES_IN_FLIGHT_MAX = 2;
/** Bundles out before small ones wait to leave together (3 measured best of 2 to 6, and none at all worst). */
export const BUNDLES_EAGER = 3;
/** Commands that make it worth to send a bundle while another is unacked: fewer wait, and travel together. */
export const BUNDLE_OVERLAP_COMMANDS = 32;
/** Longest a small bundle keeps its slot after its ack for decisions that are waited for, in ms. */
export const DECISION_WAIT_MS = 5;
/** Unacked single entries of one publisher: 4096 measured faster than 1024, 8192 no better. */
export const SINGLES_IN_FLIGHT_MAX = 4_096;
/** Commands a publisher holds that are not yet acked, and their bytes; then callers wait. */
export const PUBLISHER_COMMANDS_MAX = 32_768;
export const PUBLISHER_BYTES_MAX = 32 * 1024 * 1024;
/** Calls of one publisher not yet answered, also those that wait for room; one more is refused. */
export const PUBLISHER_CALLS_MAX = 65_536;
/** First wait for an ack; doubled at each repeat up to the second figure. */
export const ACK_TIMEOUT_MS = 1_000;
export const ACK_TIMEOUT_MS_MAX = 8_000;
/** Wait after an answer that says "not stored, try again" (no stream there, no leader). */
export const REFUSED_RETRY_MS = 50;
/** An entry that found no ack for so long is given up and its callers are told. */
export const GIVE_UP_MS = 30_000;
/** A decision that did not come for so long is given up when the caller named no deadline. */
export const DECISION_TIMEOUT_MS = 30_000;
/** How often timeouts are looked at. */
export const SWEEP_INTERVAL_MS = 20;
/** Names whose token and shard a publisher remembers. */
export const ROUTES_CACHED_MAX = 100_000;

/** Entries and bytes a reader asks for ahead; a paused reader holds at most so many. */
export const READ_AHEAD_ENTRIES = 4_096;
export const READ_AHEAD_BYTES = 8 * 1024 * 1024;
/** Life of one pull request and its heartbeat: a lost consumer shows after two missed beats. */
export const PULL_EXPIRES_MS = 2_000;
export const PULL_HEARTBEAT_MS = 500;
/** The server forgets a reader's consumer that asked for nothing so long. */
export const CONSUMER_INACTIVE_MS = 30_000;
/** Waits between attempts to open a reader, doubled up to the second figure. */
export const REOPEN_WAIT_MS = 20;
export const REOPEN_WAIT_MS_MAX = 1_000;
/** A stream that is not there for so long is gone, not just late after a restart. */
export const STREAM_MISSING_HALT_MS = 3_000;

/** Longest wait for an answer of JetStream's interface. */
export const API_TIMEOUT_MS = 5_000;
/** Longest wait for a connection to one server. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** Wait between attempts to reconnect, plus up to as much again by chance. Never given up. */
export const RECONNECT_WAIT_MS = 25;
/** A silent server counts as gone after two pings without an answer. */
export const PING_INTERVAL_MS = 5_000;

/** Default life of a lease; renewed each third of it. */
export const LEASE_TTL_MS = 2_000;

/**
 * Least bytes a person may give a shard's log or an effect stream: sixteen of the largest payloads, some 100,000 commands.
 * With much less a log is full between two looks at its room, and every command is refused.
 */
export const STREAM_BYTES_MIN = 16 * 1024 * 1024;
/** Bytes each effect stream may take before its oldest go. The server reserves them. */
export const EFFECT_STREAM_BYTES_MAX = 256 * 1024 * 1024;
/** Days the effect streams keep what they got. */
export const EFFECT_STREAM_DAYS = 30;
/** The relay repeats with message ids: repeats within two minutes are dropped by the server. */
export const EFFECT_DUPLICATE_WINDOW_MS = 120_000;
/** The server's least: repeats on the log are for the fold to judge, not for the server. */
export const LOG_DUPLICATE_WINDOW_MS = 100;
export const SHARDS_MAX = 1_024;
export const EPOCH_MAX = 9_999;
/** Most dead letters listed at once. */
export const DEAD_LETTERS_LISTED_MAX = 1_000;

// ---------------------------------------------------------------- shared: log lines

/** Bytes of log lines that wait for a stderr that takes none. */
export const LOG_WAITING_BYTES_MAX = 1_048_576;
