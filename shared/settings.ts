// Owns the list of settings: the parser (config.ts), the help and the table in docs/OPERATIONS.md are made from it.

import { z } from "zod";

const text = z.string().min(1);
/** Who uses an address decodes its user and password. */
const decodable = (address: string): boolean => {
  try {
    return decodeURIComponent(address) !== "";
  } catch {
    return false;
  }
};
const NOT_DECODABLE = { error: "expected %25 for a % in user or password" };
const url = (protocols: string) =>
  z
    .url({
      protocol: new RegExp(`^(${protocols})$`),
      error: `expected an address ${protocols}://…`,
    })
    .refine(decodable, NOT_DECODABLE);
const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, { error: "expected a whole number" })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error: `expected ${min} to ${max}` });
/** Server lists of NATS: one or more, with commas. */
const natsUrls = z
  .string()
  .refine((value) => value.split(",").every((one) => /^(nats|tls):\/\/[^\s/]+$/.test(one.trim())), {
    error: "expected nats://host:port or tls://host:port, several with commas",
  })
  .refine(decodable, NOT_DECODABLE);

/** Host names without scheme and port, with commas. */
const hostNames = z
  .string()
  .transform((value) =>
    value
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== ""),
  )
  .refine((names) => names.every((one) => /^[a-z0-9._-]+$/i.test(one)), {
    error: "expected names such as hub.example, with commas, without scheme and port",
  });

export type Setting = {
  /** Name in the environment. */
  name: string;
  schema: z.ZodType<unknown, string>;
  /** As it would be written in the environment; undefined = unset. */
  fallback: string | undefined;
  /** How the default reads where it is reckoned. */
  fallbackText?: string;
  unit: string;
  meaning: string;
};

/** Every setting: unit, default, meaning, and what a wrong value does. */
export const SETTINGS = {
  natsUrl: {
    name: "ONHAND_NATS_URL",
    schema: natsUrls,
    fallback: undefined,
    fallbackText: "of the running system in the data directory",
    unit: "address",
    meaning: "NATS servers; `onhand up` then starts none of its own. May carry user:password@.",
  },
  databaseUrl: {
    name: "ONHAND_DATABASE_URL",
    schema: url("postgres|postgresql"),
    fallback: undefined,
    fallbackText: "of the running system in the data directory",
    unit: "address",
    meaning: "Postgres database; `onhand up` then starts none of its own.",
  },
  redisUrl: {
    name: "ONHAND_REDIS_URL",
    schema: url("redis|rediss"),
    fallback: undefined,
    fallbackText: "of the running system in the data directory",
    unit: "address",
    meaning: "Redis; `onhand up` then starts none of its own. Its content can be rebuilt.",
  },
  data: {
    name: "ONHAND_DATA",
    schema: text,
    fallback: ".data",
    unit: "directory",
    meaning:
      "Where `onhand up` keeps its servers' data and endpoints.json, and where others find it.",
  },
  host: {
    name: "ONHAND_HOST",
    schema: text,
    fallback: "127.0.0.1",
    unit: "address",
    meaning: "Address HTTP listens on. 0.0.0.0 lets other machines in: then set ONHAND_HTTP_TOKEN.",
  },
  port: {
    name: "ONHAND_PORT",
    schema: integer(0, 65_535),
    fallback: "3030",
    unit: "TCP port",
    meaning: "Port of HTTP; 0 takes any that is free.",
  },
  httpToken: {
    name: "ONHAND_HTTP_TOKEN",
    schema: z.string().min(16, { error: "expected at least 16 characters" }),
    fallback: undefined,
    fallbackText: "none: writes are open",
    unit: "text",
    meaning:
      "When set (16 characters or more), requests that write need `Authorization: Bearer <token>`.",
  },
  httpHosts: {
    name: "ONHAND_HTTP_HOSTS",
    schema: hostNames,
    fallback: "",
    fallbackText: "none",
    unit: "names",
    meaning:
      "Names this edge is called by, with commas, besides localhost and addresses: without a token a browser writes by these only, so that no other site has its own name point here.",
  },
  httpDeadlineMs: {
    name: "ONHAND_HTTP_DEADLINE_MS",
    schema: integer(10, 60_000),
    fallback: "2000",
    unit: "ms",
    meaning: "How long a request waits for the decision before it is answered 202 with a Location.",
  },
  shards: {
    name: "ONHAND_SHARDS",
    schema: integer(1, 1_024),
    fallback: undefined,
    fallbackText:
      "what the log has; of a new one on servers of our own two for each processor (4 to 64), else 8",
    unit: "shards",
    meaning: "Shards of the log. An existing log keeps its count: another one is refused at start.",
  },
  threads: {
    name: "ONHAND_THREADS",
    schema: integer(0, 256),
    fallback: undefined,
    fallbackText: "cores - 1, at least 1",
    unit: "threads",
    meaning: "Worker threads that fold shards in one stock process; 0 folds in the main thread.",
  },
  name: {
    name: "ONHAND_NAME",
    schema: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "expected 1 to 64 of A-Z a-z 0-9 _ -" }),
    fallback: undefined,
    fallbackText: "<host>-<pid>",
    unit: "text",
    meaning: "This process among the members that share the shards; must differ from all others.",
  },
  replicas: {
    name: "ONHAND_REPLICAS",
    schema: integer(1, 5),
    fallback: undefined,
    fallbackText: "as it is; `1` of a new log",
    unit: "servers",
    meaning:
      "Copies NATS keeps of each stream; more than 1 needs a NATS cluster of that size. Set by `onhand up` and `onhand topology apply`.",
  },
  natsSync: {
    name: "ONHAND_NATS_SYNC",
    schema: z.enum(["default", "always"]),
    fallback: "default",
    unit: "default|always",
    meaning:
      "When our own nats-server forces writes to disk. default: survives a process crash; always: power loss too, slower.",
  },
  leaseTtlMs: {
    name: "ONHAND_LEASE_TTL_MS",
    schema: integer(500, 60_000),
    fallback: undefined,
    fallbackText: "as it is; `2000` of a new log",
    unit: "ms",
    meaning:
      "How long a shard waits after its process died before one on another machine takes it over (one on the same machine does at once). Set by `onhand up` and `onhand topology apply`; stock and forecast processes read it on NATS when they start.",
  },
  commitIntervalMs: {
    name: "ONHAND_COMMIT_INTERVAL_MS",
    schema: integer(5, 5_000),
    fallback: "250",
    unit: "ms",
    meaning: "Most time between decisions and their commit to Postgres; shorter costs throughput.",
  },
  checkpointIntervalMs: {
    name: "ONHAND_CHECKPOINT_INTERVAL_MS",
    schema: integer(100, 600_000),
    fallback: "5000",
    unit: "ms",
    meaning: "Time between checkpoints; longer makes a restart fold more of the log.",
  },
  keepLogDays: {
    name: "ONHAND_KEEP_LOG_DAYS",
    schema: integer(0, 36_500),
    fallback: "7",
    unit: "days",
    meaning:
      "How much of the log stays behind the checkpoint, less where it nears `--log-bytes`. Never trimmed past a checkpoint.",
  },
  identityDays: {
    name: "ONHAND_IDENTITY_DAYS",
    schema: integer(1, 3_650),
    fallback: "90",
    unit: "days",
    meaning:
      "How long a repeated command is recognised. After that it counts as a new one. Set it for `onhand verify`, which folds by it, and `onhand import`, which refuses a file whose first rows came in longer ago.",
  },
  window: {
    name: "ONHAND_WINDOW",
    schema: z.enum(["day", "hour"]),
    fallback: "day",
    unit: "day|hour",
    meaning:
      "Length of a demand window, in the location's time zone. Another one makes all windows anew.",
  },
  windowGraceMinutes: {
    name: "ONHAND_WINDOW_GRACE_MINUTES",
    schema: integer(0, 10_080),
    fallback: "60",
    unit: "minutes",
    meaning:
      "How long late facts are waited for before a demand window closes. Later ones restate it.",
  },
  forecastThreads: {
    name: "ONHAND_FORECAST_THREADS",
    schema: integer(1, 256),
    fallback: undefined,
    fallbackText: "cores - 1, at least 1",
    unit: "threads",
    meaning: "Worker threads that fit forecasts in one forecast process.",
  },
  forecastKeepDays: {
    name: "ONHAND_FORECAST_KEEP_DAYS",
    schema: integer(1, 36_500),
    fallback: "400",
    unit: "days",
    meaning: "How long forecasts are kept, to be compared with what came.",
  },
  policyMode: {
    name: "ONHAND_POLICY_MODE",
    schema: z.enum(["observe", "recommend", "autopilot"]),
    fallback: "observe",
    unit: "observe|recommend|autopilot",
    meaning:
      "What reorder points do where no setting says otherwise. observe: shown only; recommend: needs wait for a person; autopilot: they become orders.",
  },
  leadTimeDays: {
    name: "ONHAND_LEAD_TIME_DAYS",
    schema: integer(0, 730),
    fallback: "7",
    unit: "days",
    meaning: "Lead time of a SKU of which neither receipts nor a vendor's catalog tell one.",
  },
  coverDays: {
    name: "ONHAND_COVER_DAYS",
    schema: integer(1, 365),
    fallback: "14",
    unit: "days",
    meaning: "Days of demand an order covers where no setting says otherwise.",
  },
  databasePool: {
    name: "ONHAND_DATABASE_POOL",
    schema: integer(1, 200),
    fallback: "10",
    unit: "connections",
    meaning: "Most Postgres connections of one process (or of one worker thread).",
  },
  logLevel: {
    name: "ONHAND_LOG_LEVEL",
    schema: z.enum(["trace", "debug", "info", "warn", "error", "silent"]),
    fallback: "info",
    unit: "trace|debug|info|warn|error|silent",
    meaning:
      "Least severe log line that is written (to stderr). `onhand up` has `warn` by default.",
  },
  natsServer: {
    name: "ONHAND_NATS_SERVER",
    schema: text,
    fallback: undefined,
    fallbackText: "on PATH, else fetched",
    unit: "file",
    meaning: "The nats-server program (2.12 or newer) that `onhand up` and the tests start.",
  },
  redisServer: {
    name: "ONHAND_REDIS_SERVER",
    schema: text,
    fallback: undefined,
    fallbackText: "on PATH, else fetched",
    unit: "file",
    meaning: "The redis-server or valkey-server program that `onhand up` and the tests start.",
  },
  postgresHome: {
    name: "ONHAND_POSTGRES_HOME",
    schema: text,
    fallback: undefined,
    fallbackText: "the one npm brings",
    unit: "directory",
    meaning:
      "A directory whose `bin` has the postgres and initdb (18 or newer) that `onhand up` and the tests start, such as `/usr/lib/postgresql/18`.",
  },
  serversCache: {
    name: "ONHAND_SERVERS_CACHE",
    schema: text,
    fallback: undefined,
    fallbackText: "`.cache/servers` of the project",
    unit: "directory",
    meaning: "Where fetched server programs are kept.",
  },
  debug: {
    name: "ONHAND_DEBUG",
    schema: z.enum(["0", "1"]).transform((value) => value === "1"),
    fallback: "0",
    unit: "0|1",
    meaning: "1 adds stack traces to the errors of the command line.",
  },
} as const satisfies Record<string, Setting>;

/** The settings as rows of a Markdown table, for docs/OPERATIONS.md. */
export function settingsTable(): string {
  const rows = (Object.values(SETTINGS) as Setting[]).map((setting) => {
    const fallback = setting.fallbackText ?? (setting.fallback ? `\`${setting.fallback}\`` : "");
    const unit = setting.unit.replaceAll("|", " \\| ");
    return `| \`${setting.name}\` | ${unit} | ${fallback} | ${setting.meaning} |`;
  });
  return ["| name | unit | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}
