// The decoders of the fold accept exactly what the schemas of the edges accept, with the same values.
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Command, FIRM, NO_TIME, QTY_NAMES, typeName } from "../../../actors/stock/command.ts";
import { EntryDecoder, Malformed } from "../../../actors/stock/decode.ts";
import { decodeCommand } from "../../../actors/stock/decode_command.ts";
import { NameCache } from "../../../actors/stock/name_cache.ts";
import { quickTime } from "../../../actors/stock/quick_time.ts";
import { CommandSchema } from "../../../shared/messages.ts";
import { parseTime } from "../../../shared/time.ts";
import { bytesOf } from "./support/fold.ts";
import { rawCommand } from "./support/raw_commands.ts";

const decoder = new EntryDecoder({ epoch: 0, shard: 0, shards: 1 });
const entry = (subject: string, payload: Uint8Array) => ({
  seq: 1,
  appendedAtMs: 0,
  subject,
  payload,
});
const bundle = (text: string) => decoder.decode(entry("inv.log.0.0.bundle", bytesOf(text))).items;
const single = (location: string, sku: string, body: unknown) =>
  decoder.decode(entry(`inv.log.0.0.${location}.${sku}`, bytesOf(body))).items[0];

/** As JSON gives it, by the decoder that knows every field. */
function slow(raw: unknown): Command | string {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return "no object";
  const c = new Command();
  return decodeCommand(raw, c, false) ?? c;
}

/** The fields of a command that are not in `raw`. */
function facts({ raw: _, hasMore: __, name: ___, ...c }: Command) {
  return c;
}

describe("decodeCommand()", () => {
  it("accepts what CommandSchema accepts", () => {
    fc.assert(
      fc.property(rawCommand, (raw) => {
        const json = JSON.parse(JSON.stringify(raw)) as unknown;
        const schema = CommandSchema.safeParse(json);
        const found = slow(json);
        expect(typeof found === "string" ? found : "accepted").toEqual(
          schema.success ? "accepted" : expect.not.stringMatching(/^accepted$/),
        );
      }),
      { numRuns: 1500 },
    );
  });

  it("takes the values CommandSchema takes", () => {
    fc.assert(
      fc.property(rawCommand, (raw) => {
        const json = JSON.parse(JSON.stringify(raw)) as Record<string, unknown>;
        const schema = CommandSchema.safeParse(json);
        const c = slow(json);
        if (!schema.success || typeof c === "string") return;
        const value = schema.data as Record<string, unknown>;
        const qty = QTY_NAMES[c.type] as string | undefined;
        expect({
          type: typeName(c.type),
          id: c.id ?? undefined,
          sku: c.sku,
          location: c.location,
          at: c.givenAtMs === NO_TIME ? undefined : c.givenAtMs,
          ttlMs: "ttlMs" in value ? (c.ttlMs === FIRM ? null : c.ttlMs) : undefined,
          hold: c.hold ?? undefined,
          backfill: c.backfill,
          price: c.price ?? undefined,
          qty: qty !== undefined && qty in value ? c.qty : undefined,
        }).toEqual({
          type: value.type,
          id: value.id,
          sku: value.sku,
          location: value.location,
          at: value.at === undefined ? undefined : parseTime(value.at as string),
          ttlMs: value.ttlMs,
          hold: value.hold,
          backfill: value.backfill ?? false,
          price: value.price,
          qty: qty === undefined ? undefined : value[qty],
        });
      }),
      { numRuns: 1500 },
    );
  });

  it("makes one digest of one content, whatever the order of fields and the spelling of defaults", () => {
    fc.assert(
      fc.property(rawCommand, (raw) => {
        const json = JSON.parse(JSON.stringify(raw)) as Record<string, unknown>;
        const c = slow(json);
        if (typeof c === "string") return;
        const reversed = Object.fromEntries(Object.entries(json).reverse());
        const spelt = { ...reversed, id: "other", backfill: json.backfill ?? false };
        expect((slow(spelt) as Command).digest).toBe(c.digest);
        expect(
          (slow({ ...json, ref: `${json.ref ?? ""}!`.slice(-200) }) as Command).digest,
        ).not.toBe(c.digest);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("EntryDecoder", () => {
  it("decodes fast what it decodes slowly, in bundles", () => {
    fc.assert(
      fc.property(
        fc.array(rawCommand, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (raws, spaced) => {
          const text = JSON.stringify(raws, null, spaced ? 1 : 0);
          const json = JSON.parse(text) as unknown[];
          const items = bundle(text);
          expect(items.length).toBe(json.length);
          items.forEach((item, i) => {
            const wanted = slow(json[i]);
            if (typeof wanted === "string") {
              expect(item).toBeInstanceOf(Malformed);
              if (wanted !== "no object") expect((item as Malformed).detail).toBe(wanted);
            } else {
              expect(item).toBeInstanceOf(Command);
              expect(facts(item as Command)).toEqual(facts(wanted));
            }
          });
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("decodes fast what it decodes slowly, with any bytes changed", () => {
    const command = {
      type: "hold",
      id: "c1",
      sku: "S",
      location: "L",
      hold: "h",
      qty: 12,
      ttlMs: 900,
    };
    const text = JSON.stringify([command]);
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.integer({ min: 32, max: 126 }),
        fc.boolean(),
        (at, code, insert) => {
          const changed =
            text.slice(0, at) + String.fromCharCode(code) + text.slice(insert ? at : at + 1);
          let json: unknown;
          try {
            json = JSON.parse(changed);
          } catch {
            expect(bundle(changed)[0]).toBeInstanceOf(Malformed);
            return;
          }
          if (!Array.isArray(json)) return;
          const wanted = slow(json[0]);
          const [item] = bundle(changed);
          if (typeof wanted === "string") expect(item).toBeInstanceOf(Malformed);
          else expect(facts(item as Command)).toEqual(facts(wanted));
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("takes the last of fields of one name, as JSON does", () => {
    const [item] = bundle('[{"type":"sale","sku":"S","location":"L","qty":1,"qty":2}]');
    expect((item as Command).qty).toBe(2);
  });

  it.each([
    [{ qty: -2 }, "sale", 2],
    [{ qty: 50 }, "receipt", 50],
    [{ id: "x", qty: 1 }, "receipt", 1],
    [{ sku: "SKU-1", qtyChange: -3, warehouseId: "store-3" }, "sale", 3],
    [
      {
        sku: "SKU-1",
        qtyChange: 4,
        warehouseId: "store-3",
        timestamp: "2026-01-01T00:00:00Z",
        id: "y",
      },
      "receipt",
      4,
    ],
    [{ type: "sale", qty: 2 }, "sale", 2],
    [{ type: "sale", sku: "SKU-1", location: "store-3", qty: 2 }, "sale", 2],
  ])("takes %j on the subject of a key", (body, type, qty) => {
    const item = single("store-3", "SKU-1", body) as Command;
    expect([typeName(item.type), item.qty, item.sku, item.location]).toEqual([
      type,
      qty,
      "SKU-1",
      "store-3",
    ]);
  });

  it("takes a short form and its full form for one content", () => {
    const short = single("store-3", "SKU-1", { id: "a", qty: -2 }) as Command;
    const full = single("store-3", "SKU-1", { id: "a", type: "sale", qty: 2 }) as Command;
    expect([short.digest, short.high, short.low]).toEqual([full.digest, full.high, full.low]);
  });

  it.each([
    ["", "payload: expected JSON, found nothing"],
    ["{", 'payload: expected JSON, found "{"'],
    ["[]", "payload: expected an object, found []"],
    ["7", "payload: expected an object, found 7"],
    ["null", "payload: expected an object, found null"],
    ["{}", "type: expected, found nothing"],
    ['{"qty":0}', "qty: expected a whole number other than 0, found 0"],
    ['{"qty":1.5}', "qty: expected a whole number of at least 1, at most 2^50, found 1.5"],
    ['{"qty":-1e300}', "qty: expected a whole number of at least 1, at most 2^50, found 1e+300"],
    ['{"qty":"2"}', 'qty: expected a whole number other than 0, found "2"'],
    ['{"qty":2,"colour":"red"}', "colour: unknown field"],
    ['{"type":"sale"}', "qty: expected, found nothing"],
    [
      '{"type":"sale","qty":-2}',
      "qty: expected a whole number of at least 1, at most 2^50, found -2",
    ],
    ['{"type":"steal","qty":2}', 'type: expected a type of command, found "steal"'],
    ['{"type":"sale","qty":2,"location":"B"}', 'location: "B" contradicts the subject, "store-3"'],
    ['{"type":"sale","qty":2,"sku":"B"}', 'sku: "B" contradicts the subject, "SKU-1"'],
    [
      '{"sku":"B","qtyChange":1,"warehouseId":"store-3"}',
      'sku: "B" contradicts the subject, "SKU-1"',
    ],
    [
      '{"sku":"SKU-1","qtyChange":1,"warehouseId":"B"}',
      'warehouseId: "B" contradicts the subject, "store-3"',
    ],
    [
      '{"sku":"SKU-1","qtyChange":1,"warehouseId":"store-3","timestamp":"soon"}',
      'timestamp: expected RFC 3339 with an offset, found "soon"',
    ],
    ['{"type":"tick"}', "type: tick is valid only in bundles"],
    ['{"type":"policy"}', "type: policy is valid only in bundles"],
    [
      '{"type":"hold","hold":"h","lines":[{"sku":"SKU-1","qty":1}],"ttlMs":1}',
      "lines: valid only in bundles",
    ],
    [
      `{"type":"sale","qty":2,"id":"${"x".repeat(129)}"}`,
      "id: expected 1 to 128 characters, found 129",
    ],
    [
      '{"type":"sale","qty":2,"at":"2026-01-01"}',
      'at: expected RFC 3339 with an offset, found "2026-01-01"',
    ],
  ])("refuses %s on the subject of a key", (body, detail) => {
    const item = single("store-3", "SKU-1", body) as Malformed;
    expect(item).toBeInstanceOf(Malformed);
    expect([item.detail, item.sku, item.location]).toEqual([detail, "SKU-1", "store-3"]);
  });

  it.each([
    ["a%2eb", "store-3"],
    ["caf%C3%A9", "a.b"],
    ["%zz", "x"],
    ["sku%00", "x"],
    ["x".repeat(201), "x"],
  ])("refuses the SKU token %s", (sku, location) => {
    const { items } = decoder.decode(entry(`inv.log.0.0.${location}.${sku}`, bytesOf({ qty: 1 })));
    expect(items[0]).toBeInstanceOf(Malformed);
  });

  it.each(["a b", "a.b", "a*b", "naïve", "😀", "'()!~", "100%", "x".repeat(200)])(
    "takes the SKU %j",
    (sku) => {
      const token = encodeURIComponent(sku).replaceAll(".", "%2E").replaceAll("*", "%2A");
      expect((single("store-3", token, { qty: 1 }) as Command).sku).toBe(sku);
    },
  );

  it("refuses a SKU of another shard, alone and in a bundle", () => {
    const other = new EntryDecoder({ epoch: 0, shard: 3, shards: 8 });
    const skus = Array.from({ length: 40 }, (_, i) => `SKU-${i}`);
    const alone = skus.map(
      (sku) => other.decode(entry(`inv.log.0.3.A.${sku}`, bytesOf({ qty: 1 }))).items[0],
    );
    const bodies = skus.map((sku) => ({ type: "sale", sku, location: "A", qty: 1 }));
    const together = other.decode(entry("inv.log.0.3.bundle", bytesOf(bodies))).items;
    const kinds = alone.map((item) => item instanceof Malformed && item.alert === "wrong_shard");
    expect(
      together.map((item) => item instanceof Malformed && item.alert === "wrong_shard"),
    ).toEqual(kinds);
    expect(kinds.filter((isWrong) => !isWrong).length).toBeGreaterThan(0);
    expect(kinds.filter((isWrong) => isWrong).length).toBeGreaterThan(20);
  });

  it("refuses a bundle that is no list of 1 to 256, as one", () => {
    const sale = { type: "sale", sku: "S", location: "L", qty: 1 };
    expect(bundle("[]").length).toBe(1);
    expect((bundle("{}")[0] as Malformed).detail).toBe(
      "payload: expected a list of commands, found {}",
    );
    expect(bundle(JSON.stringify(new Array(256).fill(sale))).length).toBe(256);
    const many = bundle(JSON.stringify(new Array(257).fill(sale)));
    expect((many[0] as Malformed).detail).toBe("payload: expected 1 to 256 commands, found 257");
    expect(many.length).toBe(1);
  });

  it("refuses bytes that are no UTF-8, and more than a MiB", () => {
    const { items } = decoder.decode(entry("inv.log.0.0.bundle", new Uint8Array([91, 0xff, 93])));
    expect((items[0] as Malformed).detail).toBe("payload: expected UTF-8");
    const long = decoder.decode(entry("inv.log.0.0.A.B", new Uint8Array(1_048_577).fill(32)));
    expect((long.items[0] as Malformed).detail).toMatch(/at most 1048576 bytes/);
  });
});

describe("Command", () => {
  it("is as new after reset()", () => {
    const text = JSON.stringify([
      {
        type: "hold",
        sku: "S",
        location: "L",
        id: "c",
        hold: "h",
        qty: 1,
        ttlMs: 9,
        at: "2026-01-01T00:00:00Z",
        channel: "web",
        ref: "r",
        price: 1,
        cost: 2,
        currency: "EUR",
        backfill: true,
      },
    ]);
    const [c] = bundle(text) as Command[];
    expect(c).not.toEqual(new Command());
    c?.reset();
    expect(c).toEqual(new Command());
  });
});

describe("quickTime()", () => {
  it("is parseTime()", () => {
    const near = fc
      .integer({ min: 0, max: 4_102_444_800_000 })
      .map((ms) => new Date(ms).toISOString());
    const digits = fc.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
    fc.assert(
      fc.property(fc.oneof(near, digits, fc.string({ maxLength: 25 })), (text) => {
        expect(quickTime(text)).toBe(parseTime(text));
      }),
      { numRuns: 1500 },
    );
  });
});

describe("EntryDecoder on JSON that is nested deeply", () => {
  const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

  it.each([10, 1_000, 20_000, 100_000])(
    "%i levels: malformed with the field, whatever the stack",
    (depth) => {
      const found = single("L", "A", `{"qty":${deep(depth)}}`);
      expect(found).toBeInstanceOf(Malformed);
      expect((found as Malformed).detail).toMatch(
        /^qty: expected .* found \[\[\["\(deeper\)"\]\]\]$/,
      );
    },
  );

  it("the rest of a bundle goes on", () => {
    const sale = '{"type":"sale","id":"a","sku":"A","location":"L","qty":1}';
    const broken = `{"type":"sale","id":"b","sku":"A","location":"L","qty":${deep(100_000)}}`;
    const items = bundle(`[${sale},${broken}]`);
    expect(items[0]).toBeInstanceOf(Command);
    expect(items[1]).toBeInstanceOf(Malformed);
  });
});

describe("ids that the log gives itself", () => {
  it("are no client's: the next command without one would be taken for a repeat", () => {
    const detail = "id: expected another id: the log gives such ones to commands without";
    for (const id of ["@1.0.2811.0", "@0.0.1.0"]) {
      expect(single("L", "A", { type: "sale", id, qty: 1 })).toMatchObject({ detail });
      expect(
        bundle(`[{"type":"sale","id":"${id}","sku":"A","location":"L","qty":1}]`)[0],
      ).toMatchObject({ detail });
      expect(
        CommandSchema.safeParse({ type: "sale", id, sku: "A", location: "L", qty: 1 }).success,
      ).toBe(false);
    }
    for (const id of ["@1.0.2811.0.7", "@me", "a@1.0.2811.0"]) {
      expect(single("L", "A", { type: "sale", id, qty: 1 })).toBeInstanceOf(Command);
      // Who names such a command may: to void it, or to say which one placed a hold.
      expect(
        single("L", "A", { type: "void", id: "v", of: "@1.0.2811.0", reason: "x" }),
      ).toBeInstanceOf(Command);
    }
  });
});

describe("the cache of names", () => {
  it("keeps none that is too long for a name: each would hold as much as an entry may", () => {
    const kept = vi.spyOn(NameCache.prototype, "get");
    for (const field of ["sku", "location", "channel"]) {
      const names = { sku: "A", location: "L", channel: "pos" };
      for (const [length, is] of [
        [200, Command],
        [201, Malformed],
        [500_000, Malformed],
      ] as const) {
        kept.mockClear();
        const command = { type: "sale", qty: 1, ...names, [field]: "x".repeat(length) };
        expect(bundle(JSON.stringify([command]))[0]).toBeInstanceOf(is);
        const lengths = kept.mock.results.map(({ value }) => value.text.length);
        expect(Math.max(0, ...lengths)).toBeLessThanOrEqual(200);
      }
    }
    kept.mockRestore();
  });
});
