// Pure.
// Owns reading commands at the edge: the schema is chosen by `type` first, so that the faults told are
// those of the type meant, and cost stays small. Seals belong to the edge itself and are not taken.

import { type Command, type CommandType, FactSchemas, RequestSchemas } from "../shared/messages.ts";
import { type Fault, faultsOf, kindOf } from "./validate.ts";

export type ReadCommand = { command: Command } | { faults: Fault[] };

const { holdLines, seal: _sealedByTheEdge, ...requests } = RequestSchemas;
const SCHEMAS = { ...FactSchemas, ...requests };
/** The command types an HTTP caller may send. */
export const COMMAND_TYPES = Object.keys(SCHEMAS) as Exclude<CommandType, "seal">[];

/** One command of a request body, or what is wrong with it. */
export function readCommand(value: unknown): ReadCommand {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { faults: [{ field: "", fault: `expected an object, found ${kindOf(value)}` }] };
  }
  const type = (value as { type?: unknown }).type;
  if (typeof type !== "string" || !Object.hasOwn(SCHEMAS, type)) {
    const found = typeof type === "string" ? JSON.stringify(type.slice(0, 60)) : kindOf(type);
    return {
      faults: [
        { field: "type", fault: `found ${found}, expected one of ${COMMAND_TYPES.join(", ")}` },
      ],
    };
  }
  const lines = type === "hold" && Object.hasOwn(value, "lines");
  const schema = lines ? holdLines : SCHEMAS[type as keyof typeof SCHEMAS];
  const result = schema.safeParse(value);
  if (!result.success) return { faults: faultsOf(result.error, value) };
  const taken = lines
    ? ["home", "elsewhere"].find((field) => Object.hasOwn(value, field))
    : undefined;
  if (taken !== undefined) {
    return { faults: [{ field: taken, fault: "is set by the edge: use POST /v1/holds" }] };
  }
  return { command: result.data as Command };
}
