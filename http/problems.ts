// Pure.
// The one table of what may go wrong at the edge: problem code -> status, title, meaning. A problem's
// `type` is /problems/<code with dashes>: stable, and a page that explains it. Rejection reasons of
// the stock machine and operating errors of the house are codes of this table too. RFC 9457.

import type { RejectionReason } from "../shared/decisions.ts";
import type { OnhandError } from "../shared/errors.ts";

type Entry = {
  status: number;
  title: string;
  /** For the page behind `type`: what it means and what to do. */
  meaning: string;
  /** Seconds after which the same request may well succeed. */
  retryAfterS?: number;
};

const edge = {
  malformed_json: {
    status: 400,
    title: "The body is no JSON",
    meaning: "Send one JSON value in UTF-8. `detail` says where reading stopped.",
  },
  malformed_csv: {
    status: 400,
    title: "The body is no CSV",
    meaning: "Send CSV in UTF-8 with a header line naming known columns, one of them the key.",
  },
  malformed_text: {
    status: 400,
    title: "The body is not UTF-8",
    meaning: "Bytes that are no UTF-8 are refused, never guessed: convert the file first.",
  },
  invalid_field: {
    status: 400,
    title: "A field is wrong",
    meaning: "`field` names it; `faults` lists all that were found, each with its field.",
  },
  invalid_rows: {
    status: 400,
    title: "Some rows are wrong",
    meaning: "Nothing was stored. `faults` lists each wrong row with its line and field.",
  },
  invalid_cursor: {
    status: 400,
    title: "The cursor is none of ours",
    meaning: "Use `next` of the page before, unchanged, with the same filters.",
  },
  malformed: {
    status: 400,
    title: "The command is malformed",
    meaning: "The log set it aside: it changed nothing and its id is not used up.",
  },
  unauthorized: {
    status: 401,
    title: "A token is needed",
    meaning: "Writes need `Authorization: Bearer <token>` where the operator has set one.",
  },
  cross_site: {
    status: 403,
    title: "Another site may not write",
    meaning:
      "Without a token a browser writes from the edge's own pages only, and by a name that no other site can have: " +
      "localhost, an address, one of `ONHAND_HTTP_HOSTS`. To an edge that listens on loopback programs too write by " +
      "localhost, 127.0.0.1, [::1] or such a name only. Set `ONHAND_HTTP_TOKEN` for other sites.",
  },
  not_found: { status: 404, title: "There is nothing here", meaning: "No route has this path." },
  unknown_sku: {
    status: 404,
    title: "No stock is known of this SKU",
    meaning: "Nothing has happened to this SKU (at this location) that the log knows of.",
  },
  unknown_item: {
    status: 404,
    title: "No such item, location or vendor",
    meaning: "The master data have no such row.",
  },
  unknown_series: {
    status: 404,
    title: "Nothing is forecast",
    meaning:
      "No demand is known of this SKU (at this location) yet: forecasts begin with its first sale.",
  },
  unknown_policy: {
    status: 404,
    title: "No policy is in force",
    meaning:
      "No reorder point was written for this SKU (at this location) and nothing is set for it. One is planned " +
      "once it sells; its forecast may be there already, at /v1/forecasts.",
  },
  undecided: {
    status: 404,
    title: "No decision is known of this command",
    meaning:
      "It was never sent, or is not decided and committed yet: ask again in a second. The SKU and " +
      "location must be those of the command.",
    retryAfterS: 1,
  },
  method_not_allowed: {
    status: 405,
    title: "This path has no such method",
    meaning: "`Allow` lists the methods it has.",
  },
  body_too_large: {
    status: 413,
    title: "The body is too large",
    meaning: "At most 1 MiB a request: split it.",
  },
  answer_too_large: {
    status: 413,
    title: "The answer is too large for a message",
    meaning:
      "NATS carries messages up to a size. Ask for fewer (`limit`, fewer SKUs or commands), or over HTTP. A write was decided: " +
      "its decisions can be looked up.",
  },
  batch_too_large: {
    status: 413,
    title: "There are too many lines",
    meaning: "`limit` says how many one request may carry: split it.",
  },
  unsupported_media_type: {
    status: 415,
    title: "The content type is not understood",
    meaning:
      "`Accept` of the answer lists what this path takes, `Accept-Encoding` that bodies come uncompressed.",
  },
  internal: {
    status: 500,
    title: "Something broke on our side",
    meaning: "The request id is in our log. A write may have happened: repeat it with the same id.",
  },
  log_unavailable: {
    status: 503,
    title: "The log is away",
    meaning:
      "NATS does not answer, or it has another log than this edge was started for (`/readyz` says which). " +
      "Nothing was written: repeat the request.",
    retryAfterS: 1,
  },
  log_full: {
    status: 503,
    title: "The log is full",
    meaning:
      "The log of this SKU's shard has as many bytes as it may have. Nothing was written. Room is made behind the checkpoint, in seconds as a rule: repeat the request. If it stays so, the operator finds an alert `logFull`.",
    retryAfterS: 5,
  },
  overloaded: {
    status: 503,
    title: "Too much is waiting",
    meaning: "The edge has more commands waiting than it may hold. Nothing was written.",
    retryAfterS: 1,
  },
  registry_unavailable: {
    status: 503,
    title: "The registry is away",
    meaning: "Redis does not answer and the levels of the last checkpoint cannot be read either.",
    retryAfterS: 1,
  },
  ledger_unavailable: {
    status: 503,
    title: "The ledger is away",
    meaning: "Postgres does not answer. Levels and writes go on; history and lists wait.",
    retryAfterS: 2,
  },
  forecast_unavailable: {
    status: 503,
    title: "No forecast process answers",
    meaning:
      "None runs, or the one that plans this SKU is just being replaced: repeat the request.",
    retryAfterS: 2,
  },
  strong_read_timeout: {
    status: 503,
    title: "The registry has not caught up in time",
    meaning: "A read with consistency=strong waits until its own tick is visible; it was not.",
    retryAfterS: 1,
  },
  too_many_readers: {
    status: 503,
    title: "The live feed is full",
    meaning: "This process serves as many readers of the live feed as it may.",
    retryAfterS: 5,
  },
} as const satisfies Record<string, Entry>;

const rejections = {
  id_conflict: {
    status: 422,
    title: "The id was used for another content",
    meaning: "A retry repeats the same content under its id; another command needs another id.",
  },
  out_of_range: {
    status: 422,
    title: "A level would leave the range of numbers",
    meaning: "Quantities are whole and at most 2^50.",
  },
  limit_exceeded: {
    status: 409,
    title: "A collection of this key is full",
    meaning: "Too many live holds, transfers, order lines, buckets or channels on this key.",
  },
  unknown_command: {
    status: 409,
    title: "There is nothing to undo",
    meaning: "The command that `of` names is not there, cannot be undone, or was undone already.",
  },
  stale_count: {
    status: 409,
    title: "The count is too old",
    meaning: "It is older than 48 hours, or than the count it meets. Count again.",
  },
  version_conflict: {
    status: 412,
    title: "The policy has changed meanwhile",
    meaning: "`ifVersion` is not the current version: read, decide, write again.",
  },
  unknown_hold: { status: 404, title: "No such hold", meaning: "No hold of this id on this SKU." },
  hold_expired: {
    status: 410,
    title: "The hold has expired",
    meaning: "Its time ran out and its units are free again: hold anew.",
  },
  hold_finished: {
    status: 409,
    title: "The hold is finished",
    meaning: "It was fulfilled or released before.",
  },
  hold_unsealed: {
    status: 409,
    title: "The hold is not sealed yet",
    meaning: "It spans shards and its placing is not through: repeat the placing with the same id.",
  },
  already_sealed: {
    status: 409,
    title: "The hold had another outcome",
    meaning: "A hold over several shards has one outcome, and the first wins.",
  },
  channel_closed: {
    status: 409,
    title: "The channel does not sell this",
    meaning: "The channel is closed for this SKU at this location.",
  },
  backorder_limit: {
    status: 409,
    title: "No more backorders are taken",
    meaning: "Accepted demand waiting for stock has reached its limit.",
  },
  insufficient_available: {
    status: 409,
    title: "Not enough is available",
    meaning: "`lines` says what is short. Nothing was reserved.",
  },
} as const satisfies Record<RejectionReason, Entry>;

export const PROBLEMS = { ...edge, ...rejections } as const;
export type ProblemCode = keyof typeof PROBLEMS;

/** Codes of operating errors (`OnhandError.code`) that are no problem codes themselves. */
const OPERATING: Record<string, ProblemCode> = {
  nats_unavailable: "log_unavailable",
  nats_refused: "log_unavailable",
  publish_refused: "log_unavailable",
  publish_no_stream: "log_unavailable",
  publish_denied: "log_unavailable",
  publish_not_sent: "log_unavailable",
  publisher_closed: "log_unavailable",
  topology_changed: "log_unavailable",
  publisher_full: "overloaded",
  command_too_large: "body_too_large",
  command_nameless: "invalid_field",
  command_of_several_shards: "invalid_field",
  redis_unavailable: "registry_unavailable",
  database_unavailable: "ledger_unavailable",
};

/** A problem on its way to the caller. `extra` becomes extension members; header values are Latin-1. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly extra: Record<string, unknown>;
  readonly headers: Record<string, string>;

  constructor(
    code: ProblemCode,
    detail: string,
    extra: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ) {
    super(detail);
    this.name = "ProblemError";
    this.code = code;
    this.extra = extra;
    this.headers = headers;
  }
}

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}

/** The stable URI path that names a problem: /problems/insufficient-available. */
export function problemType(code: ProblemCode): string {
  return `/problems/${code.replaceAll("_", "-")}`;
}

export function problemEntry(code: ProblemCode): Entry {
  return PROBLEMS[code];
}

/** The problem an operating error is told as. */
export function problemOfOperating(error: OnhandError): ProblemCode {
  return isProblemCode(error.code) ? error.code : (OPERATING[error.code] ?? "internal");
}

/** The members of a problem+json body, without the request it belongs to. */
export function problemBody(
  code: ProblemCode,
  detail: string,
  extra: Record<string, unknown> = {},
): Record<string, unknown> {
  const { status, title } = problemEntry(code);
  return { type: problemType(code), title, status, code, detail, ...extra };
}
