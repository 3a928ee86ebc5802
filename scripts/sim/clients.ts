// Owns the simulated callers: tills that write single entries, edges that write bundles and place holds
// over several shards. They lose acks, send again at once and months later, and die between steps.
import { type HoldRequest, placeHold } from "../../http/hold_flow.ts";
import type { DecidePort } from "../../http/ports.ts";
import type { Decision } from "../../shared/decisions.ts";
import { OnhandError } from "../../shared/errors.ts";
import type { Command, HoldLine } from "../../shared/messages.ts";
import { partition } from "../../streams/partition.ts";
import { bundleSubject, logSubject, toToken } from "../../streams/subjects.ts";
import type { Chance } from "./chance.ts";
import { type CommandJson, CommandMaker } from "./command_maker.ts";
import { malformedEntry } from "./malformed.ts";
import { SimProcess, type SimService, type World } from "./process.ts";
import type { SimStream } from "./stream.ts";

/** What callers need of the house. */
export type CallerHouse = {
  world: World;
  epoch: number;
  streams: readonly SimStream[];
  log: SimService;
  skus: readonly string[];
  locations: readonly string[];
  /** Wall clock of the house, ms. */
  wallMs: () => number;
  has: (fault: "client" | "input" | "poison") => boolean;
  /** Hands decisions for `replyTo` to `take` until it is called off. */
  onReply: (replyTo: string, take: (decisions: unknown) => void) => () => void;
};

type Sent = { shard: number; subject: string; text: string };

const DECISION_WAIT_MS = 3_000;
const encoder = new TextEncoder();

export class Callers {
  /** Commands sent, repeats not counted. */
  commands = 0;
  entries = 0;
  resends = 0;
  answered = 0;
  unanswered = 0;
  isDone = false;
  /** Nobody sends before this, ms of simulated time. */
  quietUntilMs = 0;
  readonly #house: CallerHouse;
  readonly #chance: Chance;
  readonly #maker: CommandMaker;
  readonly #sent: Sent[] = [];
  #left: number;
  #running = 0;
  #inbox = 0;

  constructor(house: CallerHouse, commands: number) {
    this.#house = house;
    this.#chance = house.world.chance.fork("callers");
    this.#left = commands;
    const { skus, locations, streams } = house;
    this.#maker = new CommandMaker(house.world.chance.fork("commands"), {
      skus,
      locations,
      shards: streams.length,
      nowMs: house.wallMs,
    });
  }

  /** Needs the maker may name in orders. */
  get needs() {
    return this.#maker.needs;
  }

  start(count: number): void {
    for (let n = 0; n < count; n++) this.#startCaller(n);
  }

  #startCaller(number: number): void {
    const process = new SimProcess(`caller ${number}`, this.#house.world);
    this.#running += 1;
    // The last of them is an edge: it alone writes bundles.
    void this.#live(process, number % 2 === 1).then(() => {
      this.#running -= 1;
      this.isDone = this.#running === 0;
    });
  }

  async #live(process: SimProcess, isEdge: boolean): Promise<void> {
    const chance = this.#chance;
    if (isEdge) await this.#open(process);
    while (this.#left > 0) {
      await process.sleep(this.#pauseMs());
      if (this.#house.has("client") && this.#sent.length > 0 && chance.is(0.12)) {
        this.resends += 1;
        await this.#send(process, chance.pick(this.#sent.slice(-200)), 1);
      } else if (this.#house.has("input") && chance.is(0.04)) {
        this.#left -= 1;
        await this.#send(process, malformedEntry(chance, this.#house), 1);
      } else if (isEdge && chance.is(0.1)) await this.#placeHold(process);
      else if (isEdge) await this.#bundle(process);
      else await this.#single(process);
    }
  }

  /** Mostly busy; now and then the whole house is quiet, holds expire and the log is trimmed. */
  #pauseMs(): number {
    const chance = this.#chance;
    const { nowMs } = this.#house.world.clock;
    if (chance.is(0.005)) this.quietUntilMs = nowMs + chance.int(1, 30) * 60_000;
    const pauseMs = chance.is(0.4) ? chance.int(0, 3) : chance.int(1, 300);
    return Math.max(0, this.quietUntilMs - nowMs) + pauseMs;
  }

  /** Policies and first receipts, so that there is something to sell. */
  async #open(process: SimProcess): Promise<void> {
    for (const sku of this.#house.skus)
      for (const location of this.#house.locations) {
        const opening = this.#maker.opening({ sku, location });
        if (opening.length > 0) await this.#sendNew(process, opening);
      }
  }

  async #single(process: SimProcess): Promise<void> {
    const command = this.#maker.next();
    this.#left -= 1;
    if (isBundleOnly(command)) await this.#sendNew(process, [command]);
    else {
      this.commands += 1;
      const shard = this.#shardOf(command.sku);
      const subject = logSubject(this.#house.epoch, shard, command.location, command.sku);
      await this.#send(
        process,
        this.#remember({ shard, subject, text: this.#singleText(command) }),
      );
    }
  }

  /** Tills write what the subject does not say already, in one of the three forms. */
  #singleText(command: CommandJson): string {
    const chance = this.#chance;
    const { type, id, qty, sku, location } = command;
    const isShort = (type === "sale" || type === "receipt") && Object.keys(command).length === 5;
    const withId = id === undefined ? {} : { id };
    const signed = type === "sale" ? -Number(qty) : qty;
    if (isShort && chance.is(0.3))
      return JSON.stringify({ ...(chance.is(0.7) ? withId : {}), qty: signed });
    if (isShort && chance.is(0.15))
      return JSON.stringify({ ...withId, sku, qtyChange: signed, warehouseId: location });
    if (this.#house.has("poison") && chance.is(0.004))
      return JSON.stringify({ ...command, ref: "poison" });
    const { sku: _sku, location: _location, ...rest } = command;
    return JSON.stringify(chance.is(0.5) ? command : rest);
  }

  async #bundle(process: SimProcess): Promise<void> {
    const count = Math.min(this.#left, this.#chance.is(0.1) ? 24 : this.#chance.int(1, 6));
    this.#left -= count;
    await this.#sendNew(
      process,
      Array.from({ length: count }, () => this.#maker.next()),
    );
  }

  /** Bundles of one shard each, in the order of the commands. */
  async #sendNew(process: SimProcess, commands: readonly CommandJson[]): Promise<void> {
    this.commands += commands.length;
    const byShard = Map.groupBy(commands, (command) => this.#shardOf(command.sku));
    for (const [shard, list] of byShard) {
      const subject = bundleSubject(this.#house.epoch, shard);
      await this.#send(process, this.#remember({ shard, subject, text: JSON.stringify(list) }));
    }
  }

  #remember(sent: Sent): Sent {
    this.#sent.push(sent);
    return sent;
  }

  /** Sends until there is an ack (or patience ends), and now and then waits for the decision. */
  async #send(process: SimProcess, sent: Sent, attempts = 4): Promise<Decision[] | undefined> {
    const chance = this.#chance;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const wantsDecision = chance.is(0.8);
      const decided = wantsDecision ? this.#decision(process) : undefined;
      const isAcked = await this.#publish(process, sent, decided?.replyTo);
      if (decided === undefined) {
        if (isAcked) return undefined;
        continue;
      }
      const isPatient = chance.is(0.3);
      if (isAcked && !isPatient) return undefined;
      const decisions = await decided.promise;
      if (decisions !== undefined) return decisions;
      if (isAcked && chance.is(0.5)) return undefined;
      this.resends += 1;
    }
    return undefined;
  }

  /** True when acked. */
  async #publish(process: SimProcess, sent: Sent, replyTo: string | undefined): Promise<boolean> {
    const stream = this.#house.streams[sent.shard] as SimStream;
    this.entries += 1;
    try {
      await process.call(this.#house.log, () =>
        stream.append(sent.subject, encoder.encode(sent.text), replyTo),
      );
      return true;
    } catch {
      return false;
    }
  }

  #decision(process: SimProcess): { replyTo: string; promise: Promise<Decision[] | undefined> } {
    const replyTo = `_INBOX.sim.${this.#inbox++}`;
    const promise = new Promise<Decision[] | undefined>((resolve) => {
      const stopTimer = process.timer(DECISION_WAIT_MS, () => {
        stopListening();
        this.unanswered += 1;
        resolve(undefined);
      });
      const stopListening = this.#house.onReply(replyTo, (decisions) => {
        process.enter(() => {
          stopTimer();
          this.answered += 1;
          resolve((Array.isArray(decisions) ? decisions : [decisions]) as Decision[]);
        });
      });
    });
    return { replyTo, promise };
  }

  // ---------------------------------------------------------------- holds over several shards

  /** The edge's own code places the hold; the edge may die between any two steps, and begin again. */
  async #placeHold(process: SimProcess): Promise<void> {
    const chance = this.#chance;
    const { skus, locations } = this.#house;
    const number = this.#inbox++;
    const lines: HoldLine[] = [];
    for (const sku of new Set([chance.pick(skus), chance.pick(skus), chance.pick(skus)]))
      lines.push({
        sku,
        qty: chance.int(1, 3),
        ...(chance.is(0.8) ? { location: chance.pick(locations) } : {}),
      });
    this.#left -= lines.length;
    this.commands += lines.length;
    const request = {
      hold: `edge${number}`,
      commandId: `place${number}`,
      lines,
      ttlMs: chance.is(0.4) ? null : chance.pick([2_000, 60_000, 600_000]),
    };
    const mayDie = this.#house.has("client");
    const isImpatient = mayDie && chance.is(0.1);
    const released = isImpatient ? this.#releaseEarly(process, request) : undefined;
    for (let attempt = 0; attempt < 3; attempt++) {
      const edge = new SimProcess(`edge ${number}.${attempt}`, this.#house.world);
      const placed = placeHold(this.#decider(edge), request).then(
        () => true,
        () => false,
      );
      const diesAfterMs = mayDie && chance.is(0.4) ? chance.int(1, 60) : 20_000;
      const isPlaced = await Promise.race([placed, this.#death(edge, diesAfterMs)]);
      if (isPlaced) await this.#finishHold(process, request.hold, lines[0] as HoldLine);
      if (isPlaced || chance.is(0.3)) break;
    }
    await released;
  }

  /** Somebody lets go of a hold that is being placed: before its seal nothing may come of it. */
  async #releaseEarly(process: SimProcess, { hold, lines }: HoldRequest): Promise<void> {
    await process.sleep(this.#chance.int(1, 40));
    await this.#tellHome(process, lines[0] as HoldLine, {
      type: "release",
      id: `${hold}!off`,
      hold,
    });
  }

  /** What becomes of the hold is told to its home only; home tells the others. */
  async #finishHold(process: SimProcess, hold: string, home: HoldLine): Promise<void> {
    const chance = this.#chance;
    const type = chance.weighted({ nothing: 2, fulfill: 3, release: 2, extend: 2 });
    if (type === "nothing") return;
    const ttlMs = type === "extend" ? { ttlMs: chance.is(0.5) ? null : 90_000 } : {};
    await this.#tellHome(process, home, { type, id: `${hold}!${type}`, hold, ...ttlMs });
  }

  async #tellHome(process: SimProcess, home: HoldLine, what: object): Promise<void> {
    const { sku, location = "-" } = home;
    const shard = this.#shardOf(sku);
    const subject = bundleSubject(this.#house.epoch, shard);
    const text = JSON.stringify([{ ...what, sku, location }]);
    await this.#send(process, this.#remember({ shard, subject, text }));
  }

  async #death(edge: SimProcess, ms: number): Promise<boolean> {
    await new Promise<void>((resolve) => this.#house.world.clock.after(ms, resolve));
    if (edge.isAlive && ms < 1_000) this.#house.world.faults.count("edge died between steps");
    edge.kill();
    return false;
  }

  #decider(edge: SimProcess): DecidePort {
    return {
      epoch: this.#house.epoch,
      shards: this.#house.streams.length,
      decide: async (command: Command) => {
        const shard = this.#shardOf(command.sku);
        const subject = bundleSubject(this.#house.epoch, shard);
        const text = JSON.stringify([command]);
        for (let attempt = 0; attempt < 5; attempt++) {
          const decided = this.#decision(edge);
          await this.#publish(edge, { shard, subject, text }, decided.replyTo);
          const decision = (await decided.promise)?.[0];
          if (decision !== undefined) return decision;
        }
        throw new OnhandError("decision_timeout", "Cannot tell the decision: none came", {
          fields: { sent: true },
        });
      },
    };
  }

  #shardOf(sku: string): number {
    return partition(toToken(sku), this.#house.streams.length);
  }
}

function isBundleOnly(command: CommandJson): boolean {
  return ["policy", "order", "seal", "tick"].includes(command.type) || "lines" in command;
}
