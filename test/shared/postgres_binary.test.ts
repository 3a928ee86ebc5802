// The binary codec by itself; on a real server in postgres.test.ts.
import fc from "fast-check";
import { expect, test } from "vitest";
import { COPY_HEADER, CopyReader, CopyWriter, type PgValue } from "../../shared/postgres_binary.ts";

const PG_EPOCH_MS = Date.UTC(2000, 0, 1);

test("time() writes whole microseconds since 2000, and a reader gives back the same ms, from year 1 to 9999", () => {
  const times = fc.integer({
    min: Date.parse("0001-01-01T00:00:00Z"),
    max: Date.parse("9999-12-31T23:59:59.999Z"),
  });
  fc.assert(
    fc.property(times, (ms) => {
      const writer = new CopyWriter();
      writer.row(1);
      writer.time(ms);
      const { data } = writer.take();
      expect(data.readBigInt64BE(6)).toBe(BigInt(ms - PG_EPOCH_MS) * 1000n);
      const back: PgValue[] = [];
      const reader = new CopyReader(["timestamptz"], ([value]) => back.push(value ?? null));
      reader.push(Buffer.concat([COPY_HEADER, data]));
      expect(back).toEqual([ms]);
    }),
    {
      numRuns: 2_000,
      examples: [
        [PG_EPOCH_MS],
        [PG_EPOCH_MS - 1],
        [Date.parse("2285-06-05T23:47:34.741Z")],
        [Date.parse("9999-12-31T23:59:59.999Z")],
      ],
    },
  );
});

test("a reader gives back the texts of a column, met before or not, short or long, few or many", () => {
  const met = fc.constantFrom("", "store-1", "store-2", "Zürich", "a".repeat(32), "a".repeat(33));
  const texts = fc.oneof(met, fc.string({ maxLength: 40, unit: "grapheme" }));
  const columns = fc.array(fc.tuple(texts, fc.option(met)), { maxLength: 200 });
  fc.assert(
    fc.property(columns, (rows) => {
      expect(readBack(rows)).toEqual(rows);
    }),
  );
  // Of these a reader soon gives up to remember any.
  const many = Array.from({ length: 20_000 }, (_, i) => [`T${i % 9_999}`, "x"] as const);
  expect(readBack(many)).toEqual(many);
});

function readBack(rows: readonly (readonly [string, string | null])[]): PgValue[][] {
  const writer = new CopyWriter();
  for (const row of rows) {
    writer.row(2);
    for (const text of row) writer.value("text", text);
  }
  const back: PgValue[][] = [];
  const reader = new CopyReader(["text", "text"], (values) => back.push([...values]));
  reader.push(Buffer.concat([COPY_HEADER, writer.take().data]));
  return back;
}
