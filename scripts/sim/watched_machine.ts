// Owns the eyes inside every machine of a run: the real machine, looked at after each entry, and made to
// fail at entries that are poison. It adds nothing to what the machine does.
import type {
  CheckpointHead,
  DecodedEntry,
  FoundMap,
  Machine,
  MachineFactory,
  MachineOptions,
  Output,
} from "../../actors/runtime/machine.ts";
import { AssertionError } from "../../shared/assert.ts";
import type { Level } from "../../shared/decisions.ts";

/** One entry as one machine folded it. */
export type Folded = {
  shard: number;
  seq: number;
  machine: Machine;
  out: Output;
  skipped: boolean;
};

/** What makes an entry poison: its payload says so. */
export const POISON_MARK = '"ref":"poison"';

/** What the eyes see. */
export type MachineWatch = {
  onFolded(folded: Folded): void;
  /** A level was told as `json`. */
  onLevelTold(json: string, level: Level): void;
};

/** A factory whose machines tell `watch` of each entry. */
export function watchedFactory(factory: MachineFactory, watch: MachineWatch): MachineFactory {
  let machines = 0;
  // Whether decisions are told must make no difference: every other machine tells them only when asked.
  const watched = (machine: Machine, { shard }: MachineOptions) =>
    watchedMachine(machine, { shard, isTelling: machines++ % 2 === 0 }, watch);
  return {
    applyVersion: factory.applyVersion,
    tables: factory.tables,
    create: (options: MachineOptions) => watched(factory.create(options), options),
    restore(options: MachineOptions, head: CheckpointHead) {
      const { add, machine } = factory.restore(options, head);
      return { add, machine: () => watched(machine(), options) };
    },
  };
}

function watchedMachine(
  machine: Machine,
  { shard, isTelling }: { shard: number; isTelling: boolean },
  { onFolded, onLevelTold }: MachineWatch,
): Machine {
  return {
    applyVersion: machine.applyVersion,
    tables: machine.tables,
    position: () => machine.position(),
    decode: (entry) => machine.decode(entry),
    lookups: (decoded) => machine.lookups(decoded),
    apply: (decoded: DecodedEntry, found: FoundMap, out: Output) => {
      const { entry } = decoded;
      out.isAsked ||= isTelling;
      machine.apply(decoded, found, out);
      // Thrown when the state has changed already: whoever goes on with it goes on with a wrong one.
      if (isPoison(entry.payload)) throw new AssertionError(`Cannot apply ${entry.seq}: poison`);
      onFolded({ shard, seq: entry.seq, machine, out, skipped: false });
    },
    skip: (entry, out) => {
      out.isAsked ||= isTelling;
      machine.skip(entry, out);
      onFolded({ shard, seq: entry.seq, machine, out, skipped: true });
    },
    level: (key) => machine.level(key),
    levelText: (key) => {
      const text = machine.levelText(key);
      onLevelTold(text.json, machine.level(key));
      return text;
    },
    keys: () => machine.keys(),
    nextDueMs: () => machine.nextDueMs(),
    takeChanges: () => machine.takeChanges(),
    snapshot: () => machine.snapshot(),
    digest: () => machine.digest(),
  };
}

export function isPoison(payload: Uint8Array): boolean {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).includes(POISON_MARK);
}
