// Owns answering "what would forecast and policy be if": the same methods on the same history with other assumptions.
// Nothing is kept and nothing enters the log.
import type { ToldForecast, ToldPlan, WhatIf, WhatIfAnswer } from "../../../shared/planning.ts";
import type { Forecast } from "../forecast_series.ts";
import { dayText } from "./history.ts";
import { planSeries } from "./plan_series.ts";
import type { Planning } from "./planning.ts";
import type { Refitting } from "./refitting.ts";
import type { SeriesState } from "./series_state.ts";

export async function answerWhatIf(
  series: SeriesState,
  question: WhatIf,
  { planning, refitting }: { planning: Planning; refitting: Refitting },
): Promise<WhatIfAnswer> {
  const assumed = planning.inputOf(series);
  const factor = question.demandFactor ?? 1;
  const values = { ...assumed.values, units: assumed.values.units.map((units) => units * factor) };
  const leadTime = {
    ...assumed.leadTime,
    ...(question.leadTimeDays === undefined ? {} : { meanDays: question.leadTimeDays }),
    ...(question.leadTimeSdDays === undefined ? {} : { sdDays: question.leadTimeSdDays }),
  };
  const setting = {
    ...assumed.setting,
    ...given(question, ["method", "fillRate", "coverDays", "stockMax"]),
  };
  delete setting.override;
  const decision = planSeries({
    ...assumed,
    values,
    leadTime,
    setting,
    rules: { ...assumed.rules, ...given(question, ["minimum", "multiple", "shelfLifeDays"]) },
    likes: assumed.likes.map((perDay) => perDay * factor),
    // z was calibrated for another aim.
    calibratedZ: question.fillRate === undefined ? assumed.calibratedZ : undefined,
    inForce: undefined,
  });
  const plan = decision.kind === "change" ? decision.plan : null;
  const { forecast, firstDay } = await refitting.assume(series, values, leadTime);
  return {
    sku: series.sku,
    location: series.location,
    forecast: told(forecast, firstDay, series.demand.dataVersion),
    plan,
    expectedStock: plan === null ? null : expectedStock(plan),
    inForce: series.inForce ?? null,
    inForceStock: series.inForce === undefined ? null : expectedStock(series.inForce),
  };
}

/** Safety stock, and half of what one order brings. */
function expectedStock({ safetyStock, reorderPoint, orderUpTo }: ToldPlan): number {
  return safetyStock + (orderUpTo - reorderPoint) / 2;
}

export function told(forecast: Forecast, firstDay: number, dataVersion: string): ToldForecast {
  const { method, seriesClass, version, mean, quantiles, leadTime, backtestError } = forecast;
  const { warnings, effects } = forecast;
  return {
    firstDay: dayText(firstDay),
    method,
    seriesClass,
    version: { data: dataVersion, code: version },
    mean: [...mean],
    quantiles: Object.fromEntries(Object.entries(quantiles).map(([p, values]) => [p, [...values]])),
    span: {
      days: leadTime.steps,
      mean: leadTime.mean,
      sd: leadTime.sd,
      quantiles: { ...leadTime.quantiles },
    },
    backtestError,
    ...(warnings.length + effects.length === 0 ? {} : { notes: { warnings, effects } }),
  };
}

function given<T extends object, K extends keyof T>(
  from: T,
  names: readonly K[],
): { [P in K]?: Exclude<T[P], undefined> } {
  const found: { [P in K]?: Exclude<T[P], undefined> } = {};
  for (const name of names)
    if (from[name] !== undefined) found[name] = from[name] as Exclude<T[K], undefined>;
  return found;
}
