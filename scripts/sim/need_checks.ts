// Owns what must hold of needs and transfers, seen from outside: from what was told (effects) and from what
// the oracle knows of levels.
//
// S14: at most one open need a key; it is restated by the next rev, and closed by an order that names it or by
// a withdrawal before another opens. At the end it asks for what is missing, and nothing is missing
// that nobody asked for.
import type { LogEntry } from "../../actors/runtime/machine.ts";
import type { AlertMessage, NeedMessage } from "../../shared/effects.ts";
import type { Checks } from "./checks.ts";
import type { Oracle } from "./oracle.ts";
import { type OracleShard, oracleDecode } from "./oracle_decode.ts";
import type { OracleKey } from "./oracle_state.ts";
import type { Replay } from "./replay.ts";
import { isPoison } from "./watched_machine.ts";

type Open = { need: string; rev: number; qty: number };

/** What was sent to a key, as far as needs are concerned. */
type History = {
  hasBackfill: boolean;
  hasQuietTime: boolean;
  /** Orders that were applied and name a need. */
  orders: { seq: number; need: string }[];
};

export function checkNeeds(
  checks: Checks,
  options: OracleShard,
  log: readonly LogEntry[],
  pure: Replay,
  oracle: Oracle,
): void {
  const histories = historiesOf(log, options, pure);
  const told = Map.groupBy(
    pure.effects.flatMap((effect) => (effect.kind === "need" ? [effect.message] : [])),
    (message) => nameOf(message),
  );
  for (const key of oracle.state.keys.values()) {
    const name = nameOf(key);
    const history = histories.get(name) ?? { hasBackfill: false, hasQuietTime: false, orders: [] };
    const open = walk(checks, name, told.get(name) ?? [], history);
    if (!history.hasBackfill && !history.hasQuietTime) checkEnd(checks, oracle, key, open);
  }
}

/** Follows what was told of a key; the need that is open at the end. */
function walk(
  checks: Checks,
  name: string,
  messages: readonly NeedMessage[],
  history: History,
): Open | undefined {
  let open: Open | undefined;
  let sinceSeq = 0;
  const isClosed = (need: string, untilSeq: number): boolean =>
    history.orders.some((one) => one.need === need && one.seq >= sinceSeq && one.seq <= untilSeq);
  for (const { need, rev, qty, seq } of messages) {
    const isSame = open?.need === need;
    checks.expect(
      open === undefined || isSame || isClosed(open.need, seq),
      () => `S14: ${name} opens ${need} at ${seq} while ${open?.need} is open`,
    );
    checks.expect(
      rev === (isSame ? (open?.rev ?? 0) + 1 : 1),
      () => `S14: ${name} tells rev ${rev} of ${need} at ${seq} after rev ${open?.rev}`,
    );
    open = qty === 0 ? undefined : { need, rev, qty };
    sinceSeq = seq;
  }
  if (open !== undefined && isClosed(open.need, Number.POSITIVE_INFINITY)) return undefined;
  return open;
}

function checkEnd(checks: Checks, oracle: Oracle, key: OracleKey, open: Open | undefined): void {
  const { plan } = key;
  const position = oracle.state.position(key);
  if (open !== undefined) {
    const wanted = (plan?.orderUpTo ?? 0) - position;
    checks.expect(
      open.qty === wanted,
      () => `S14: ${open.need} asks for ${open.qty}, missing are ${wanted}`,
    );
    return;
  }
  const isMissing =
    plan !== undefined &&
    plan.mode !== "observe" &&
    key.isSupplied &&
    position <= plan.reorderPoint &&
    plan.orderUpTo > position;
  checks.expect(
    !isMissing,
    () =>
      `${nameOf(key)} is at ${position}, reorder point ${plan?.reorderPoint}, and no need is open`,
  );
}

function historiesOf(
  log: readonly LogEntry[],
  options: OracleShard,
  pure: Replay,
): Map<string, History> {
  const histories = new Map<string, History>();
  for (const entry of log) {
    if (isPoison(entry.payload)) continue;
    for (const item of oracleDecode(entry, options)) {
      if ("malformed" in item) continue;
      const { body } = item;
      const lines = (body.lines ?? [body]) as { sku: string }[];
      // Whatever it may touch: the same SKU at any location.
      for (const sku of new Set(lines.map((line) => line.sku)))
        if (body.backfill === true || body.quietUntil !== undefined) markSku(histories, sku, body);
      historyOf(histories, nameOf(item));
    }
  }
  for (const { seq, type, outcome, extra, backfill, ...key } of pure.rows) {
    // Lines of a hold that a backfilled command ends: it names but one of them.
    if (backfill) markSku(histories, key.sku, { backfill });
    // An order that was refused closes no need.
    if (type !== "order" || outcome !== "applied") continue;
    const { need } = JSON.parse(extra ?? "{}") as { need?: string };
    if (need !== undefined) historyOf(histories, nameOf(key)).orders.push({ seq, need });
  }
  for (const [name, history] of histories) {
    const [sku] = JSON.parse(name) as [string];
    const all = histories.get(JSON.stringify([sku, "*"]));
    history.hasBackfill ||= all?.hasBackfill === true;
    history.hasQuietTime ||= all?.hasQuietTime === true;
  }
  return histories;
}

function markSku(
  histories: Map<string, History>,
  sku: string,
  body: Record<string, unknown>,
): void {
  const all = historyOf(histories, JSON.stringify([sku, "*"]));
  all.hasBackfill ||= body.backfill === true;
  all.hasQuietTime ||= body.quietUntil !== undefined;
}

function historyOf(histories: Map<string, History>, name: string): History {
  const history = histories.get(name) ?? { hasBackfill: false, hasQuietTime: false, orders: [] };
  histories.set(name, history);
  return history;
}

/** S10: shipped = arrived + in transit + told lost, for every transfer that is remembered. */
export function checkTransfers(checks: Checks, pure: Replay, oracle: Oracle): void {
  const told = new Map<string, { lost: number; atMs: number }>();
  for (const effect of pure.effects) {
    if (effect.kind !== "alert" || effect.message.kind !== "transfer_loss") continue;
    const { sku, details, at } = effect.message as AlertMessage;
    const name = JSON.stringify([sku, details?.transfer]);
    told.set(name, { lost: Number(details?.lost), atMs: Date.parse(at) });
  }
  for (const [name, transfer] of oracle.state.transfers) {
    if (!transfer.closed || transfer.isBackfilled) continue;
    const lost = transfer.shipped === 0 ? 0 : transfer.shipped - transfer.arrived;
    // One of that name may have been forgotten before.
    const last = told.get(name);
    const said = last === undefined || last.atMs < transfer.madeMs ? 0 : last.lost;
    checks.expect(lost === said, () => `S10: transfer ${name} lost ${lost}, told ${said}`);
  }
}

const nameOf = ({ sku, location }: { sku: string; location: string }): string =>
  JSON.stringify([sku, location]);
