// A shard as the store has it: its row, and the machine of its checkpoint.

import { OnhandError } from "../../shared/errors.ts";
import type {
  CheckpointHead,
  Machine,
  MachineFactory,
  MachineOptions,
  Restore,
} from "./machine.ts";
import type { LoadedShard, StorePort } from "./ports.ts";

/** `machine` is empty when there is no checkpoint. */
export type LoadedMachine = LoadedShard & { machine: Machine };

/**
 * @throws OnhandError `apply_version` when another version of the machine folded it, what the store throws, and what
 * the machine makes of rows that cannot be
 */
export async function loadShard(
  store: Pick<StorePort, "load">,
  factory: MachineFactory,
  options: MachineOptions,
): Promise<LoadedMachine> {
  let restore: Restore | undefined;
  const begin = (head: CheckpointHead) => {
    if (head.applyVersion === factory.applyVersion) restore = factory.restore(options, head);
    return restore;
  };
  const loaded = await store.load(factory.tables, begin);
  const found = loaded.row.applyVersion;
  if (found !== 0 && found !== factory.applyVersion)
    throw new OnhandError(
      "apply_version",
      `Cannot fold: the checkpoint is of apply version ${found}, this program of ${factory.applyVersion}`,
    );
  return { ...loaded, machine: restore?.machine() ?? factory.create(options) };
}
