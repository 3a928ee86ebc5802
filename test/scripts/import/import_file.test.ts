// The import against a log that forgets answers, is slow, and is stopped half-way: every line counts
// once. The same on the real system is in accept.test.ts.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Cursor, NO_CURSOR, openCursor } from "../../../scripts/import/cursor.ts";
import {
  type ImportOptions,
  type ImportPorts,
  importFile,
} from "../../../scripts/import/import_file.ts";
import type { Forgotten } from "../../../scripts/import/recognised.ts";
import { Rejects } from "../../../scripts/import/rejects.ts";
import { surveyFile } from "../../../scripts/import/survey.ts";
import type { Decision } from "../../../shared/decisions.ts";
import { OnhandError } from "../../../shared/errors.ts";
import { IMPORT_IN_FLIGHT_MAX } from "../../../shared/limits.ts";
import type { Command } from "../../../shared/messages.ts";

const dir = mkdtempSync(join(tmpdir(), "onhand-import-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const of = (source: unknown = 1, reading: unknown = 1) => ({ source, reading });
let files = 0;
const path = (name: string) => join(dir, `${++files}-${name}`);

/** One shard, in memory, that knows repeats. `forget` says which answers get lost. */
function fakeLog(forget: (n: number) => boolean = () => false) {
  const first = new Map<string, Decision>();
  const sold: Command[] = [];
  let calls = 0;
  let inFlight = 0;
  let most = 0;
  const log = {
    first,
    sold,
    asked: [] as unknown[][],
    forgotten: undefined as Forgotten | undefined,
    refuse: undefined as string | undefined,
    most: () => most,
    calls: () => calls,
    ports: {
      async decide(command: Command): Promise<Decision> {
        const call = ++calls;
        most = Math.max(most, ++inFlight);
        await new Promise((resolve) => setImmediate(resolve));
        inFlight--;
        const id = command.id!;
        const identity = `${command.location} ${command.sku} ${id}`;
        const known = first.get(identity);
        if (known === undefined) {
          const refused = command.sku === log.refuse;
          const place = { epoch: 1, shard: 0, seq: first.size + 1, index: 0, at: "x" };
          const outcome = refused ? ("rejected" as const) : ("applied" as const);
          first.set(identity, {
            id,
            outcome,
            ...(refused ? { reason: "out_of_range" } : {}),
            ...place,
          });
          if (!refused) sold.push(command);
        }
        if (forget(call))
          throw new OnhandError("decision_timeout", "no answer", { retryable: true });
        if (known === undefined) return first.get(identity)!;
        return { ...known, outcome: "duplicate", first: known.outcome as "applied" };
      },
      async forgotten(commands: readonly Command[]): Promise<Forgotten | undefined> {
        log.asked.push(commands.map((one) => one.id));
        return log.forgotten;
      },
      logEnds: async () => [first.size],
      progress: async () => [{ shard: 0, committedSeq: first.size, checkpointSeq: first.size }],
    } satisfies ImportPorts,
  };
  return log;
}

function sales(count: number): string {
  const row = (i: number) => `2020-01-01T00:00:00,r${i},S${i % 7},L,${(i % 3) + 1},1.50`;
  const lines = Array.from({ length: count }, (_, i) => row(i));
  return `timestamp,invoice,sku,location,qty,unit_price\n${lines.join("\n")}\n`;
}

async function run(
  text: string,
  log: ReturnType<typeof fakeLog>,
  more: { cursor?: Cursor; signal?: AbortSignal; options?: Partial<ImportOptions> } = {},
) {
  const file = path("sales.csv");
  writeFileSync(file, text);
  const rejects = new Rejects(path("rejects.csv"));
  const options = { map: new Map(), zone: "UTC", delimiter: ",", ...more.options };
  const outcome = await importFile(
    await surveyFile(file),
    options,
    log.ports,
    rejects,
    more.cursor ?? NO_CURSOR,
    more.signal ?? new AbortController().signal,
    () => {},
  );
  rejects.close();
  return { outcome, rejects };
}

describe("importFile()", () => {
  test("sends every line once and waits for the commit", async () => {
    const log = fakeLog();
    const { outcome } = await run(sales(10_000), log);
    expect(outcome).toMatchObject({
      rows: 10_000,
      types: { sale: 10_000 },
      applied: 10_000,
      alreadyThere: 0,
      rejected: 0,
      complete: true,
    });
    expect(outcome.committedMs).toBeTypeOf("number");
    expect(log.sold).toHaveLength(10_000);
    expect(log.most()).toBeLessThanOrEqual(IMPORT_IN_FLIGHT_MAX);
  });

  test("run again it changes nothing and says so", async () => {
    const log = fakeLog();
    await run(sales(500), log);
    const { outcome } = await run(sales(500), log);
    expect(outcome).toMatchObject({ applied: 0, alreadyThere: 500, rejected: 0 });
    expect(log.sold).toHaveLength(500);
  });

  test("lines whose answer was lost are sent again, and count as this run's", async () => {
    const log = fakeLog((n) => n % 50 === 0);
    const { outcome } = await run(sales(1_000), log);
    expect(outcome).toMatchObject({ applied: 1_000, alreadyThere: 0, rejected: 0 });
    expect(outcome.sentAgain).toBeGreaterThan(10);
    expect(log.sold).toHaveLength(1_000);
  });

  test("stopped half-way, it goes on from its cursor and nothing counts twice", async () => {
    const log = fakeLog();
    const file = path("cursor.json");
    const stop = new AbortController();
    const decide = log.ports.decide;
    log.ports.decide = (command) => {
      if (log.calls() === 6_000) stop.abort();
      return decide(command);
    };
    const about = { source: 1, reading: 1 };
    const stopped = await run(sales(20_000), log, {
      cursor: openCursor(file, about),
      signal: stop.signal,
    });
    expect(stopped.outcome.complete).toBe(false);
    const cursor = openCursor(file, about);
    expect(cursor.line).toBe(stopped.outcome.decidedToLine);
    expect(cursor.line).toBeGreaterThan(6_000);
    const before = log.calls();
    const { outcome } = await run(sales(20_000), log, { cursor });
    expect(outcome).toMatchObject({ rows: 20_000, alreadyThere: cursor.line - 1, complete: true });
    expect(outcome.applied + outcome.alreadyThere).toBe(20_000);
    expect(log.calls() - before).toBe(20_000 - (cursor.line - 1));
    expect(log.sold).toHaveLength(20_000);
  });

  test("stopped while it waits for room, no cursor passes the line that was read and not sent", async () => {
    const log = fakeLog();
    const stop = new AbortController();
    const decide = log.ports.decide;
    let answer: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    log.ports.decide = async (command) => {
      if (log.calls() >= IMPORT_IN_FLIGHT_MAX - 1)
        setTimeout(() => {
          stop.abort();
          answer();
        }, 20);
      const decided = decide(command);
      await held;
      return decided;
    };
    const file = path("cursor.json");
    const { outcome } = await run(sales(10_000), log, {
      cursor: openCursor(file, of()),
      signal: stop.signal,
    });
    expect(outcome.complete).toBe(false);
    expect(log.sold).toHaveLength(IMPORT_IN_FLIGHT_MAX);
    // The header is line 1.
    expect(openCursor(file, of()).line).toBe(IMPORT_IN_FLIGHT_MAX + 1);
  });

  test("stopped while no decision comes at all, it ends after its grace and says where it stood", async () => {
    const log = fakeLog(() => true);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 400);
    const { outcome } = await run(sales(IMPORT_IN_FLIGHT_MAX + 1), log, { signal: stop.signal });
    expect(outcome).toMatchObject({ complete: false, applied: 0, decidedToLine: 1 });
    expect(log.sold).toHaveLength(IMPORT_IN_FLIGHT_MAX);
  }, 12_000);

  test("lists bad lines with their numbers and brings in the rest", async () => {
    const log = fakeLog();
    log.refuse = "S9";
    const text = `${sales(3)}2020-01-01,r,S1,L\n2020-01-01,r,S9,L,1,1\nlater,r,S1,L,1,1\n`;
    const cursorFile = path("cursor.json");
    const { outcome, rejects } = await run(text, log, { cursor: openCursor(cursorFile, of()) });
    expect(outcome).toMatchObject({ rows: 6, applied: 3, rejected: 3, complete: true });
    expect([...rejects.first].sort((a, b) => a.line - b.line)).toEqual([
      { line: 5, why: "found 4 columns, expected 6" },
      { line: 6, why: "rejected: out_of_range" },
      { line: 7, why: 'at: found "later", expected a time' },
    ]);
    expect(readFileSync(rejects.path, "utf8").trim().split("\n")).toHaveLength(4);
    // What the machine refused is told again next time: no cursor passes it.
    expect(openCursor(cursorFile, of()).line).toBe(5);
    const again = await run(text, log, { cursor: openCursor(cursorFile, of()) });
    expect(again.outcome).toMatchObject({ applied: 0, alreadyThere: 3, rejected: 3 });
  });

  test("after a run that brought nothing in, the same file may be read in another way", async () => {
    const log = fakeLog();
    const text = sales(5);
    const cursorFile = path("cursor.json");
    const wrong = { options: { currency: "JPY" }, cursor: openCursor(cursorFile, of(1, "JPY")) };
    expect((await run(text, log, wrong)).outcome).toMatchObject({ applied: 0, rejected: 5 });
    const right = { options: { currency: "GBP" }, cursor: openCursor(cursorFile, of(1, "GBP")) };
    expect((await run(text, log, right)).outcome).toMatchObject({ applied: 5, rejected: 0 });
    expect(() => openCursor(cursorFile, of(1, "JPY"))).toThrow("lines up to 6 of this file are in");
  });

  test("with an id column a second line of the same identity is told, and nothing counts twice", async () => {
    const log = fakeLog((n) => n === 2);
    const row = (bill: string, sku: string, qty = 1) => `2020-01-01T00:00,${bill},${sku},L,${qty}`;
    const lines = [row("1", "A"), row("1", "B"), row("1", "A"), row("2", "A"), row("1", "B", 5)];
    const text = `timestamp,invoice,sku,location,qty\n${lines.join("\n")}\n`;
    const options = { map: new Map([["invoice", "id"]]) };
    const cursorFile = path("cursor.json");
    const first = await run(text, log, { options, cursor: openCursor(cursorFile, of()) });
    expect(first.outcome).toMatchObject({ rows: 5, types: { sale: 3 }, applied: 3, rejected: 2 });
    const told = [
      { line: 4, why: "repeats line 2: the same id, sku and location" },
      { line: 6, why: "repeats line 3: the same id, sku and location" },
    ];
    expect(first.rejects.first).toEqual(told);
    expect(readFileSync(first.rejects.path, "utf8").trim().split("\n")).toHaveLength(3);
    expect(log.sold).toHaveLength(3);
    for (const cursor of [NO_CURSOR, openCursor(cursorFile, of())]) {
      const again = await run(text, log, { options, cursor });
      expect(again.outcome).toMatchObject({ applied: 0, alreadyThere: 3, rejected: 2 });
      expect(again.rejects.first).toEqual(told);
    }
    expect(log.sold).toHaveLength(3);
    const dry = await run(text, log, { options: { ...options, dryRun: true } });
    expect(dry.rejects.first).toEqual(told);
  });

  test.each([
    ["missing columns", "sku,qty\nA,1\n", /no column for at, location/],
    [
      "an open quote at the end",
      'at,sku,location,qty\n2020-01-01,A,L,1\n"2020',
      /Quote Not Closed/,
    ],
    ["only blank lines", "\n\n", /blank lines/],
  ])("with %s sends nothing at all", async (_name, text, message) => {
    const log = fakeLog();
    await expect(run(text, log)).rejects.toThrow(message);
    expect(log.calls()).toBe(0);
  });

  test("with lines that came in too long ago to be recognised sends nothing at all", async () => {
    const log = fakeLog();
    log.forgotten = { index: 1, at: new Date("2020-01-01T00:00:00Z") };
    const text = sales(100).replace("r0,S0,L,1", "r0,S0,L,one");
    await expect(run(text, log)).rejects.toMatchObject({
      code: "repeats_forgotten",
      message: expect.stringMatching(/line 4 came in on 2020-01-01T.* --again/),
    });
    expect(log.calls()).toBe(0);
    await run(text, log, { options: { dryRun: true } });
    log.forgotten = undefined;
    const cursor: Cursor = { line: 98, save: () => {} };
    await run(text, log, { cursor });
    const lines = log.asked.map((ids) => ids.map((id) => Number(String(id).slice(21))));
    expect(lines).toEqual([Array.from({ length: 32 }, (_, i) => i + 3), [99, 100, 101]]);
  });

  test("gives up at once on what will not mend, and says what it was", async () => {
    const log = fakeLog();
    log.ports.decide = async () => {
      throw new OnhandError("publish_denied", "not allowed");
    };
    await expect(run(sales(10), log)).rejects.toThrow(/Cannot go on with the import: not allowed/);
  });

  test("a dry run parses and sends nothing", async () => {
    const log = fakeLog();
    const { outcome, rejects } = await run(sales(9), log, { options: { dryRun: true } });
    expect(outcome).toMatchObject({ rows: 9, types: { sale: 9 }, applied: 0 });
    expect(log.calls()).toBe(0);
    expect(existsSync(rejects.path)).toBe(false);
  });
});

describe("openCursor()", () => {
  test("is void for another file or log, and when its note is broken", () => {
    const file = path("cursor.json");
    openCursor(file, of("a")).save(10);
    expect(openCursor(file, of("a")).line).toBe(10);
    expect(openCursor(file, of("b")).line).toBe(0);
    writeFileSync(file, '{"key":');
    expect(openCursor(file, of("a")).line).toBe(0);
  });
  test("refuses lines that came in read in another way", () => {
    const file = path("cursor.json");
    expect(openCursor(file, of("a", "UTC")).line).toBe(0);
    openCursor(file, of("a", "UTC")).save(10);
    expect(() => openCursor(file, of("a", "Europe/Rome"))).toThrow(
      /lines up to 10 .* other options/,
    );
    expect(openCursor(file, of("b", "Europe/Rome")).line).toBe(0);
  });
  test("never goes back", () => {
    const file = path("cursor.json");
    const cursor = openCursor(file, of());
    cursor.save(10);
    cursor.save(5);
    expect(openCursor(file, of()).line).toBe(10);
  });
});
