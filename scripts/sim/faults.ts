// Pure.
// What can go wrong in the simulation, which of it is on, and how often it did.

/** Faults that can be switched on by name (`onhand sim --faults`). */
export const FAULTS = [
  "crash", // a process dies at any await and is started again by restore
  "freeze", // a process stands still past its lease and wakes as a zombie
  "lease", // the lease says two owners, or none
  "store", // Postgres away, slow, crashing before or after a commit, losing the answer
  "registry", // Redis away, losing answers, losing its content
  "log", // readers cut, with gaps and repeats; publish acks lost or late
  "clock", // append times that jump back and forth
  "effects", // effect streams away, acks lost
  "client", // resends at once and much later, edges that die between steps
  "input", // malformed entries
  "poison", // an entry that makes apply throw
  "power", // the log loses its acknowledged tail, or is cut or replaced
] as const;
export type Fault = (typeof FAULTS)[number];

/** On unless told otherwise: all but power loss, which ends with a halted shard by design. */
export const FAULTS_DEFAULT: readonly Fault[] = FAULTS.filter((fault) => fault !== "power");

/** Counts what was injected, by kind. */
export class FaultLog {
  readonly counts = new Map<string, number>();

  count(kind: string, by = 1): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + by);
  }
}
