// Pure.
/**
 * What people set about policies, and what holds for one SKU at one location: of all settings that fit, each field
 * comes from the most specific that has it.
 *
 *     SKU at a location > SKU > category at a location > category > location > everything > the defaults
 */
import type { PlanMode } from "../../../shared/messages.ts";
import type { Override } from "../policy/decide_policy.ts";

/** How the safety stock is found: z calibrated on measured fill, the normal loss function, or the brief's 1.65. */
export const SERVICE_METHODS = ["calibrated", "fill", "brief"] as const;
export type ServiceMethod = (typeof SERVICE_METHODS)[number];

/** Fields of a setting; absent: left to the less specific. */
export type PolicySetting = {
  mode?: PlanMode;
  method?: ServiceMethod;
  /** Share of demand served from stock aimed at; absent everywhere: by class of value and variation. */
  fillRate?: number;
  /** Days of demand an order covers. */
  coverDays?: number;
  /** Most units ever ordered up to. */
  stockMax?: number;
  override?: Override;
};

/** A row of `policy_setting`; '' stands for any. */
export type SettingRow = PolicySetting & { category: string; sku: string; location: string };

export type EffectiveSetting = PolicySetting &
  Required<Pick<PolicySetting, "mode" | "method" | "coverDays">>;

export type SettingDefaults = Required<Pick<PolicySetting, "mode" | "method" | "coverDays">>;

/** All settings, to be asked for what holds. */
export class PolicySettings {
  readonly #rows = new Map<string, SettingRow>();
  readonly #defaults: SettingDefaults;

  constructor(defaults: SettingDefaults) {
    this.#defaults = defaults;
  }

  /** Takes in a row as it is now. @returns whether it says anything new */
  put(row: SettingRow): boolean {
    const key = keyOf(row);
    if (JSON.stringify(this.#rows.get(key)) === JSON.stringify(row)) return false;
    this.#rows.set(key, row);
    return true;
  }

  /** What holds for a SKU of a category ('' = none) at a location. */
  of(sku: string, location: string, category: string): EffectiveSetting {
    const found: Record<string, unknown> = { ...this.#defaults };
    const scopes = [
      { category: "", sku: "", location: "" },
      { category: "", sku: "", location },
      { category, sku: "", location: "" },
      { category, sku: "", location },
      { category: "", sku, location: "" },
      { category: "", sku, location },
    ];
    for (const scope of scopes) {
      const row = this.#rows.get(keyOf(scope));
      if (row === undefined) continue;
      for (const field of FIELDS) if (row[field] !== undefined) found[field] = row[field];
    }
    return found as EffectiveSetting;
  }

  /** Settings that carry an override, in force or over. */
  *overrides(): Iterable<SettingRow> {
    for (const row of this.#rows.values()) if (row.override !== undefined) yield row;
  }
}

const FIELDS = ["mode", "method", "fillRate", "coverDays", "stockMax", "override"] as const;

const keyOf = ({ category, sku, location }: Omit<SettingRow, keyof PolicySetting>): string =>
  `${category}\u0000${sku}\u0000${location}`;
