// Lines of one hold go together, in an order that a restore finds again.
import { expect, it } from "vitest";
import { partition } from "../../../streams/partition.ts";
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

const [HERE, THERE] = [0, 1].map((shard) => {
  for (let i = 0; ; i++) if (partition(`S${i}`, 2) === shard) return `S${i}`;
}) as [string, string];

/** One shard's part of a hold over both, sealed as held; home is the shard of HERE. */
function sealed(shard: number, ttlMs: number | null): { fold: Fold; sku: string } {
  const fold = new Fold({ shard, shards: 2 });
  const sku = shard === 0 ? HERE : THERE;
  const named = { sku, location: "store-1", hold: "h" };
  fold.send({ type: "receipt", sku, location: "store-1", qty: 9 });
  const elsewhere = shard === 0 ? { elsewhere: [{ sku: THERE, location: "store-1" }] } : {};
  const parts = { lines: [line(sku, 2)], home: HERE, ...elsewhere };
  fold.send({ type: "hold", id: "p", ...named, ...parts, ttlMs });
  expect(fold.send({ type: "seal", ...named, outcome: "held" }).outcome).toBe("applied");
  return { fold, sku };
}

it("a sealed hold replaced at home frees its lines in other shards (S20)", () => {
  const { fold, sku } = sealed(0, null);
  fold.out.effects.length = 0;
  const lines = [line(sku, 1)];
  const again = { type: "hold", sku, location: "store-1", hold: "h", lines, ttlMs: null };
  expect(fold.send(again).outcome).toBe("applied");
  const sent = fold.out.effects.filter(({ kind }) => kind === "command");
  expect(sent.map(({ message }) => (message as { commands?: unknown }).commands)).toMatchObject([
    [{ type: "release", sku: THERE, location: "store-1", hold: "h", placing: { by: "p" } }],
  ]);
});

it("a line away from home keeps its grace when its quantity is replaced", () => {
  const MINUTE = 60_000;
  const { fold, sku } = sealed(1, 10 * MINUTE);
  const again = { type: "hold", ...line(sku, 1), hold: "h", ttlMs: 10 * MINUTE };
  expect(fold.send(again)).toMatchObject({ outcome: "applied", level: { reserved: 1 } });
  expect(fold.machine.nextDueMs()).toBe(fold.nowMs + 15 * MINUTE);
});
