// Pure.
// Where a command goes: the tokens of its names and the shard of its SKU, remembered, because making
// a token costs more than everything else a publisher does with a command.

import { ROUTES_CACHED_MAX } from "../shared/limits.ts";
import type { Topology } from "./declarations.ts";
import { partition } from "./partition.ts";
import { stockStream, toToken } from "./subjects.ts";

export class Routes {
  readonly topology: Topology;
  /** Name of the log of each shard. */
  readonly streams: readonly string[];
  readonly #skus = new Map<string, { token: string; shard: number }>();
  readonly #locations = new Map<string, string>();

  constructor(topology: Topology) {
    this.topology = topology;
    this.streams = Array.from({ length: topology.shards }, (_, shard) =>
      stockStream(topology.epoch, shard),
    );
  }

  shardOf(sku: string): number {
    return this.#sku(sku).shard;
  }

  /** `via` cmd: the subject tills use; log: what the server's mapping would make of it. */
  subject(location: string, sku: string, via: "log" | "cmd"): string {
    const locationToken = this.#location(location);
    const { token, shard } = this.#sku(sku);
    return via === "cmd"
      ? `inv.cmd.${locationToken}.${token}`
      : `inv.log.${this.topology.epoch}.${shard}.${locationToken}.${token}`;
  }

  #sku(sku: string): { token: string; shard: number } {
    let route = this.#skus.get(sku);
    if (route === undefined) {
      const token = toToken(sku);
      route = { token, shard: partition(token, this.topology.shards) };
      if (this.#skus.size >= ROUTES_CACHED_MAX) this.#skus.clear();
      this.#skus.set(sku, route);
    }
    return route;
  }

  #location(location: string): string {
    let token = this.#locations.get(location);
    if (token === undefined) {
      token = toToken(location);
      if (this.#locations.size >= ROUTES_CACHED_MAX) this.#locations.clear();
      this.#locations.set(location, token);
    }
    return token;
  }
}
