import { describe, expect, it } from "vitest";
import { LocationCalendar } from "../../../../actors/forecast/live/location_calendar.ts";

/** A shop where `series` items sell each day of 20 weeks but those `isShut` names. */
function shop(series: number, isShut: (day: number) => boolean): LocationCalendar {
  const calendar = new LocationCalendar();
  for (let day = 0; day < 140; day++) {
    if (isShut(day)) continue;
    for (let i = 0; i < series; i++) calendar.sold(day);
  }
  return calendar;
}

describe("LocationCalendar.emptyDay()", () => {
  it("is zero on a day others sold", () => {
    expect(shop(8, () => false).emptyDay(100)).toBe(0);
  });

  it("is not known on a day a busy shop was shut for once", () => {
    expect(shop(8, (day) => day === 100).emptyDay(100)).toBeNaN();
  });

  it("is zero on a weekday that never trades: it belongs to the weekly cycle", () => {
    expect(shop(8, (day) => day % 7 === 3).emptyDay(101)).toBe(0);
  });

  it("is zero on a day without any sale where little sells anyway", () => {
    expect(shop(2, (day) => day === 100).emptyDay(100)).toBe(0);
  });

  it("opening hours, where known, say it whatever the trade", () => {
    const quiet = shop(2, (day) => day === 100);
    quiet.tell(100, true);
    expect(quiet.emptyDay(100)).toBeNaN();
    const busy = shop(8, (day) => day === 100);
    busy.tell(100, false);
    expect(busy.emptyDay(100)).toBe(0);
  });

  it("follows what becomes known later", () => {
    const calendar = shop(8, (day) => day === 100);
    expect(calendar.emptyDay(100)).toBeNaN();
    calendar.sold(100);
    expect(calendar.emptyDay(100)).toBe(0);
  });

  it("says zero while nothing is known at all", () => {
    expect(new LocationCalendar().emptyDay(5)).toBe(0);
  });
});
