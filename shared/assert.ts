// Pure.
// Assertions stay on in production: a broken invariant stops the shard, which restores.

/** A broken invariant: a fault in our code or in what a store gave back, never in input. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AssertionError";
  }
}

/** @throws AssertionError with `message` (give values in it) unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** For hot code, where making the message each time would cost more than the check: throws as `assert` does. */
export function broken(message: string): never {
  throw new AssertionError(message);
}
