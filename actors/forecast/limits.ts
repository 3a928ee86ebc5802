// Pure.
// Limits of the forecast actors' own machinery, in one place. Units last in the names.

/** Longest a refit may take before its worker is ended and the plain forecast stands in, in ms. */
export const REFIT_MS_MAX = 5_000;
/** Refits waiting for a worker; one more is refused. */
export const REFIT_QUEUE_MAX = 20_000;
/** Times a refit is tried again when its worker died under it. */
export const REFIT_RETRIES_MAX = 1;
/** Pause before a worker that died is replaced, growing with each death in a row, in ms. */
export const WORKER_RESTART_MS = 50;
export const WORKER_RESTART_MS_MAX = 5_000;
