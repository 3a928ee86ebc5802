// `onhand topology apply | show | doctor`: the streams and buckets on the NATS server, and the mapping
// that lets a plain publish land in its shard.

import type { Command } from "commander";
import { EFFECT_STREAM_BYTES_MAX, STREAM_BYTES_MIN } from "../../shared/limits.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { type Check, checkMapping, doctor, mappingBlock } from "../../streams/doctor.ts";
import { streamIdentity } from "../../streams/stream_state.ts";
import { stockStream } from "../../streams/subjects.ts";
import { type Applied, applyTopology, readTopology } from "../../streams/topology.ts";
import {
  type CommonOptions,
  configFrom,
  newCommand,
  printResult,
  ResultIsNo,
  runningSystem,
  usageError,
} from "../command_line.ts";

type ApplyCommandOptions = CommonOptions & {
  shards?: string;
  replicas?: string;
  logBytes?: string;
  effectBytes?: string;
};

const UNLIMITED = "unlimited";

export function command(): Command {
  const topology = newCommand(
    "topology",
    "apply, show or examine streams, buckets and the mapping",
  );
  topology.addCommand(
    newCommand("apply", "make every stream and bucket as declared; a second time changes nothing")
      .option("--shards <n>", "shards of a new log (default 8); an existing log keeps its count")
      .option(
        "--replicas <n>",
        "copies of each stream (default: as it is); more than 1 needs a NATS cluster",
      )
      .option(
        "--log-bytes <n>",
        `bytes of one shard's log before it refuses, at least ${STREAM_BYTES_MIN}, or "${UNLIMITED}" (default: as it is, else ${UNLIMITED})`,
      )
      .option(
        "--effect-bytes <n>",
        `bytes of each effect stream, at least ${STREAM_BYTES_MIN} (default: as it is, else ${EFFECT_STREAM_BYTES_MAX})`,
      )
      .action((_options, self: Command) => withNats(self.optsWithGlobals(), apply)),
  );
  topology.addCommand(
    newCommand("show", "print epoch, shards, mapping and how far each log goes").action(
      (_options, self: Command) => withNats(self.optsWithGlobals(), show),
    ),
  );
  topology.addCommand(
    newCommand(
      "doctor",
      "prove by a round trip that the server is right, and say how to mend it",
    ).action((_options, self: Command) => withNats(self.optsWithGlobals(), examine)),
  );
  return topology;
}

async function withNats<T extends CommonOptions>(
  options: T,
  work: (nc: NatsConnection, options: T) => Promise<void>,
): Promise<void> {
  const { data, json } = options;
  const common = { ...(data === undefined ? {} : { data }), ...(json ? { json } : {}) };
  const url = configFrom(common).natsUrl ?? runningSystem(common).endpoints.nats;
  const nc = await connectNats(url, { name: "onhand topology" });
  try {
    await work(nc, options);
  } finally {
    await nc.close();
  }
}

async function apply(nc: NatsConnection, options: ApplyCommandOptions): Promise<void> {
  const config = configFrom({ ...(options.data === undefined ? {} : { data: options.data }) });
  const shards = count("--shards", options.shards);
  // The server's own word for it.
  const logBytesMax = options.logBytes === UNLIMITED ? -1 : bytes("--log-bytes", options.logBytes);
  const effectBytesMax = bytes("--effect-bytes", options.effectBytes);
  const { leaseTtlMs } = config;
  const replicas = count("--replicas", options.replicas) ?? config.replicas;
  const applied = await applyTopology(nc, {
    ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }),
    ...(replicas === undefined ? {} : { replicas }),
    ...(shards === undefined ? {} : { shards }),
    ...(logBytesMax === undefined ? {} : { logBytesMax }),
    ...(effectBytesMax === undefined ? {} : { effectBytesMax }),
  });
  const mapping = await checkMapping(nc, applied.topology);
  printResult(options, { ...applied, mapping }, () => {
    const lines = describeApplied(applied);
    if (!mapping.ok) lines.push("", `The mapping is not right yet: ${mapping.found}`, mapping.mend);
    return lines.join("\n");
  });
}

function describeApplied({ topology, streams, changed }: Applied): string[] {
  const lines = [`epoch ${topology.epoch}, ${topology.shards} shards`];
  if (!changed) lines.push("nothing to change");
  for (const { name, action, changes } of streams) {
    if (action === "unchanged") continue;
    const what = changes.map(
      (c) => `${c.setting} ${JSON.stringify(c.found)} -> ${JSON.stringify(c.wanted)}`,
    );
    lines.push(`${action} ${name}${what.length > 0 ? `: ${what.join(", ")}` : ""}`);
  }
  return lines;
}

async function show(nc: NatsConnection, options: CommonOptions): Promise<void> {
  const topology = await readTopology(nc);
  const logs = await Promise.all(
    Array.from({ length: topology.shards }, (_, shard) =>
      streamIdentity(nc, stockStream(topology.epoch, shard)),
    ),
  );
  printResult(options, { ...topology, mapping: mappingBlock(topology), logs }, () =>
    [
      `epoch ${topology.epoch}, ${topology.shards} shards`,
      mappingBlock(topology),
      ...logs.map(
        (log) => `${log.stream}: ${log.messages} entries, ${log.firstSeq} to ${log.lastSeq}`,
      ),
    ].join("\n"),
  );
}

async function examine(nc: NatsConnection, options: CommonOptions): Promise<void> {
  const checks = await doctor(nc);
  const ok = checks.every((check) => check.ok);
  printResult(options, { ok, checks }, () => checks.map(describeCheck).join("\n"));
  if (!ok) throw new ResultIsNo();
}

function describeCheck(check: Check): string {
  if (check.ok) return `ok    ${check.name}: ${check.found}`;
  const mend = check.mend.replaceAll("\n", "\n        ");
  return `WRONG ${check.name}: ${check.found}\n      wanted: ${check.wanted}\n      ${mend}`;
}

function bytes(option: "--log-bytes" | "--effect-bytes", text: string | undefined) {
  const orElse = option === "--log-bytes" ? `, or "${UNLIMITED}"` : "";
  return count(option, text, STREAM_BYTES_MIN, orElse);
}

function count(option: string, text: string | undefined, min = 1, orElse = ""): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
  throw usageError(
    `${option} is ${JSON.stringify(text)}, expected a whole number of at least ${min}${orElse}`,
  );
}
