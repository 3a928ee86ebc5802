import { expect, it } from "vitest";
import { Fold } from "./support/fold.ts";

it("levelOf() tells a channel whatever its name, also after a restore", () => {
  const fold = new Fold();
  const A = { sku: "A", location: "store-1" };
  fold.send({ type: "receipt", ...A, qty: 9 });
  const channels = JSON.parse('{"__proto__":{"buffer":3},"constructor":{"closed":true}}');
  const { level } = fold.send({ type: "policy", ...A, channels });
  const atp = [
    ["default", 9],
    ["__proto__", 6],
    ["constructor", 0],
  ];
  expect(Object.entries((level as { atp: object }).atp)).toEqual(atp);
  const restored = fold.restored();
  const [key] = [...restored.keys()];
  expect(Object.entries(restored.level(key as object).atp)).toEqual(atp);
  expect(restored.digest()).toBe(fold.machine.digest());
});
