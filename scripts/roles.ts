// Owns the list of what a system runs besides its servers, in starting order. `onhand up` starts them
// all and stops them the other way round; a role is one entry here.
import type { Config } from "../shared/config.ts";
import type { Endpoints } from "../shared/endpoints.ts";
import type { Topology } from "../streams/topology.ts";

/** What a role may know of the system it is part of. */
export type RoleContext = {
  config: Config;
  /** `http` is there once the http role runs. */
  endpoints: Endpoints;
  topology: Topology;
  /** `onhand up --demo`: speed as a multiple of real time, the seed, and days of past sales. */
  demo?: { speed: number; seed: number; historyDays: number };
  /** A line for the person watching. */
  say: (line: string) => void;
};

/** `url`: where people reach it; the http role's is the system's address. */
export type RunningRole = { stop(): Promise<void>; url?: string };

export type Role = {
  name: string;
  /** Absent = always. */
  when?: (context: RoleContext) => boolean;
  /** Starts once every shard decides or is halted: what it does first would take the processors from their opening. */
  afterShards?: boolean;
  start(context: RoleContext): Promise<RunningRole>;
};

/**
 * Loads what every system runs, in its threads too: for while the servers start. Faults are told by who starts a role.
 */
export async function loadRoles({ threads }: Pick<Config, "threads">): Promise<void> {
  const { warmStock } = await import("../actors/stock/warm.ts");
  warmStock(threads);
  await import("../actors/stock/binding.ts");
}

export const ROLES: readonly Role[] = [
  {
    name: "stock",
    start: async (context) => {
      const { startStockRole } = await import("../actors/stock/binding.ts");
      return startStockRole(context);
    },
  },
  {
    name: "http",
    start: async (context) => {
      const { startHttpRole } = await import("../http/http_role.ts");
      return startHttpRole(context);
    },
  },
  {
    name: "forecast",
    afterShards: true,
    start: async (context) => {
      const { startForecastRole } = await import("../actors/forecast/binding.ts");
      return startForecastRole(context);
    },
  },
  {
    name: "demo",
    when: (context) => context.demo !== undefined,
    afterShards: true,
    start: async (context) => {
      const { startDemo } = await import("./demo/start_demo.ts");
      return startDemo(context, context.demo ?? { speed: 1, seed: 1, historyDays: 0 });
    },
  },
];
