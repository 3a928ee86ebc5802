import { expect, test } from "vitest";
import { replyText } from "../../../actors/runtime/reply_text.ts";

const decision = (id: string) =>
  JSON.stringify({ id, outcome: "applied", level: { sku: "\u00e9" }, lines: [{ sku: "a" }] });

const whole = `[${decision("a")},${decision("b")}]`;
const wholeBytes = Buffer.byteLength(whole);

test.each([
  [1_000, ["level", "lines"]],
  [wholeBytes, ["level", "lines"]],
  [wholeBytes - 1, ["level"]],
  [90, []],
])("replyText() of two decisions within %i bytes tells of each also %j", (most, fields) => {
  const text = replyText([decision("a"), decision("b")], true, most);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(most);
  const told = JSON.parse(text) as object[];
  expect(told).toMatchObject([
    { id: "a", outcome: "applied" },
    { id: "b", outcome: "applied" },
  ]);
  for (const one of told) expect(Object.keys(one)).toEqual(["id", "outcome", ...fields]);
  const single = JSON.parse(replyText([decision("c")], false, most / 2 - 1)) as object;
  expect(single).toMatchObject({ id: "c", outcome: "applied" });
});
