import { expect, it } from "vitest";
import {
  PolicySettings,
  type SettingRow,
} from "../../../../actors/forecast/live/policy_settings.ts";

const defaults = { mode: "observe", method: "calibrated", coverDays: 14 } as const;
const row = (fields: Partial<SettingRow>): SettingRow => ({
  category: "",
  sku: "",
  location: "",
  ...fields,
});

it("of() takes each field from the most specific setting that has it", () => {
  const settings = new PolicySettings(defaults);
  settings.put(row({ mode: "recommend", fillRate: 0.9, coverDays: 20 }));
  settings.put(row({ location: "york", coverDays: 3 }));
  settings.put(row({ category: "Shirts", mode: "autopilot" }));
  settings.put(row({ category: "Shirts", location: "york", fillRate: 0.97 }));
  settings.put(row({ sku: "A", stockMax: 50 }));
  settings.put(row({ sku: "A", location: "york", mode: "observe" }));
  expect(settings.of("B", "leeds", "")).toEqual({
    mode: "recommend",
    method: "calibrated",
    fillRate: 0.9,
    coverDays: 20,
  });
  expect(settings.of("B", "york", "Shirts")).toEqual({
    mode: "autopilot",
    method: "calibrated",
    fillRate: 0.97,
    coverDays: 3,
  });
  expect(settings.of("A", "york", "Shirts")).toEqual({
    mode: "observe",
    method: "calibrated",
    fillRate: 0.97,
    coverDays: 3,
    stockMax: 50,
  });
  expect(settings.of("A", "leeds", "Hats")).toMatchObject({ mode: "recommend", stockMax: 50 });
});

it("of() without any setting gives the defaults", () => {
  expect(new PolicySettings(defaults).of("A", "york", "")).toEqual(defaults);
});

it("put() says whether a row says anything new, and what is cleared falls back", () => {
  const settings = new PolicySettings(defaults);
  expect(settings.put(row({ sku: "A", mode: "autopilot" }))).toBe(true);
  expect(settings.put(row({ sku: "A", mode: "autopilot" }))).toBe(false);
  expect(settings.put(row({ sku: "A" }))).toBe(true);
  expect(settings.of("A", "york", "").mode).toBe("observe");
});
