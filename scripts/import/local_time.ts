// Times in sales files, most of them without a zone, to RFC 3339 in UTC. Needs the time-zone data of
// the machine, so it stands at the edge; the log only ever sees the result.

import { parseTime } from "../../shared/time.ts";
import { usageError } from "../command_line.ts";

const NAIVE = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?$/;
const OFFSETS_MAX = 100_000;

/** Text to RFC 3339, or undefined when it is no time. */
export type TimeReader = (text: string) => string | undefined;

/**
 * Reads `2010-12-01T08:26:00`, with a space or without seconds, a bare date (its midnight), or RFC
 * 3339 with an offset, which is kept. A time that its zone skips is read with the offset before the
 * gap; one that comes twice is the first.
 * @throws a usage error when there is no such zone.
 */
export function timeReader(zone: string): TimeReader {
  const offsetMs = zone === "UTC" ? () => 0 : zoneOffsets(zone);
  return (text) => {
    const m = NAIVE.exec(text);
    if (m === null) return parseTime(text) === undefined ? undefined : text;
    const clock = `${m[1]}T${m[2] ?? "00:00"}:${m[3] ?? "00"}${m[4] === undefined ? "" : `.${m[4]}`}`;
    const asUtcMs = parseTime(`${clock}Z`);
    if (asUtcMs === undefined) return undefined;
    const shiftMs = offsetMs(asUtcMs);
    return shiftMs === 0 ? `${clock}Z` : new Date(asUtcMs - shiftMs).toISOString();
  };
}

/** Offset of a zone (local - UTC, ms) by local clock time, remembered by the quarter of an hour. */
function zoneOffsets(zone: string): (localMs: number) => number {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US-u-hc-h23", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  } catch {
    throw usageError(`Cannot read --zone: found "${zone}", expected a name such as Europe/London`);
  }
  const offsetAt = (utcMs: number): number => {
    const parts = new Map(format.formatToParts(utcMs).map((p) => [p.type, Number(p.value)]));
    const get = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const local = Date.UTC(
      get("year"),
      get("month") - 1,
      get("day"),
      get("hour"),
      get("minute"),
      get("second"),
    );
    return local - Math.floor(utcMs / 1000) * 1000;
  };
  const known = new Map<number, number>();
  return (localMs) => {
    const quarter = Math.floor(localMs / 900_000);
    const before = known.get(quarter);
    if (before !== undefined) return before;
    if (known.size >= OFFSETS_MAX) known.clear();
    const offset = localOffset(quarter * 900_000, offsetAt);
    known.set(quarter, offset);
    return offset;
  };
}

/** Zones change at most once in two days: the offset a day before holds unless the clock has passed the change. */
function localOffset(localMs: number, offsetAt: (utcMs: number) => number): number {
  const before = offsetAt(localMs - 86_400_000);
  if (offsetAt(localMs - before) === before) return before;
  const after = offsetAt(localMs + 86_400_000);
  return offsetAt(localMs - after) === after ? after : before;
}
