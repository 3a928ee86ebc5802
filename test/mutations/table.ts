// The table of planted bugs in docs/SPEC.md, made from the list.
import { MUTATIONS, type Mutation, NOT_YET, type Simulation } from "./mutations.ts";

/** Markdown, one line a bug, in the order of the list. */
export function mutationTable(): string {
  const rows = [
    ...MUTATIONS.map((one) => ({ id: one.id, text: rowOf(one) })),
    ...Object.entries(NOT_YET).map(([id, { what, why }]) => ({
      id,
      text: `| ${id} | ${what} | | ${why} |`,
    })),
  ];
  rows.sort((a, b) => numberOf(a.id) - numberOf(b.id) || (a.id < b.id ? -1 : 1));
  return [
    "| bug | what | planted in | caught by |",
    "|---|---|---|---|",
    ...rows.map(({ text }) => text),
  ].join("\n");
}

function rowOf({ id, what, patches, caughtBy }: Mutation): string {
  const files = [...new Set(patches.map(({ file }) => `\`${file}\``))].join(", ");
  const catcher =
    "test" in caughtBy ? `\`${caughtBy.test}\`: "${caughtBy.name}"` : simulation(caughtBy);
  return `| ${id} | ${what} | ${files} | ${catcher} |`;
}

function simulation({ faults, commands }: Simulation): string {
  const how = [
    ...(faults === undefined ? [] : [`faults ${faults}`]),
    ...(commands === undefined ? [] : [`${commands} commands`]),
  ];
  return ["simulation", ...how].join(", ");
}

const numberOf = (id: string): number => Number(/\d+/.exec(id)?.[0]);
