// A fake stock actor, for tests of the edge alone: it decides sales, receipts, adjusts, holds and
// their changes in memory, simply. It is NOT the stock machine; tests of the whole run the real one.

import type { DecidePort, LevelKey, RegistryPort } from "../../../http/ports.ts";
import type { Decision, Level } from "../../../shared/decisions.ts";
import { OnhandError } from "../../../shared/errors.ts";
import type { Command } from "../../../shared/messages.ts";
import { formatVersion } from "../../../shared/version.ts";
import { partition } from "../../../streams/partition.ts";
import { toToken } from "../../../streams/subjects.ts";

type Hold = { qty: number; state: "held" | "fulfilled" | "released" };
type Cell = {
  sku: string;
  location: string;
  sellable: number;
  holds: Map<string, Hold>;
  version: string;
};

export class FakeStockActor implements DecidePort, RegistryPort {
  readonly epoch = 1;
  readonly shards: number;
  readonly received: Command[] = [];
  /** Set to make the next calls fail as the publisher would. */
  fault: OnhandError | undefined;
  registryAway = false;
  readonly #cells = new Map<string, Cell>();
  readonly #decided = new Map<string, { content: string; decision: Decision }>();
  readonly #seals = new Map<string, string>();
  readonly #seq: number[];

  constructor(shards = 4) {
    this.shards = shards;
    this.#seq = new Array<number>(shards).fill(0);
  }

  async decide(command: Command): Promise<Decision> {
    await Promise.resolve();
    this.received.push(command);
    if (this.fault !== undefined) throw this.fault;
    const { id, sku, location } = command;
    const key = JSON.stringify([location, sku, id]);
    const content = JSON.stringify(command);
    const known = this.#decided.get(key);
    if (known !== undefined && command.type !== "tick") {
      if (known.content !== content) return this.#decision(command, "rejected", "id_conflict");
      return repeatOf(known.decision);
    }
    const decision = this.#apply(command);
    this.#decided.set(key, { content, decision });
    return decision;
  }

  async levels(keys: readonly LevelKey[]): Promise<(Level | undefined)[]> {
    this.#requireRegistry();
    return keys.map(({ sku, location }) => {
      const cell = this.#cells.get(JSON.stringify([location, sku]));
      return cell === undefined ? undefined : this.#level(cell);
    });
  }

  async ofSku(sku: string): Promise<Level[]> {
    this.#requireRegistry();
    const cells = [...this.#cells.values()].filter((cell) => cell.sku === sku);
    return cells.map((cell) => this.#level(cell));
  }

  async watermark(shard: number): Promise<number> {
    this.#requireRegistry();
    return this.#seq[shard] ?? 0;
  }

  #requireRegistry(): void {
    if (this.registryAway) throw new OnhandError("redis_unavailable", "Cannot read Redis: away");
  }

  #apply(command: Command): Decision {
    const shard = partition(toToken(command.sku), this.shards);
    this.#seq[shard] = (this.#seq[shard] ?? 0) + 1;
    if ("lines" in command) return this.#applyLines(command);
    if (command.type === "seal") {
      const first = this.#seals.get(command.hold) ?? command.outcome;
      this.#seals.set(command.hold, first);
      if (first !== command.outcome) return this.#decision(command, "rejected", "already_sealed");
      return this.#decision(command, "applied");
    }
    const cell = this.#cell(command.sku, command.location);
    const reason = change(cell, command);
    if (reason === undefined) cell.version = formatVersion(1, this.#seq[shard] ?? 0, 0);
    return this.#decision(command, reason === undefined ? "applied" : "rejected", reason, cell);
  }

  #applyLines(command: Extract<Command, { lines: unknown }>): Decision {
    const lines = command.lines.map((line) => {
      const cell = this.#cell(line.sku, line.location ?? "-");
      const own = cell.holds.get(command.hold);
      const free = available(cell) + (own?.state === "held" ? own.qty : 0);
      const short = Math.max(0, line.qty - free);
      return { sku: line.sku, location: cell.location, qty: line.qty, short, cell };
    });
    const isShort = lines.some((line) => line.short > 0);
    if (!isShort) {
      for (const { cell, qty } of lines) cell.holds.set(command.hold, { qty, state: "held" });
    }
    const decision = this.#decision(
      command,
      isShort ? "rejected" : "applied",
      isShort ? "insufficient_available" : undefined,
      (lines.find((line) => line.short > 0) ?? lines[0])?.cell,
    );
    return {
      ...decision,
      lines: lines.map(({ cell, ...line }) => ({ ...line, level: this.#level(cell) })),
    };
  }

  #cell(sku: string, location: string): Cell {
    const key = JSON.stringify([location, sku]);
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { sku, location, sellable: 0, holds: new Map(), version: formatVersion(1, 0, 0) };
      this.#cells.set(key, cell);
    }
    return cell;
  }

  #level(cell: Cell): Level {
    const reserved = reservedOf(cell);
    return {
      sku: cell.sku,
      location: cell.location,
      onHand: cell.sellable,
      sellable: cell.sellable,
      unavailable: {},
      reserved,
      available: cell.sellable - reserved,
      oversold: Math.max(0, reserved - cell.sellable),
      backordered: 0,
      inTransit: 0,
      onOrder: 0,
      atp: { default: Math.max(0, cell.sellable - reserved) },
      inventoryPosition: Math.max(0, cell.sellable),
      version: cell.version,
      updatedAt: "2026-01-01T00:00:00.000Z",
    };
  }

  #decision(
    command: Command,
    outcome: "applied" | "rejected",
    reason?: Decision["reason"],
    cell?: Cell,
  ): Decision {
    const shard = partition(toToken(command.sku), this.shards);
    return {
      id: command.id ?? "",
      outcome,
      ...(reason === undefined ? {} : { reason }),
      epoch: 1,
      shard,
      seq: this.#seq[shard] ?? 0,
      index: 0,
      at: "2026-01-01T00:00:00.000Z",
      ...(cell === undefined ? {} : { level: this.#level(cell) }),
    };
  }
}

/** As the machine repeats: the level of one key as the ledger keeps it, and no lines. */
function repeatOf(decision: Decision): Decision {
  const { lines: _, level, ...rest } = decision;
  const first = decision.outcome as "applied" | "rejected";
  if (level === undefined) return { ...rest, outcome: "duplicate", first };
  const { unavailable: _u, atp: _a, inventoryPosition: _p, ...kept } = level as Level;
  return { ...rest, outcome: "duplicate", first, level: kept };
}

function change(cell: Cell, command: Command): Decision["reason"] | undefined {
  if (command.type === "sale") cell.sellable -= command.qty;
  else if (command.type === "receipt" || command.type === "return") cell.sellable += command.qty;
  else if (command.type === "adjust") cell.sellable += command.delta;
  else if (command.type === "hold" && "qty" in command) {
    const own = cell.holds.get(command.hold);
    const free = available(cell) + (own?.state === "held" ? own.qty : 0);
    if (command.qty > free) return "insufficient_available";
    cell.holds.set(command.hold, { qty: command.qty, state: "held" });
  } else if (
    command.type === "fulfill" ||
    command.type === "release" ||
    command.type === "extend"
  ) {
    const hold = cell.holds.get(command.hold);
    if (hold === undefined) return "unknown_hold";
    if (hold.state !== "held") return "hold_finished";
    if (command.type === "fulfill") {
      cell.sellable -= hold.qty;
      hold.state = "fulfilled";
    } else if (command.type === "release") hold.state = "released";
  }
  return undefined;
}

const reservedOf = (cell: Cell): number =>
  [...cell.holds.values()].reduce((sum, hold) => sum + (hold.state === "held" ? hold.qty : 0), 0);
const available = (cell: Cell): number => cell.sellable - reservedOf(cell);
