import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameFault } from "../../shared/ids.ts";
import { connectNats } from "../../streams/connection.ts";
import { partition } from "../../streams/partition.ts";
import { Routes } from "../../streams/routes.ts";
import {
  alertSubject,
  bundleSubject,
  cmdSubject,
  fromToken,
  logSubject,
  parseLogSubject,
  toToken,
} from "../../streams/subjects.ts";
import { applyTopology } from "../../streams/topology.ts";
import { privateNats } from "../support/servers.ts";

const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((text) => nameFault(text) === undefined);

describe("toToken(), fromToken()", () => {
  it("are inverse for every name, and no token holds what subjects are made of", () => {
    fc.assert(
      fc.property(name, (text) => {
        const token = toToken(text);
        expect(token).toMatch(/^[^.*>\s]+$/);
        expect(fromToken(token)).toBe(text);
      }),
    );
  });

  it("fromToken() knows what is not canonical", () => {
    for (const token of ["a%2eb", "%41", "a b", "%zz", "*", "%FF", "a.b"])
      expect(fromToken(token)).toBeUndefined();
  });
});

describe("alertSubject()", () => {
  it("has no empty token when an entry told no names that could be read", () => {
    expect(alertSubject("wrong_shard", "", "")).toBe("inv.alert.wrong_shard.-.-");
    expect(alertSubject("clock", "store.3", "")).toBe("inv.alert.clock.store%2E3.-");
  });
});

describe("parseLogSubject()", () => {
  it("reads back what logSubject() and bundleSubject() write", () => {
    fc.assert(
      fc.property(name, name, fc.integer({ min: 1, max: 9999 }), fc.nat(1023), (l, s, e, n) => {
        expect(parseLogSubject(logSubject(e, n, l, s))).toEqual({
          kind: "single",
          epoch: e,
          shard: n,
          locationToken: toToken(l),
          skuToken: toToken(s),
        });
        expect(parseLogSubject(bundleSubject(e, n))).toEqual({
          kind: "bundle",
          epoch: e,
          shard: n,
        });
      }),
    );
    for (const text of ["inv.log.1.2", "inv.log.1.2.a.b.c", "inv.cmd.a.b", "inv.log.x.1.a.b"])
      expect(parseLogSubject(text)).toBeUndefined();
  });
});

describe("partition()", () => {
  it("is the hash the server's mapping uses, for names of all kinds", async () => {
    const shards = 16;
    const server = await privateNats({ shards });
    const nc = await connectNats(server.url, { name: "test" });
    try {
      await applyTopology(nc, { shards });
      const names = [
        ...fc.sample(name, { numRuns: 300, seed: 7 }),
        "a.b",
        "*",
        ">",
        " ",
        "🧵",
        "-",
      ];
      const routes = new Routes({ epoch: 1, shards });
      const used = new Set<number>();
      for (const sku of names) {
        const ack = await nc.request(cmdSubject("store-1", sku), "{}");
        const shard = partition(toToken(sku), shards);
        expect(ack.json<{ stream: string }>().stream).toBe(`STOCK-1-${shard}`);
        expect(routes.subject("store-1", sku, "log")).toBe(logSubject(1, shard, "store-1", sku));
        expect(routes.subject("store-1", sku, "cmd")).toBe(cmdSubject("store-1", sku));
        used.add(shard);
      }
      expect(used.size).toBe(shards);
    } finally {
      await nc.close();
      await server.stop();
    }
  });
});
