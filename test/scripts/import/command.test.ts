// `onhand import` as people call it: what it prints, and how it ends. Dry runs need no system; the
// rest is in accept.test.ts.

import { spawn } from "node:child_process";
import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

const dir = mkdtempSync(join(tmpdir(), "onhand-import-command-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const GOOD =
  "when,bill,sku,shop,pieces,price\n2020-01-01T10:00,1,A,S1,2,1.50\n2020-01-01T10:00,1,B,S1,-1,1.50\n";
const MAP = "when=at,bill=ref,shop=location,pieces=qty";

function file(name: string, content: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

function onhand(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const script = new URL("../../../scripts/onhand.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, "import", ...args], {
    env: { ...process.env, ONHAND_DATA: dir },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.once("exit", (code) => resolve({ code, out, err })));
}

describe("onhand import", () => {
  test("checks a file with a map, and sends nothing when dry", async () => {
    const { code, out } = await onhand(file("a.csv", GOOD), "--map", MAP, "--dry-run");
    expect(code).toBe(0);
    expect(out).toContain("2 rows (1 sale, 1 return)");
    expect(out).toContain("nothing was sent");
  });

  test("lists bad rows with line numbers, writes them all to a file, and exits 1", async () => {
    const bad = Array.from({ length: 30 }, () => "2020-01-01T10:00,1,A,S1,x,1").join("\n");
    const rejects = join(dir, "rejects.csv");
    const args = [
      file("b.csv", `${GOOD}${bad}\n`),
      "--map",
      MAP,
      "--dry-run",
      "--rejects",
      rejects,
    ];
    const { code, out } = await onhand(...args);
    expect(code).toBe(1);
    expect(out).toContain('line 4: qty: found "x"');
    expect(out).toContain("and 10 more");
    expect(readFileSync(rejects, "utf8").trim().split("\n")).toHaveLength(31);
    const allowed = await onhand(...args, "--allow-rejects", "--json");
    expect(allowed.code).toBe(0);
    expect(JSON.parse(allowed.out)).toMatchObject({ rows: 32, rejected: 30 });
  });

  test("never takes the file itself, by whatever name, for the list of its rejects", async () => {
    const path = file("self.csv", GOOD);
    const link = join(dir, "self-link.csv");
    linkSync(path, link);
    for (const rejects of [path, `${dir}/./self.csv`, link]) {
      const { code, err } = await onhand(path, "--map", MAP, "--dry-run", "--rejects", rejects);
      expect([code, err]).toEqual([2, expect.stringMatching(/--rejects.*the imported file/)]);
      expect(readFileSync(path, "utf8")).toBe(GOOD);
    }
  });

  test.skipIf(!existsSync("/proc/self"))(
    "a list of rejects where none can be made is told at once",
    async () => {
      const path = file("proc.csv", "timestamp\n");
      const { code, err } = await onhand(path, "--dry-run", "--rejects", "/proc/none/rejects.csv");
      expect([code, err]).toEqual([
        2,
        expect.stringMatching(/^onhand: .*--rejects.*'\/proc\/none'\n$/),
      ]);
    },
  );

  test("an earlier list of rejects stays until the file has a reject, or was read without any", async () => {
    const rejects = file("earlier.csv", "line,why\n");
    const args = (path: string) => [path, "--map", MAP, "--dry-run", "--rejects", rejects];
    expect((await onhand(...args(file("m.csv", "sku,qty\nA,1\n")))).code).toBe(2);
    expect(readFileSync(rejects, "utf8")).toBe("line,why\n");
    const bad = file("n.csv", `${GOOD}2020-01-01T10:00,1,A,S1,x,1\n`);
    expect((await onhand(...args(bad))).code).toBe(1);
    expect(readFileSync(rejects, "utf8")).toContain('4,"qty');
    expect((await onhand(...args(file("o.csv", GOOD)))).code).toBe(0);
    expect(existsSync(rejects)).toBe(false);
  });

  test("a dry run leaves what it found beside what a real one left, in the data directory", async () => {
    const data = join(dir, "other");
    const path = file("r.csv", `${GOOD}2020-01-01T10:00,1,A,S1,x,1\n`);
    const args = [path, "--map", MAP, "--dry-run", "--data", data, "--json"];
    const { rejectsFile, digest } = JSON.parse((await onhand(...args)).out) as {
      rejectsFile: string;
      digest: string;
    };
    expect(rejectsFile).toBe(join(data, "imports", `${digest.slice(0, 16)}.dry.rejects.csv`));
    const real = rejectsFile.replace(".dry", "");
    writeFileSync(real, "of a real run");
    await onhand(...args);
    expect(readFileSync(real, "utf8")).toBe("of a real run");
    expect(readFileSync(rejectsFile, "utf8")).toContain('4,"');
  });

  test.each([
    ["a file that is not there", [join(dir, "none.csv"), "--dry-run"], 1, /no such file/],
    ["missing columns", [file("c.csv", GOOD), "--dry-run"], 1, /no column for at, location, qty/],
    ["UTF-16", [file("d.csv", Buffer.from(`\ufeff${GOOD}`, "utf16le")), "--dry-run"], 1, /UTF-16/],
    ["no gzip", [file("e.csv.gz", GOOD), "--dry-run"], 1, /not gzip/],
    ["an empty file", [file("f.csv", ""), "--dry-run"], 1, /empty file/],
    ["a map that is none", [file("g.csv", GOOD), "--map", "when"], 2, /--map.*column=field/],
    ["a field that is none", [file("h.csv", GOOD), "--map", "when=time"], 2, /found field "time"/],
    ["a bad currency", [file("i.csv", GOOD), "--currency", "pounds"], 2, /--currency/],
    [
      "a bad zone",
      [file("j.csv", GOOD), "--map", MAP, "--zone", "Mars/Base", "--dry-run"],
      2,
      /--zone: found "Mars\/Base"/,
    ],
    [
      "a map of a column that is not there",
      [file("s.csv", GOOD), "--map", `${MAP},time=none`, "--dry-run"],
      2,
      /no column "time" \(of --map\); the file has when,/,
    ],
    [
      "a directory for the rejects",
      [file("t.csv", GOOD), "--map", MAP, "--dry-run", "--rejects", dir],
      2,
      /Cannot write --rejects: \S+ is a directory$/m,
    ],
    [
      "rejects beneath a file",
      [file("u.csv", GOOD), "--map", MAP, "--dry-run", "--rejects", join(dir, "u.csv", "r.csv")],
      2,
      /Cannot write --rejects: (ENOTDIR|EEXIST)/,
    ],
    ["a bad delimiter", [file("k.csv", GOOD), "--delimiter", "||"], 2, /--delimiter/],
    ["no system", [file("l.csv", GOOD), "--map", MAP], 1, /Cannot find a running system/],
  ])("says what is wrong: %s", async (_name, args, exit, message) => {
    const { code, err, out } = await onhand(...args);
    expect([code, out]).toEqual([exit, ""]);
    expect(err).toMatch(message);
    expect(
      err
        .trim()
        .split("\n")
        .filter((line) => line.startsWith("onhand:")),
    ).toHaveLength(1);
    expect(err).not.toContain("    at ");
  });
});
