// What the machine tells beside decisions, where what came may not be passed on as it came.
import { expect, test } from "vitest";
import { bytesOf, Fold } from "./support/fold.ts";

test("the alert of a subject that names nobody has no control characters: Postgres would refuse it", () => {
  const fold = new Fold();
  fold.entry("inv.log.0.0.L.a\u0000b\u007f", bytesOf({ qty: -1 }), fold.nowMs);
  expect(fold.decisions).toMatchObject([{ outcome: "malformed" }]);
  const alert = fold.out.effects.find((effect) => effect.kind === "alert");
  expect(alert?.message).toMatchObject({
    kind: "wrong_shard",
    details: { subject: "inv.log.0.0.L.a\\u0000b\\u007f" },
  });
  expect(JSON.stringify(alert)).not.toMatch(/(?<!\\)(\\\\)*\\u0000/);
});
