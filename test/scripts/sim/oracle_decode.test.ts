// The oracle and the machine read the same entries as commands, and the same as none.
import { describe, expect, test } from "vitest";
import { EntryDecoder, Malformed } from "../../../actors/stock/decode.ts";
import { oracleDecode } from "../../../scripts/sim/oracle_decode.ts";

const WHERE = { epoch: 0, shard: 0, shards: 1 };
const decoder = new EntryDecoder(WHERE);
const BOM = "\ufeff";
const sale = '{"type":"sale","qty":1}';
const whole = '{"type":"sale","sku":"A","location":"x","qty":1}';

describe.each([
  ["inv.log.0.0.x.A", '{"qty":-2}', "command"],
  ["inv.log.0.0.x.A", `${BOM}{"qty":-2}`, "command"],
  ["inv.log.0.0.x.A", `${BOM}${sale}`, "command"],
  ["inv.log.0.0.x.A", `${BOM}{"type":"sale","qty":1,"ref":"ß"}`, "command"],
  ["inv.log.0.0.x.A", `${BOM}${BOM}${sale}`, "malformed"],
  ["inv.log.0.0.x.A", ` ${BOM}${sale}`, "malformed"],
  ["inv.log.0.0.x.A", `${sale}${BOM}`, "malformed"],
  ["inv.log.0.0.x.A", BOM, "malformed"],
  ["inv.log.0.0.x.A", "", "malformed"],
  ["inv.log.0.0.bundle", `${BOM}[${whole}]`, "command"],
  ["inv.log.0.0.bundle", `[${BOM}${whole}]`, "malformed"],
  ["inv.log.0.0.bundle", `[${whole.replace("A", `${BOM}A`)}]`, "command"],
])("%s %j is %s", (subject, text, wanted) => {
  const payload = new TextEncoder().encode(text);
  const entry = { seq: 1, appendedAtMs: 0, subject, payload };

  test("to the machine", () => {
    const { items } = decoder.decode(entry);
    expect(items.map((item) => (item instanceof Malformed ? "malformed" : "command"))).toEqual([
      wanted,
    ]);
  });

  test("to the oracle", () => {
    const items = oracleDecode(entry, WHERE);
    expect(items.map((item) => ("malformed" in item ? "malformed" : "command"))).toEqual([wanted]);
  });
});
