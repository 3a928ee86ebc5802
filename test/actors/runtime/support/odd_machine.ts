// A machine that breaks what the committer asserts, for tests of what becomes of its shard.
import type { Machine, MachineFactory } from "../../../../actors/runtime/machine.ts";
import { countingMachine } from "../../../support/counting_machine.ts";

/** A counting machine that gives the last row of entries named `odd` a foreign sequence, so often. */
export function oddMachine(times: number): MachineFactory & { loads: number } {
  let left = times;
  const odd = (machine: Machine): Machine => {
    const apply = machine.apply.bind(machine);
    machine.apply = (decoded, found, out) => {
      apply(decoded, found, out);
      if (!out.rows.at(-1)?.id?.startsWith("odd") || left-- <= 0) return;
      (out.rows.at(-1) as { seq: number }).seq += 1_000;
    };
    return machine;
  };
  const factory = {
    ...countingMachine,
    loads: 0,
    create(options: Parameters<MachineFactory["create"]>[0]) {
      factory.loads++;
      return odd(countingMachine.create(options));
    },
    restore(...given: Parameters<MachineFactory["restore"]>) {
      factory.loads++;
      const restore = countingMachine.restore(...given);
      return { ...restore, machine: () => odd(restore.machine()) };
    },
  };
  return factory;
}
