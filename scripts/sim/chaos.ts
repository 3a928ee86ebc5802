// Owns what goes wrong, when, and for how long; and the healing at the end.
import type { Chance } from "./chance.ts";
import type { House } from "./house.ts";
import type { SimNode } from "./node.ts";
import type { SimService } from "./process.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** After so long without a sign of life another process takes the shard over. */
const LEASE_MS = 2_000;

export class Chaos {
  crashes = 0;
  readonly #house: House;
  readonly #chance: Chance;
  #healed = false;

  readonly #isQuiet: () => boolean;

  constructor(house: House, isQuiet: () => boolean) {
    this.#house = house;
    this.#isQuiet = isQuiet;
    this.#chance = house.world.chance.fork("chaos");
  }

  /** Starts the first processes and the trouble. */
  start(): void {
    const nodes = [this.#house.newNode(), this.#house.newNode()];
    for (let shard = 0; shard < this.#house.streams.length; shard++)
      this.#assign(shard, this.#chance.pick(nodes));
    this.#plan();
  }

  /** Ends all trouble and leaves one live owner a shard; zombies wake and learn it. */
  heal(): void {
    this.#healed = true;
    const house = this.#house;
    for (const service of house.services) service.heal();
    Object.assign(house.readFaults, { skip: 0, repeat: 0, lose: 0 });
    for (const node of house.nodes) {
      node.skewMs = 0;
      if (node.process.isFrozen) node.process.wake();
    }
    for (const [shard, owner] of this.#house.owners.entries()) {
      if (!owner.process.isAlive) this.#assign(shard, this.#aliveNode());
      for (const node of house.nodes)
        if (node !== this.#house.owners[shard]) node.unwant(shard, "abandon");
    }
    house.note("healed");
  }

  owner(shard: number): SimNode {
    return this.#house.owners[shard] as SimNode;
  }

  #assign(shard: number, node: SimNode): void {
    this.#house.owners[shard] = node;
    node.want(shard);
  }

  #aliveNode(): SimNode {
    const alive = this.#house.nodes.filter(
      (node) => node.process.isAlive && !node.process.isFrozen,
    );
    return alive.length > 0 && this.#chance.is(0.7)
      ? this.#chance.pick(alive)
      : this.#house.newNode();
  }

  #plan(): void {
    const { clock } = this.#house.world;
    const pauseMs = this.#chance.int(10, 700);
    clock.after(this.#isQuiet() ? pauseMs * 300 : pauseMs, () => {
      if (this.#healed) return;
      this.#strike();
      this.#plan();
    });
  }

  #count(kind: string): void {
    this.#house.world.faults.count(kind);
    this.#house.note(`fault: ${kind}`);
  }

  #strike(): void {
    const strikes = {
      crash: () => this.#crash(),
      freeze: () => this.#freeze(),
      lease: () => this.#lease(),
      store: () => this.#service(this.#house.database),
      registry: () => this.#registry(),
      log: () => this.#log(),
      clock: () => this.#clock(),
      effects: () => this.#service(this.#house.streamsOut),
      client: () => this.#months(),
      power: () => this.#power(),
    };
    const on = (Object.keys(strikes) as (keyof typeof strikes)[]).filter(this.#house.has);
    if (on.length > 0) strikes[this.#chance.pick(on)]();
  }

  // ---------------------------------------------------------------- processes

  #crash(): void {
    const alive = this.#house.nodes.filter((node) => node.process.isAlive);
    if (alive.length === 0) return;
    const node = this.#chance.pick(alive);
    this.crashes += 1;
    this.#count(node.process.isFrozen ? "crash of a zombie" : "crash");
    node.crash();
    this.#replace(node, this.#chance.is(0.5) ? this.#chance.int(0, 300) : LEASE_MS);
  }

  #freeze(): void {
    const awake = this.#house.nodes.filter(
      (node) => node.process.isAlive && !node.process.isFrozen && node.wanted.size > 0,
    );
    if (awake.length === 0) return;
    const node = this.#chance.pick(awake);
    this.#count("freeze");
    node.process.freeze();
    const frozenMs = this.#chance.int(100, 8_000);
    if (frozenMs > LEASE_MS) this.#replace(node, LEASE_MS);
    this.#house.world.clock.after(frozenMs, () => {
      if (!node.process.isFrozen) return;
      node.process.wake();
      // It learns some time later, or never, that its lease is gone.
      const learnsMs = this.#chance.int(0, 3_000);
      if (this.#chance.is(0.5)) node.process.timer(learnsMs, () => this.#standDown(node));
    });
  }

  #standDown(node: SimNode): void {
    for (const shard of [...node.wanted])
      if (this.#house.owners[shard] !== node) node.unwant(shard, "abandon");
  }

  /** Another process takes over what `node` runs, after `ms`, unless it has it again by then. */
  #replace(node: SimNode, ms: number): void {
    const shards = [...this.#house.owners.keys()].filter(
      (shard) => this.#house.owners[shard] === node,
    );
    this.#house.world.clock.after(ms, () => {
      for (const shard of shards) {
        if (this.#healed || this.#house.owners[shard] !== node) continue;
        if (node.process.isAlive && !node.process.isFrozen) continue;
        this.#assign(shard, this.#aliveNode());
      }
    });
  }

  /** The lease moves: given back in order, or simply believed to be somebody else's. */
  #lease(): void {
    const shard = this.#chance.int(0, this.#house.owners.length - 1);
    const before = this.owner(shard);
    const next = this.#aliveNode();
    if (next === before) return;
    const how = this.#chance.weighted({ handover: 3, lost: 2, lie: 3 });
    this.#count(`lease: ${how}`);
    if (how === "handover") before.unwant(shard, "drain");
    if (how === "lost") before.unwant(shard, "abandon");
    this.#assign(shard, next);
    if (how === "lie")
      this.#house.world.clock.after(this.#chance.int(500, 6_000), () => {
        if (this.#house.owners[shard] !== before) before.unwant(shard, "abandon");
      });
  }

  // ---------------------------------------------------------------- services

  #service(service: SimService): void {
    const how = this.#chance.weighted({ away: 3, answers: 3, requests: 1, slow: 2 });
    const forMs = this.#chance.int(50, how === "away" ? 4_000 : 2_000);
    this.#count(`${service.name}: ${how}`);
    const [low] = service.latencyMs;
    if (how === "away") service.isDown = true;
    if (how === "answers") service.answerLoss = this.#chance.pick([0.1, 0.5, 1]);
    if (how === "requests") service.requestLoss = this.#chance.pick([0.1, 0.5]);
    // Requests that arrive after their caller gave up.
    if (how === "slow") service.latencyMs = [low, service.timeoutMs * 2];
    this.#house.world.clock.after(forMs, () => service.heal());
  }

  #registry(): void {
    if (this.#chance.is(0.3)) {
      this.#count("registry: content lost");
      const { redis, registry } = this.#house;
      redis.isDown = true;
      registry.lose();
      this.#house.world.clock.after(this.#chance.int(10, 500), () => redis.heal());
    } else this.#service(this.#house.redis);
  }

  #log(): void {
    const house = this.#house;
    const how = this.#chance.weighted({ reading: 3, disconnect: 3, service: 3 });
    if (how === "service") {
      this.#service(house.log);
      return;
    }
    this.#count(`log: ${how}`);
    const forMs = this.#chance.int(20, 2_000);
    if (how === "reading") {
      Object.assign(house.readFaults, { skip: 0.1, repeat: 0.3, lose: 0.05 });
      house.world.clock.after(forMs, () =>
        Object.assign(house.readFaults, { skip: 0, repeat: 0, lose: 0 }),
      );
      return;
    }
    this.#restartLog(forMs);
  }

  /** The log server goes and comes back: every connection breaks. */
  #restartLog(forMs: number): void {
    const house = this.#house;
    house.log.isDown = true;
    for (const node of house.nodes) node.process.enter(() => node.connection.disconnect());
    house.world.clock.after(forMs, () => {
      house.log.isDown = false;
      for (const node of house.nodes) node.process.enter(() => node.connection.reconnect());
    });
  }

  /** The log server lost what it had acknowledged, or somebody laid hands on a stream. */
  #power(): void {
    const chance = this.#chance;
    if (!chance.is(0.5)) return;
    const stream = chance.pick(this.#house.streams);
    const how = chance.weighted({ tail: 5, replaced: 1, cut: 2 });
    this.#count(`power: ${how}`);
    if (how === "tail") stream.loseTail(chance.int(1, 6));
    else if (how === "replaced") stream.replace();
    else stream.cut(chance.int(0, 3));
    this.#restartLog(chance.int(10, 300));
  }

  /** Append times jump back and forth; a process believes in another time. */
  #clock(): void {
    const chance = this.#chance;
    const jumpMs = chance.pick([-HOUR_MS, -MINUTE_MS, -1_000, -7, 3, 1_000, MINUTE_MS, HOUR_MS]);
    this.#count(jumpMs < 0 ? "clock: back" : "clock: ahead");
    const stream = chance.pick(this.#house.streams);
    stream.skewMs = this.#house.wallOffsetMs + jumpMs;
    if (chance.is(0.5)) chance.pick(this.#house.nodes).skewMs = jumpMs;
  }

  #months(): void {
    if (!this.#chance.is(0.15)) return;
    this.#count("months go by");
    this.#house.jump(this.#chance.pick([DAY_MS, 5 * DAY_MS, 40 * DAY_MS, 100 * DAY_MS]));
  }
}
