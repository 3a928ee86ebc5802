// Owns the question whether the log is still the one this edge was started for. An edge reckons the shard of a SKU, the
// subjects of the log and the ids of the live feed by the epoch and shard count it read at its start; another log under
// the same address (data lost and made anew, another epoch) would set aside what it sends to a wrong shard, for good.
//
// It asks when the connection to NATS is found again, for a log is seldom made anew under a running server, and
// whenever somebody asks whether the edge is ready. An answer that does not come says nothing: what was known stays.

import { OnhandError } from "../shared/errors.ts";
import { type NatsConnection, onConnection } from "../streams/connection.ts";
import { findTopology, type Topology } from "../streams/topology.ts";
import type { EdgeLog } from "./ports.ts";

export class TopologyWatch {
  readonly #nc: NatsConnection;
  readonly #own: Topology;
  readonly #log: EdgeLog;
  readonly #forget: () => void;
  #fault: string | undefined;
  #checking: Promise<void> | undefined;

  constructor(nc: NatsConnection, own: Topology, log: EdgeLog) {
    this.#nc = nc;
    this.#own = own;
    this.#log = log;
    this.#forget = onConnection(nc, {
      onReconnect: () => {
        this.check().catch(() => {});
      },
    });
  }

  /** Why nothing may be sent: the log is another one. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** @throws OnhandError `topology_changed` while there is a fault; then it asks again. */
  requireSame(): void {
    if (this.#fault === undefined) return;
    const fields = { sent: false };
    const error = new OnhandError("topology_changed", this.#fault, { retryable: true, fields });
    this.check().catch(() => {});
    throw error;
  }

  /** Reads what is recorded now. @throws OnhandError what reading throws; the fault is then as it was. */
  check(): Promise<void> {
    this.#checking ??= this.#read().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #read(): Promise<void> {
    const found = await findTopology(this.#nc);
    const fault = faultOf(this.#own, found);
    if (fault !== undefined && fault !== this.#fault) this.#log.error({ ...found }, fault);
    this.#fault = fault;
  }

  stop(): void {
    this.#forget();
  }
}

function faultOf(own: Topology, found: Topology | undefined): string | undefined {
  if (found?.epoch === own.epoch && found.shards === own.shards) return undefined;
  const text = ({ epoch, shards }: Topology) => `epoch ${epoch} with ${shards} shards`;
  const now = found === undefined ? "none is recorded on this NATS server" : text(found);
  return `Cannot go on with another log: found ${now}, expected ${text(own)}. Start this process again`;
}
