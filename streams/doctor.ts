// Owns the examination of a NATS server: is it what a log needs, and is a plain publish to
// inv.cmd.<location>.<sku> really kept by the shard our publishers would choose?
//
// The proof is a round trip that stores nothing: a publish that expects an impossible last sequence.
// JetStream refuses it and says which stream refused; core subscribers still see the mapped subject.

import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, RequestError } from "@nats-io/transport-node";
import { describeError } from "../shared/errors.ts";
import { BUNDLE_BYTES_MAX } from "../shared/limits.ts";
import { type NatsConnection, onConnection } from "./connection.ts";
import { declareStreams, differences, keepChosen, type Topology } from "./declarations.ts";
import { partition } from "./partition.ts";
import {
  bundleSubject,
  cmdMapping,
  cmdSubject,
  logSubject,
  stockStream,
  toToken,
} from "./subjects.ts";
import { findStream, findTopology, manager } from "./topology.ts";

/** `mend` says what to do when `ok` is false. */
export type Check = { name: string; ok: boolean; found: string; wanted: string; mend: string };

const VERSION_MIN = "2.12.0";
const PAYLOAD_BYTES_MIN = 2 * BUNDLE_BYTES_MAX;
const PROBE_TIMEOUT_MS = 1_500;
/** Sequences never come near it, so a publish that expects it is always refused. */
const IMPOSSIBLE_SEQUENCE = "9007199254740991";
const PROBE_LOCATION = "onhand-doctor";
/** Names whose tokens differ from themselves, and plain ones. */
const PROBE_SKUS = ["SKU-1094-MD", "a.b*c", "two words", "größe/ü", "木綿", "🧵 50%", "0", "x"];

/** Examines the server; never throws for what it finds, only if the connection is closed. */
export async function doctor(nc: NatsConnection): Promise<Check[]> {
  const checks: Check[] = [checkVersion(nc), checkPayload(nc)];
  const jsm = await manager(nc);
  const jetStream = await checkJetStream(jsm);
  checks.push(jetStream);
  if (!jetStream.ok) return checks;
  let topology: Topology | undefined;
  let fault = "none";
  try {
    topology = await findTopology(nc);
  } catch (error) {
    fault = describeError(error);
  }
  checks.push({
    name: "topology",
    ok: topology !== undefined,
    found: topology === undefined ? fault : describeTopology(topology),
    wanted: "a recorded epoch and shard count",
    mend: 'Run "onhand topology apply".',
  });
  if (topology === undefined) return checks;
  checks.push(await checkStreams(jsm, topology));
  checks.push(await checkShards(jsm, topology));
  checks.push(await checkBundles(nc, topology));
  checks.push(await checkMapping(nc, topology));
  return checks;
}

/** The block for nats.conf (account or top level) that makes plain publishes land right. */
export function mappingBlock(topology: Topology): string {
  const { from, to } = cmdMapping(topology.epoch, topology.shards);
  return `mappings = {\n  "${from}": "${to}"\n}`;
}

const describeTopology = (t: Topology): string => `epoch ${t.epoch} with ${t.shards} shards`;

/** Is the server new enough for a log? */
export function checkVersion(nc: NatsConnection): Check {
  const found = nc.info?.version ?? "unknown";
  return {
    name: "server version",
    ok: compareVersions(found, VERSION_MIN) >= 0,
    found,
    wanted: `at least ${VERSION_MIN}`,
    mend: "Upgrade nats-server: its replicated log and direct reads were mended up to 2.12.",
  };
}

function checkPayload(nc: NatsConnection): Check {
  const found = nc.info?.max_payload ?? 0;
  return {
    name: "largest message",
    ok: found >= PAYLOAD_BYTES_MIN,
    found: `${found} bytes`,
    wanted: `at least ${PAYLOAD_BYTES_MIN} bytes`,
    mend: "Set max_payload: 1MB in nats.conf.",
  };
}

async function checkJetStream(jsm: JetStreamManager): Promise<Check> {
  const check = { name: "JetStream", wanted: "enabled for this account" };
  try {
    const account = await jsm.getAccountInfo();
    return { ...check, ok: true, found: `${account.streams} streams`, mend: "" };
  } catch (error) {
    return {
      ...check,
      ok: false,
      found: describeError(error),
      mend: "Add a jetstream { store_dir: … } block to nats.conf, and allow $JS.API.> to this user.",
    };
  }
}

/** Settings that may be chosen at `apply` are taken as found; everything else must be as declared. */
async function checkStreams(jsm: JetStreamManager, topology: Topology): Promise<Check> {
  const faults: string[] = [];
  const declared = declareStreams({ ...topology, replicas: 1 });
  for (const wanted of declared) {
    try {
      const found = await findStream(jsm, wanted.name);
      if (found === undefined) {
        faults.push(`${wanted.name} is missing`);
        continue;
      }
      for (const d of differences(keepChosen(wanted, { ...found }, {}), { ...found }))
        faults.push(
          `${wanted.name} ${d.setting} is ${JSON.stringify(d.found)}, not ${JSON.stringify(d.wanted)}`,
        );
    } catch (error) {
      faults.push(`${wanted.name}: ${describeError(error)}`);
    }
  }
  return {
    name: "streams",
    ok: faults.length === 0,
    found: faults.length === 0 ? `${declared.length} as declared` : faults.join("; "),
    wanted: `${declared.length} streams as declared`,
    mend: 'Run "onhand topology apply".',
  };
}

/** A stream of the epoch beyond the recorded count would take commands that nobody folds. */
async function checkShards(jsm: JetStreamManager, topology: Topology): Promise<Check> {
  const found: string[] = [];
  let fault: string | undefined;
  try {
    for await (const name of jsm.streams.names(`inv.log.${topology.epoch}.>`)) found.push(name);
  } catch (error) {
    fault = describeError(error);
  }
  return {
    name: "shard count",
    ok: fault === undefined && found.length === topology.shards,
    found: fault ?? `${found.length} logs in epoch ${topology.epoch}`,
    wanted: `${topology.shards}`,
    mend: `Remove the streams beyond ${stockStream(topology.epoch, topology.shards - 1)}, or run "onhand topology apply" for missing ones.`,
  };
}

/** May we write bundles, and does each shard's own stream answer for its subject? */
async function checkBundles(nc: NatsConnection, topology: Topology): Promise<Check> {
  const wrong: string[] = [];
  for (let shard = 0; shard < topology.shards; shard++) {
    const answer = await probe(nc, bundleSubject(topology.epoch, shard));
    const wanted = stockStream(topology.epoch, shard);
    if (answer !== wanted) wrong.push(`shard ${shard}: ${answer}`);
  }
  return {
    name: "bundles",
    ok: wrong.length === 0,
    found: wrong.length === 0 ? "each shard's log answers" : wrong.join("; "),
    wanted: "each shard's log answers this user",
    mend: "Give this user the permissions of its role (streams/permissions.ts), or apply the topology.",
  };
}

/** `mapped`: plain publishes go to a log, if not the right one. */
export type MappingCheck = Check & { mapped: boolean };

/** Is a plain publish to inv.cmd kept by the shard our publishers would choose? `mend` has the block. */
export async function checkMapping(nc: NatsConnection, topology: Topology): Promise<MappingCheck> {
  const wrong: string[] = [];
  let mapped = false;
  const seen = new Set<string>();
  let watching = true; // this user may be one who may not: then the stream's answer must do
  const watch = nc.subscribe(`inv.log.*.*.${toToken(PROBE_LOCATION)}.*`, {
    callback: (error, message) => {
      if (error === null) seen.add(message.subject);
      else watching = false;
    },
  });
  try {
    await nc.flush();
    for (const sku of PROBE_SKUS) {
      const shard = partition(toToken(sku), topology.shards);
      const answer = await probe(nc, cmdSubject(PROBE_LOCATION, sku));
      const wanted = stockStream(topology.epoch, shard);
      mapped ||= seen.size > 0 || answer.startsWith("STOCK-");
      if (answer !== wanted) {
        wrong.push(`${JSON.stringify(sku)} -> ${answer}, not ${wanted}`);
      } else if (watching && !seen.has(logSubject(topology.epoch, shard, PROBE_LOCATION, sku))) {
        wrong.push(`${JSON.stringify(sku)} -> seen as ${[...seen].at(-1) ?? "nothing"}`);
      }
    }
  } finally {
    watch.unsubscribe();
  }
  return {
    name: "mapping",
    ok: wrong.length === 0,
    mapped,
    found: wrong.length === 0 ? `${PROBE_SKUS.length} of ${PROBE_SKUS.length} right` : wrong[0]!,
    wanted: `inv.cmd.<location>.<sku> lands in its shard of epoch ${topology.epoch}`,
    mend: `Put this into nats.conf (top level or the account) and reload:\n${mappingBlock(topology)}`,
  };
}

/** The stream that refused the probe on `subject`, or a word on why none did. Stores nothing. */
async function probe(nc: NatsConnection, subject: string): Promise<string> {
  const guard = headers();
  guard.set("Nats-Expected-Last-Sequence", IMPOSSIBLE_SEQUENCE);
  let denied: string | undefined;
  const stop = onConnection(nc, {
    onPublishDenied: (mapped) => {
      denied = mapped;
    },
  });
  try {
    const reply = await nc.request(subject, "onhand doctor", {
      headers: guard,
      timeout: PROBE_TIMEOUT_MS,
    });
    const { stream, error } = reply.json<{ stream?: string; error?: { description: string } }>();
    if (error === undefined) return `stored in ${stream}, which ignores the guard`;
    return stream ?? error.description;
  } catch (error) {
    if (denied !== undefined) return `not permitted to publish to ${denied}`;
    if (error instanceof RequestError && error.isNoResponders()) return "no stream";
    return describeError(error);
  } finally {
    stop();
  }
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(/[.-]/).map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (Number.isNaN(difference)) return -1;
    if (difference !== 0) return difference;
  }
  return 0;
}
