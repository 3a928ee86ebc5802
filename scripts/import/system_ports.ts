// The running system as an import needs it: the publisher for decisions, JetStream for where the
// logs end, Postgres for how far commits and checkpoints are.

import { jetstreamManager } from "@nats-io/jetstream";
import type { Endpoints } from "../../shared/endpoints.ts";
import { OnhandError } from "../../shared/errors.ts";
import { identityText } from "../../shared/identity_hash.ts";
import { ofKey } from "../../shared/ledger_key.ts";
import type { Command } from "../../shared/messages.ts";
import { Database } from "../../shared/postgres.ts";
import { connectNats } from "../../streams/connection.ts";
import { createPublisher } from "../../streams/publisher.ts";
import { stockStream } from "../../streams/subjects.ts";
import { readTopology } from "../../streams/topology.ts";
import type { ImportPorts, ShardProgress } from "./import_file.ts";
import type { Forgotten } from "./recognised.ts";

export type SystemPorts = ImportPorts & {
  /** What tells this log from any other: epoch, shards, and when each stream was made. */
  logIdentity: unknown;
  close(): Promise<void>;
};

/** A decision that takes so long was lost with its process, most likely: the line is sent again. */
const DECISION_WAIT_MS = 5_000;

/**
 * @param identityDays how long the system recognises repeats
 * @throws OnhandError when NATS or the topology is not there.
 */
export async function openSystem(endpoints: Endpoints, identityDays: number): Promise<SystemPorts> {
  const nc = await connectNats(endpoints.nats, { name: "onhand import" });
  const database = new Database(endpoints.postgres, { connectionsMax: 1, name: "onhand import" });
  try {
    const topology = await readTopology(nc);
    const jsm = await jetstreamManager(nc);
    const streams = () => {
      const names = Array.from({ length: topology.shards }, (_, s) =>
        stockStream(topology.epoch, s),
      );
      return Promise.all(names.map((name) => jsm.streams.info(name)));
    };
    const made = (await streams()).map((info) => info.created);
    const publisher = createPublisher(nc, topology);
    return {
      logIdentity: { ...topology, made },
      decide: async (command: Command) => {
        const decision = await publisher.decide(command, { deadlineMs: DECISION_WAIT_MS });
        if (!("status" in decision)) return decision;
        throw new OnhandError("decision_timeout", `no decision of ${decision.id}`, {
          retryable: true,
        });
      },
      forgotten: (commands) => findForgotten(database, commands, identityDays),
      logEnds: async () => (await streams()).map((info) => info.state.last_seq),
      progress: () => readProgress(database, topology.epoch),
      close: async () => {
        await publisher.close(0);
        await nc.close();
        await database.close();
      },
    };
  } catch (error) {
    await nc.close();
    await database.close();
    throw error;
  }
}

/** The log recognises an identity for the identity days from its newest decision; here one hour less, for the import takes its time. */
async function findForgotten(
  database: Database,
  commands: readonly Command[],
  identityDays: number,
): Promise<Forgotten | undefined> {
  const skus = commands.map((one) => one.sku);
  const locations = commands.map((one) => String(one.location));
  const ids = commands.map((one) => String(one.id));
  const identities = commands.map((one) =>
    identityText(String(one.location), one.sku, String(one.id)),
  );
  const [found] = await database.run(
    (sql) => sql<Forgotten[]>`
      select (n - 1)::int4 as index, max(t.appended_at) as at
      from unnest(${skus}::text[], ${locations}::text[], ${identities}::int8[], ${ids}::text[])
        with ordinality as wanted(sku, location, identity, id, n)
      join stock_transaction t on t.identity = wanted.identity and t.id = wanted.id
        and ${sql.unsafe(ofKey("t", "wanted.sku", "wanted.location"))}
      where t.cause = 'command'
      group by n
      having max(t.appended_at) < now() - make_interval(hours => ${identityDays * 24 - 1})
      order by n limit 1`,
  );
  return found;
}

/** How far each shard of an epoch is in Postgres. */
export function readProgress(database: Database, epoch: number): Promise<ShardProgress[]> {
  return database.run(
    (sql) => sql<ShardProgress[]>`
      select shard, committed_seq as "committedSeq", checkpoint_seq as "checkpointSeq"
      from shard where epoch = ${epoch} order by shard`,
  );
}
