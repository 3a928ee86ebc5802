import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { millisOf, nanosecondsOf, nanosecondsText, parseDelivery } from "../../streams/delivery.ts";

const parse = (reply: string) => parseDelivery(new TextEncoder().encode(reply));

describe("parseDelivery()", () => {
  const parsed = {
    seq: 12,
    consumerSeq: 3,
    appendedAtMs: 1795409841280,
    nanos: 123456,
    pending: 7,
  };

  it("reads nine tokens, and eleven or twelve with domain and account", () => {
    const tail = "S.C.1.12.3.1795409841280123456.7";
    expect(parse(`$JS.ACK.${tail}`)).toEqual(parsed);
    expect(parse(`$JS.ACK.hub.ACCHASH.${tail}`)).toEqual(parsed);
    expect(parse(`$JS.ACK._.ACCHASH.${tail}.token`)).toEqual(parsed);
  });

  it("knows what is no delivery", () => {
    for (const reply of [
      "",
      "_INBOX.a.1",
      "$JS.ACK.S.C.1",
      "$JS.ACK.S.C.1.x.3.4.5",
      "$JS.ACK.S.C.1..3.4.5",
      "$JS.ACK.a.S.C.1.2.3.4.5",
    ])
      expect(parse(reply)).toBeUndefined();
  });
});

describe("millisOf(), nanosecondsOf()", () => {
  it("agree on every time, however many decimals the server leaves out", () => {
    expect(millisOf("1795409841280123456")).toBe(1795409841280);
    expect(nanosecondsOf("2026-11-23T04:57:21.280123456Z")).toBe("1795409841280123456");
    expect(nanosecondsOf("2026-11-23T04:57:21Z")).toBe("1795409841000000000");
    expect(nanosecondsOf("2026-11-23T05:57:21.5+01:00")).toBe("1795409841500000000");
    expect(nanosecondsOf("0001-01-01")).toBe("");
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000_000_000, max: 4_000_000_000 }),
        fc.nat(999_999_999),
        (seconds, nanos) => {
          const decimals = String(nanos).padStart(9, "0");
          const date = new Date(seconds * 1000).toISOString().slice(0, 19);
          const text = `${date}.${decimals}`.replace(/\.?0+$/, "");
          const full = /\.\d+$/.test(text) ? text : date;
          expect(nanosecondsOf(`${full}Z`)).toBe(`${seconds}${decimals}`);
          const delivery = parse(`$JS.ACK.S.C.1.2.3.${seconds}${decimals}.5`);
          const { appendedAtMs = -1, nanos: beyond = -1 } = delivery ?? {};
          expect(nanosecondsText(appendedAtMs, beyond)).toBe(`${seconds}${decimals}`);
          expect(millisOf(`${seconds}${decimals}`)).toBe(seconds * 1000 + Math.floor(nanos / 1e6));
        },
      ),
    );
  });
});
