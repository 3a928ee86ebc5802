// Voids and identities that are used again once the identity days are over.
import { describe, expect, it } from "vitest";
import { Fold } from "./support/fold.ts";

const A = { sku: "A", location: "store-1" };
const DAY_MS = 86_400_000;
const sale = { type: "sale", ...A, id: "x", qty: 2 };
const undo = (id: string) => ({ type: "void", ...A, id, of: "x", reason: "mistake" });

/** `x` is sold, and undone or not; three days later, with identities kept for two, it is sold again. */
function soldAgain(recentIdsMax: number, isUndone: boolean): Fold {
  const fold = new Fold({ identityDays: 2, recentIdsMax });
  fold.send(sale);
  if (isUndone) fold.send(undo("u1"));
  fold.checkpoint();
  expect(fold.send(sale, fold.nowMs + 3 * DAY_MS).outcome).toBe("applied");
  return fold;
}

describe.each([[1_000], [1], [0]])("void, with %i identities in memory", (recentIdsMax) => {
  it.each([[true], [false]])("undoes the last use of an id (the one before undone: %s)", (was) => {
    const fold = soldAgain(recentIdsMax, was);
    expect(fold.send(undo("u2"))).toMatchObject({ outcome: "applied" });
    expect(fold.send(undo("u3"))).toMatchObject({ reason: "unknown_command" });
    expect(fold.level("A", "store-1").sellable).toBe(was ? 0 : -2);
  });

  it("finds the last use of an id after a restore too", () => {
    const fold = soldAgain(recentIdsMax, true);
    fold.machine = fold.restored();
    expect(fold.send(undo("u2"))).toMatchObject({ outcome: "applied" });
  });

  it("does not find an id whose only use is too old", () => {
    const fold = new Fold({ identityDays: 2, recentIdsMax });
    fold.send(sale);
    expect(fold.send(undo("u1"), fold.nowMs + 2 * DAY_MS)).toMatchObject({
      reason: "unknown_command",
    });
  });
});
