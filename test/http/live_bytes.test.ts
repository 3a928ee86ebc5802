// The events' memory: what is written comes out whole, joined or alone, and holding one does not hold its piece.
import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesAt, type EventPlace, joined, LiveBytes, ownPlace } from "../../http/live_bytes.ts";
import { formatVersion } from "../../shared/version.ts";

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const eventOf = (data: string) => `event: level\ndata: ${data}\n\n`;
const levelOf = (seq: number, filler: number) =>
  `{"sku":"é${"x".repeat(filler)}","version":"${formatVersion(1, seq, 0)}","updatedAt":"…"}`;

test("any choice of events, joined in order, is their texts in order", () => {
  const events = fc.array(fc.record({ filler: fc.nat(40_000), isWanted: fc.boolean() }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(events, (list) => {
      const memory = new LiveBytes();
      const wanted: { place: EventPlace; text: string }[] = [];
      for (const [seq, { filler, isWanted }] of list.entries()) {
        const data = levelOf(seq, filler);
        const written = memory.write(Buffer.from(data));
        expect(written?.version).toBe(formatVersion(1, seq, 0));
        if (isWanted && written !== undefined) wanted.push({ place: written, text: eventOf(data) });
      }
      const places = wanted.map(({ place }) => place);
      expect(textOf(joined(places))).toBe(wanted.map(({ text }) => text).join(""));
      for (const { place, text } of wanted) expect(textOf(bytesAt(place))).toBe(text);
    }),
    { numRuns: 50 },
  );
});

test("events that stand one after the other are joined without a copy, others are copied", () => {
  const memory = new LiveBytes();
  const place = (seq: number) => memory.write(Buffer.from(levelOf(seq, 5))) as EventPlace;
  const [a, b, c] = [place(1), place(2), place(3)];
  expect(joined([a, b, c]).buffer).toBe(a.piece.buffer);
  expect(joined([a, c]).buffer).not.toBe(a.piece.buffer);
  expect(joined([])).toHaveLength(0);
});

test("what holds no version is not written, and what comes next stands in its place", () => {
  const memory = new LiveBytes();
  const first = memory.write(Buffer.from(levelOf(1, 0)));
  expect(memory.write(Buffer.from('{"sku":"a"}'))).toBeUndefined();
  expect(memory.write(Buffer.from('{"version":"0001.000"}'))).toBeUndefined();
  expect(memory.write(Buffer.alloc(0))).toBeUndefined();
  const second = memory.write(Buffer.from(levelOf(2, 0)));
  expect(second?.from).toBe(first?.to);
});

test("a place of its own holds its event only", () => {
  const memory = new LiveBytes();
  memory.write(Buffer.from(levelOf(1, 100)));
  const place = memory.write(Buffer.from(levelOf(2, 3))) as EventPlace;
  const own = ownPlace(place);
  expect(own.piece.buffer.byteLength).toBe(place.to - place.from);
  expect(textOf(bytesAt(own))).toBe(eventOf(levelOf(2, 3)));
});
