// Pure.
// Opening hours of a location, in a small part of the language of OpenStreetMap:
//
//     Mo-Sa 09:00-20:00; Su 11:00-17:00; PH off
//     Mo,We,Fr 08:00-12:00,13:00-18:00
//     22:00-02:00                                every day, until two in the night
//     24/7
//
// Rules with ";" between: days and hours, or "off"; without days: every day but PH. A later rule replaces what
// earlier ones said of its days. Days no rule names are closed. PH: public holidays (signal `holiday`), which
// without a rule are days like others.

const DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su", "PH"];
const HOLIDAY = 7;
const DAY_MINUTES = 1_440;
/** Minutes of holidays follow those of the week; the last one says that there is a rule for them. */
const WEEK_MINUTES = 7 * DAY_MINUTES;
const HOLIDAY_RULE = WEEK_MINUTES + DAY_MINUTES;

/** From a minute to another, exclusive. */
type Span = readonly [from: number, to: number];

/** Why `text` is no opening hours, or undefined when it is. */
export function openingHoursFault(text: string): string | undefined {
  const parsed = parse(text);
  return typeof parsed === "string" ? parsed : undefined;
}

/**
 * Opening hours as minutes from Monday 00:00, the way Postgres writes an int4multirange: `{[540,1200),…}`. Minutes
 * of a public holiday stand at 10080 to 11519; 11520 is in it when there is a rule for them.
 * Undefined when the text is none.
 */
export function openMinutes(text: string): string | undefined {
  const parsed = parse(text);
  if (typeof parsed === "string") return undefined;
  return `{${parsed.map(([from, to]) => `[${from},${to})`).join(",")}}`;
}

/** Spans of the week, in no order, or what is wrong. */
function parse(text: string): Span[] | string {
  const spansOf: Span[][] = DAYS.map(() => []);
  let isRuled = false;
  for (const rule of text.trim().split(/\s*;\s*/)) {
    const parts = rule === "24/7" ? ["00:00-24:00"] : rule.split(/\s+/);
    const hours = parts.pop() ?? "";
    const days = parts.length === 0 ? [0, 1, 2, 3, 4, 5, 6] : parseDays(parts.join(""));
    const spans = hours === "off" ? [] : parseHours(hours);
    if (days === undefined || spans === undefined) {
      return `expected opening hours such as Mo-Sa 09:00-20:00; Su off, found ${JSON.stringify(rule.slice(0, 60))}`;
    }
    for (const day of days) spansOf[day] = spans;
    isRuled ||= days.includes(HOLIDAY);
  }
  const week = spansOf.flatMap((spans, day) => spans.flatMap((span) => placeSpan(day, span)));
  return isRuled ? [...week, [HOLIDAY_RULE, HOLIDAY_RULE + 1]] : week;
}

/** `Mo-We,Fr`: numbers of days; undefined when it is none. */
function parseDays(text: string): number[] | undefined {
  const days: number[] = [];
  for (const part of text.split(",")) {
    const names = part.split("-");
    const [first = -1, last = first] = names.map((name) => DAYS.indexOf(name));
    const isRange = names.length === 2 && first < HOLIDAY && last < HOLIDAY;
    if (first < 0 || last < 0 || (names.length > 1 && !isRange)) return undefined;
    if (first === HOLIDAY) days.push(HOLIDAY);
    else for (let n = 0; n <= (last - first + 7) % 7; n++) days.push((first + n) % 7);
  }
  return days;
}

/** `09:00-12:30,14:00-18:00`: spans of a day; what ends at or before its start ends the day after. */
function parseHours(text: string): Span[] | undefined {
  const spans: Span[] = [];
  for (const part of text.split(",")) {
    const m = /^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$/.exec(part);
    if (m === null) return undefined;
    const from = Number(m[1]) * 60 + Number(m[2]);
    const to = Number(m[3]) * 60 + Number(m[4]);
    if (from >= DAY_MINUTES || to > DAY_MINUTES) return undefined;
    spans.push([from, to <= from ? to + DAY_MINUTES : to]);
  }
  return spans;
}

/** A day's span in the week; what is past midnight belongs to the next day. */
function placeSpan(day: number, [from, to]: Span): Span[] {
  const start = day * DAY_MINUTES;
  const spans: Span[] = [[start + from, start + Math.min(to, DAY_MINUTES)]];
  const nextDay = (start + DAY_MINUTES) % WEEK_MINUTES;
  if (to > DAY_MINUTES && day !== HOLIDAY) spans.push([nextDay, nextDay + to - DAY_MINUTES]);
  return spans;
}
