// Pure.
// The configuration file of our nats-server, as a function of a few settings. It carries the account
// mapping that lets a plain publish to inv.cmd.<location>.<sku> land in its shard's log.
import { cmdMapping } from "../../streams/subjects.ts";

/** When the server forces a write to disk: every two minutes, or before each acknowledgement. */
export type NatsSync = "default" | "always";

/** Subjects one user may and may not touch. */
export type NatsPermissions = {
  publish?: { allow?: readonly string[]; deny?: readonly string[] };
  subscribe?: { allow?: readonly string[]; deny?: readonly string[] };
};

/** One login with its permissions; none given = all subjects. */
export type NatsUser = { user: string; password: string; permissions?: NatsPermissions };

/** `dir` holds the streams; `shards` >= 1 and `epoch` >= 1 make the mapping. */
export type NatsSettings = {
  port: number;
  dir: string;
  shards: number;
  epoch: number;
  sync: NatsSync;
  host?: string;
  serverName?: string;
  pidFile?: string;
  /** Without users anybody who can reach the address may do anything (loopback only by default). */
  users?: readonly NatsUser[];
  /** Leave the mapping out, as a server that is not ours would. */
  mapping?: boolean;
  /** Largest message it takes, in bytes; default NATS_PAYLOAD_BYTES_MAX. */
  payloadBytesMax?: number;
};

/** Largest message the server takes, in bytes. */
export const NATS_PAYLOAD_BYTES_MAX = 1_048_576;

/** The text of nats.conf. Throws RangeError on a setting no server would take. */
export function natsConfig(settings: NatsSettings): string {
  requireInteger("port", settings.port, 1, 65_535);
  requireInteger("shards", settings.shards, 1, 4_096);
  requireInteger("epoch", settings.epoch, 1, 1_000_000);
  const lines = [
    "# Written by onhand at each start and at each change of epoch or shards; edits are lost.",
    `host: ${quote(settings.host ?? "127.0.0.1")}`,
    `port: ${settings.port}`,
  ];
  if (settings.serverName !== undefined) lines.push(`server_name: ${quote(settings.serverName)}`);
  if (settings.pidFile !== undefined) lines.push(`pid_file: ${quote(settings.pidFile)}`);
  lines.push(
    `max_payload: ${settings.payloadBytesMax ?? NATS_PAYLOAD_BYTES_MAX}`,
    "jetstream {",
    `  store_dir: ${quote(settings.dir)}`,
    ...(settings.sync === "always" ? ["  sync_interval: always"] : []),
    "}",
  );
  if (settings.mapping !== false) {
    const mapping = cmdMapping(settings.epoch, settings.shards);
    lines.push("mappings = {", `  ${quote(mapping.from)}: ${quote(mapping.to)}`, "}");
  }
  if (settings.users !== undefined && settings.users.length > 0) {
    lines.push("authorization {", "  users = [", ...settings.users.flatMap(userLines), "  ]", "}");
  }
  return `${lines.join("\n")}\n`;
}

function userLines(user: NatsUser): string[] {
  const lines = [`    { user: ${quote(user.user)}, password: ${quote(user.password)}`];
  if (user.permissions !== undefined) {
    lines.push("      permissions: {");
    for (const verb of ["publish", "subscribe"] as const) {
      const rule = user.permissions[verb];
      if (rule === undefined) continue;
      const parts = (["allow", "deny"] as const)
        .filter((list) => rule[list] !== undefined)
        .map((list) => `${list}: [${(rule[list] ?? []).map(quote).join(", ")}]`);
      lines.push(`        ${verb}: { ${parts.join(", ")} }`);
    }
    lines.push("      }");
  }
  lines.push("    }");
  return lines;
}

/** A string of the server's configuration language: escapes are those of JSON but for \u. */
function quote(text: string): string {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) {
      throw new RangeError(`Cannot write nats.conf: control character in ${JSON.stringify(text)}`);
    }
  }
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function requireInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(
    `Cannot write nats.conf: ${name} is ${value}, expected an integer from ${min} to ${max}`,
  );
}
