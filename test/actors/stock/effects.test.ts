// What the machine tells beside decisions, where what came may not be passed on as it came.
import { expect, test } from "vitest";
import type { DeadLetter } from "../../../shared/effects.ts";
import { bytesOf, Fold } from "./support/fold.ts";

test("a dead letter has its payload whole, a byte order mark before it too", () => {
  const fold = new Fold();
  const payload = new TextEncoder().encode('\ufeff{"qty":1.5}');
  fold.entry("inv.log.0.0.L.A", payload, fold.nowMs);
  const dead = fold.out.effects.find((effect) => effect.kind === "dead");
  const { payload: text, payloadBytes } = dead!.message as DeadLetter;
  expect(text).toBe('\ufeff{"qty":1.5}');
  expect(payloadBytes).toBe(payload.byteLength);
});

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
