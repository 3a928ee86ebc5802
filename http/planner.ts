// Owns what the edge knows of planning: forecasts, policies and settings as Postgres has them, and the questions it
// asks the forecast actors over NATS.

import { describeError, OnhandError } from "../shared/errors.ts";
import { HTTP_PLANNER_ASK_MS, HTTP_READ_TIMEOUT_MS } from "../shared/limits.ts";
import {
  type Decided,
  type GroupSetting,
  ownerSubject,
  type SkuSetting,
  WHAT_IF_SUBJECT,
  type WhatIf,
  type WhatIfAnswer,
} from "../shared/planning.ts";
import type { Database, Sql } from "../shared/postgres.ts";
import type { NatsConnection } from "../streams/connection.ts";
import { partition } from "../streams/partition.ts";
import { toToken } from "../streams/subjects.ts";
import { type ForecastView, readForecastViews } from "./forecast_reads.ts";
import {
  type PolicyView,
  readGroupSettings,
  readPolicyViews,
  type StoredSetting,
} from "./policy_reads.ts";
import { putSettings } from "./policy_settings.ts";
import { isProblemCode, ProblemError } from "./problems.ts";

export type PlannerPort = {
  /** What was forecast and what came, by location; newest `days` days. */
  forecasts(sku: string, location: string | undefined, days: number): Promise<ForecastView[]>;
  /** Policies in force and their history, newest first. */
  policies(sku: string, location: string | undefined, history: number): Promise<PolicyView[]>;
  groupSettings(): Promise<StoredSetting[]>;
  /** Stores a setting of a SKU, at one location or all. */
  putSku(sku: string, location: string | undefined, setting: SkuSetting): Promise<void>;
  putGroups(settings: readonly GroupSetting[]): Promise<void>;
  /** Has the planner decide a SKU at once; undefined when no process answers: it will when one runs. */
  decide(sku: string, location: string | undefined): Promise<Decided | undefined>;
  /** @throws ProblemError `forecast_unavailable`, `unknown_series` */
  whatIf(question: WhatIf): Promise<WhatIfAnswer>;
};

type Topology = { epoch: number; shards: number };

export function plannerPort(
  nc: NatsConnection,
  database: Database,
  { epoch, shards }: Topology,
): PlannerPort {
  const run = <T>(work: (sql: Sql) => Promise<T>) => database.run(work, HTTP_READ_TIMEOUT_MS);
  return {
    forecasts: (sku, location, days) =>
      run((sql) => readForecastViews(sql, { sku, location, days })),
    policies: (sku, location, history) =>
      run((sql) => readPolicyViews(sql, { sku, location, history })),
    groupSettings: () => run(readGroupSettings),
    putSku: (sku, location = "", setting) =>
      putSettings(database, [{ category: "", sku, location, setting }]),
    putGroups: (settings) =>
      putSettings(
        database,
        settings.map(({ category = "", location = "", ...setting }) => ({
          category,
          sku: "",
          location,
          setting,
        })),
      ),
    async decide(sku, location) {
      const subject = ownerSubject("decide", epoch, partition(toToken(sku), shards));
      const answered = await ask(nc, subject, { sku, location });
      if (answered === undefined || "error" in answered) return undefined;
      return answered.answer as Decided;
    },
    async whatIf(question) {
      const answered = await ask(nc, WHAT_IF_SUBJECT, question);
      if (answered === undefined)
        throw new ProblemError("forecast_unavailable", "No forecast process answers");
      if (!("error" in answered)) return answered.answer as WhatIfAnswer;
      const { code, message } = answered.error;
      throw new ProblemError(isProblemCode(code) ? code : "internal", message);
    },
  };
}

type Answered = { answer: unknown } | { error: { code: string; message: string } };

/** The answer to a question; undefined when nobody gives one in time. */
async function ask(
  nc: NatsConnection,
  subject: string,
  question: unknown,
): Promise<Answered | undefined> {
  try {
    const reply = await nc.request(subject, JSON.stringify(question), {
      timeout: HTTP_PLANNER_ASK_MS,
    });
    return reply.json<Answered>();
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new OnhandError("internal", `Cannot read an answer: ${describeError(error)}`);
    return undefined;
  }
}
