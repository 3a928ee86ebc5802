// What time does in the oracle: holds expire, finished things are forgotten; and how waiting holds are filled.
import {
  DAY_MS,
  isOpen,
  type OracleHold,
  type OracleKey,
  type OracleState,
  underWay,
} from "./oracle_state.ts";

const FINISHED_HOLD_MS = 7 * DAY_MS;
const CLOSED_MS = 90 * DAY_MS;

/** Lets happen what is due by now: holds expire, in the order (due, key, id). */
export function finishDue(state: OracleState): void {
  const due = state.holds.filter(
    (hold) => hold.status === "held" && hold.expiresMs !== null && hold.expiresMs <= state.nowMs,
  );
  due.sort(
    (a, b) =>
      (a.expiresMs as number) - (b.expiresMs as number) ||
      byText(a.key.sku, b.key.sku) ||
      byText(a.key.location, b.key.location) ||
      byText(a.hold, b.hold),
  );
  for (const hold of due) {
    finish(state, hold, "expired");
    if (hold.group !== undefined) hold.group.spreadUntilMs = 0;
    fillBackorders(state, hold.key);
  }
  forget(state);
}

/** Finished holds are remembered a week, closed lines and transfers 90 days. */
function forget(state: OracleState): void {
  const { nowMs } = state;
  state.holds = state.holds.filter(
    (hold) => hold.status === "held" || hold.finishedMs + FINISHED_HOLD_MS > nowMs,
  );
  state.lines = state.lines.filter(
    ({ closedSinceMs }) => closedSinceMs === undefined || closedSinceMs + CLOSED_MS > nowMs,
  );
  for (const [name, { idleSinceMs }] of state.transfers)
    if (idleSinceMs !== undefined && idleSinceMs + CLOSED_MS <= nowMs) state.transfers.delete(name);
}

/** Notes since when lines are closed and transfers have nothing under way. */
export function noteIdle(state: OracleState): void {
  for (const line of state.lines)
    line.closedSinceMs = isOpen(line) ? undefined : (line.closedSinceMs ?? state.nowMs);
  for (const one of state.transfers.values())
    one.idleSinceMs = underWay(one) > 0 ? undefined : (one.idleSinceMs ?? state.nowMs);
}

export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function finish(
  state: OracleState,
  hold: OracleHold,
  status: "fulfilled" | "released" | "expired",
): void {
  hold.status = status;
  hold.qty = 0;
  hold.backordered = 0;
  hold.finished = state.numbers++;
  hold.finishedMs = state.nowMs;
}

/** Gives what is available to the holds that wait for it, oldest first, each up to its channel's buffer. */
export function fillBackorders(state: OracleState, key: OracleKey): void {
  const waiting = state.liveAt(key).filter((hold) => hold.backordered > 0);
  waiting.sort((a, b) => a.number - b.number);
  for (const hold of waiting) {
    const free = state.available(key) - (key.rule(hold.channel).buffer ?? 0);
    const got = Math.max(0, Math.min(free, hold.backordered));
    hold.backordered -= got;
    hold.qty += got;
  }
}
