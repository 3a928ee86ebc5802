// Lines of one hold go together, in an order that a restore finds again.
import { expect, it } from "vitest";
import { Fold } from "./support/fold.ts";

const line = (sku: string, qty: number) => ({ sku, location: "store-1", qty });

/** A hold of A; then lines B, C and A under the same id: A's is the oldest, and stands last in the command. */
function placed(): Fold {
  const fold = new Fold();
  for (const sku of ["A", "B", "C"])
    fold.send({ type: "receipt", sku, location: "store-1", qty: 9 });
  fold.send({ type: "hold", ...line("A", 1), hold: "h", ttlMs: 60_000 });
  const lines = [line("B", 2), line("C", 1), line("A", 3)];
  fold.send({ type: "hold", sku: "B", location: "store-1", hold: "h", lines, ttlMs: 60_000 });
  return fold;
}

it.each(["extend", "release", "fulfill"])(
  "%s books the lines of a hold in the same order before and after a restore (S3)",
  (type) => {
    const [one, two] = [placed(), placed()];
    two.machine = two.restored();
    const command = { type, sku: "B", location: "-", hold: "h", id: "x" };
    const decisions = [one, two].map((fold) =>
      fold.send(type === "extend" ? { ...command, ttlMs: 90_000 } : command),
    );
    expect(decisions[0]).toMatchObject({ outcome: "applied" });
    expect(two.out.rows).toEqual(one.out.rows);
    expect(two.machine.digest()).toBe(one.machine.digest());
  },
);
