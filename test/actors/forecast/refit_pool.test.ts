// R1..R3 of refit_pool.ts: hanging, dying and throwing workers.
import { afterEach, expect, test } from "vitest";
import { forecastSeries } from "../../../actors/forecast/forecast_series.ts";
import {
  type RefitFault,
  type RefitOptions,
  RefitPool,
} from "../../../actors/forecast/refit_pool.ts";
import { isSound } from "../../../scripts/backtest/accuracy.ts";

const values = Float64Array.from({ length: 60 }, (_, i) => 10 + (i % 7));
const input = { values, season: 7, horizon: 3, leadTime: 2 };
const workerFile = new URL("./workers/odd_worker.ts", import.meta.url);
const pools: RefitPool[] = [];
const faults: RefitFault[] = [];

function pool(options: Partial<RefitOptions> = {}): RefitPool {
  const made = new RefitPool({
    workerCount: 2,
    workerFile,
    onFault: (fault) => faults.push(fault),
    ...options,
  });
  pools.push(made);
  return made;
}

afterEach(async () => {
  faults.length = 0;
  await Promise.all(pools.splice(0).map((each) => each.close()));
});

test("refit() answers as forecastSeries() does, for many at once", async () => {
  const ours = new RefitPool({ workerCount: 2 });
  pools.push(ours);
  const answers = await Promise.all(Array.from({ length: 40 }, () => ours.refit(input)));
  const expected = JSON.stringify(forecastSeries(input));
  for (const { forecast, fault } of answers) {
    expect(fault).toBeUndefined();
    expect(JSON.stringify(forecast)).toBe(expected);
  }
});

test("R1, R2 a fit that hangs gets the plain forecast in time, others go on", async () => {
  const ours = pool({ workerCount: 1, fitMsMax: 1_000 });
  const [hung, fine] = await Promise.all([ours.refit({ ...input, season: 13 }), ours.refit(input)]);
  expect(hung.fault?.kind).toBe("timeout");
  expect(hung.forecast.method).toBe("mean");
  expect(hung.forecast.warnings.at(-1)).toMatch(/^fit timeout/);
  expect(isSound(hung.forecast)).toBe(true);
  expect(fine.fault).toBeUndefined();
  expect(faults).toHaveLength(1);
}, 20_000);

test.each([
  ["dies", 17, "crashed"],
  ["throws out of turn", 19, "crashed"],
  ["replies with an error", 23, "threw"],
])(
  "R1, R2 a worker that %s: the plain forecast, and the next fit works",
  async (_, season, kind) => {
    const ours = pool({ workerCount: 1 });
    const bad = await ours.refit({ ...input, season });
    expect(bad.fault?.kind).toBe(kind);
    expect(isSound(bad.forecast)).toBe(true);
    expect((await ours.refit(input)).fault).toBeUndefined();
  },
  20_000,
);

test("R1 workers that never start: the plain forecast", async () => {
  const ours = pool({ workerFile: new URL("./workers/none.ts", import.meta.url) });
  const { fault, forecast } = await ours.refit(input);
  expect(fault?.kind).toBe("crashed");
  expect(isSound(forecast)).toBe(true);
}, 20_000);

test("R3 a request beyond the queue's limit is refused and may come again", async () => {
  const ours = pool({ workerCount: 1, queueMax: 2 });
  const taken = [ours.refit(input), ours.refit(input)];
  await expect(ours.refit(input)).rejects.toMatchObject({ code: "overloaded", retryable: true });
  await Promise.all(taken);
  expect((await ours.refit(input)).fault).toBeUndefined();
}, 20_000);

test("close() refuses what is left and what comes after", async () => {
  const ours = pool({ workerCount: 1 });
  const left = [ours.refit(input), ours.refit(input)].map((each) =>
    each.then(
      () => "answered",
      (error: { code: string }) => error.code,
    ),
  );
  await ours.close();
  expect(await Promise.all(left)).toEqual(["closed", "closed"]);
  await expect(ours.refit(input)).rejects.toMatchObject({ code: "closed" });
});
