// Owns the comparison of the machine with the oracle, entry by entry: every decision with its level, and every
// level and the demand of every key at the end and whenever time alone was meant to pass.
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import type { LogEntry, Machine, MachineOptions } from "../../actors/runtime/machine.ts";
import type { Decision, Level } from "../../shared/decisions.ts";
import type { Checks } from "./checks.ts";
import { Oracle, type OracleDecision } from "./oracle.ts";
import type { OracleKey } from "./oracle_state.ts";
import { isPoison } from "./watched_machine.ts";

export class OracleChecks {
  readonly oracle: Oracle;
  readonly #checks: Checks;

  constructor(checks: Checks, options: MachineOptions) {
    this.#checks = checks;
    this.oracle = new Oracle(options);
  }

  /** Folds an entry that the machine has just folded. */
  onEntry = (entry: LogEntry, machine: Machine, found: readonly string[]): void => {
    const checks = this.#checks;
    // What is set aside changes nothing.
    if (checks.failure !== undefined || isPoison(entry.payload)) return;
    let next = 0;
    this.oracle.fold(entry, (wanted) => {
      const text = found[next];
      const decision = text === undefined ? undefined : (JSON.parse(text) as Decision);
      compareDecision(checks, this.oracle, entry, wanted, decision);
      next += 1;
    });
    checks.expect(
      next === found.length,
      () => `the oracle makes ${next} decisions of entry ${entry.seq}, the machine ${found.length}`,
    );
    if (isTick(entry)) this.#compareLevels(machine, `after tick ${entry.seq}`);
  };

  /** Compares what the whole log came to. */
  onEnd(machine: Machine, rows: readonly LedgerRow[]): void {
    this.#compareLevels(machine, "at the end");
    const demands = new Map<string, number>();
    for (const row of rows) {
      const name = JSON.stringify([row.sku, row.location]);
      demands.set(name, (demands.get(name) ?? 0) + row.demand);
    }
    for (const [name, { demand }] of this.oracle.state.keys) {
      const found = demands.get(name) ?? 0;
      this.#checks.expect(
        demand === found,
        () => `the oracle's demand of ${name} is ${demand}, the ledger's ${found}`,
      );
    }
  }

  #compareLevels(machine: Machine, when: string): void {
    const { oracle } = this;
    for (const key of machine.keys()) {
      const level = machine.level(key);
      const wanted = levelText(oracleLevel(oracle, oracle.state.key(level.sku, level.location)));
      const found = levelText(level);
      this.#checks.expect(
        wanted === found,
        () =>
          `the oracle's level of ${level.sku} at ${level.location} is ${wanted}, the machine's ${found}, ${when}`,
      );
    }
  }
}

const TICK = '"type":"tick"';

function isTick({ payload }: LogEntry): boolean {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).includes(TICK);
}

/** The decision, and the level it was taken at. */
function compareDecision(
  checks: Checks,
  oracle: Oracle,
  entry: LogEntry,
  wanted: OracleDecision,
  found: Decision | undefined,
): void {
  const where = () => {
    const payload = new TextDecoder().decode(entry.payload);
    return `entry ${entry.seq}[${wanted.index}]: ${entry.subject} ${payload.slice(0, 2_000)}`;
  };
  const [want, got] = [oracleText(wanted), found === undefined ? "nothing" : decisionText(found)];
  checks.expect(want === got, () => `the oracle decides ${want}, the machine ${got}, ${where()}`);
  const level = found?.level;
  if (level === undefined || found?.outcome === "duplicate" || !("atp" in level)) return;
  const key = oracle.state.key(level.sku, level.location);
  const [told, is] = [levelText(level), levelText(oracleLevel(oracle, key))];
  checks.expect(
    told === is,
    () =>
      `the oracle's level of ${level.sku} at ${level.location} is ${is}, told ${told}, ${where()}`,
  );
}

function oracleLevel(oracle: Oracle, key: OracleKey): Told {
  const { state } = oracle;
  return {
    ...state.quantities(key),
    available: state.available(key),
    oversold: Math.max(0, -state.available(key)),
    atp: state.atp(key),
    inventoryPosition: state.position(key),
  };
}

function oracleText(decision: OracleDecision): string {
  const { outcome, first, reason, seq, at } = decision;
  return JSON.stringify({ outcome, first, reason, seq, at: new Date(at).toISOString() });
}

function decisionText(decision: Decision): string {
  const { outcome, first, reason, seq, at } = decision;
  return JSON.stringify({ outcome, first, reason, seq, at });
}

type Told = Pick<
  Level,
  | "sellable"
  | "unavailable"
  | "reserved"
  | "available"
  | "oversold"
  | "backordered"
  | "inTransit"
  | "onOrder"
  | "atp"
  | "inventoryPosition"
>;

function levelText(level: Told): string {
  const { sellable, unavailable, reserved, available, oversold, backordered } = level;
  const { inTransit, onOrder, atp, inventoryPosition } = level;
  const byName = (map: Record<string, number>) =>
    Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    sellable,
    unavailable: byName(unavailable),
    reserved,
    available,
    oversold,
    backordered,
    inTransit,
    onOrder,
    atp: byName(atp),
    inventoryPosition,
  });
}
