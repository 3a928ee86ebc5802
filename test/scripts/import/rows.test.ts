// Whole files: line numbers, quotes, encodings, and what is refused before anything is sent.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { type Row, readRows, requireReadable } from "../../../scripts/import/rows.ts";
import { requireUnchanged, surveyFile } from "../../../scripts/import/survey.ts";

const dir = mkdtempSync(join(tmpdir(), "onhand-rows-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let files = 0;
function file(content: string | Buffer, name = "f.csv"): string {
  const path = join(dir, `${++files}-${name}`);
  writeFileSync(path, content);
  return path;
}

async function rowsOf(path: string): Promise<Row[]> {
  const survey = await surveyFile(path);
  await requireReadable(survey, ",");
  const all: Row[] = [];
  for await (const batch of readRows(survey, ",")) all.push(...batch);
  return all;
}

describe("surveyFile()", () => {
  test("gives the same digest for a file and its gzip", async () => {
    const text = "a,b\n1,2\n";
    const plain = await surveyFile(file(text));
    const packed = await surveyFile(file(gzipSync(text), "f.csv.gz"));
    expect(packed.digest).toBe(plain.digest);
    expect([plain.gzip, packed.gzip, plain.lines, plain.bytes]).toEqual([false, true, 2, 8]);
  });
  test.each([
    ["a file that is not there", join(dir, "none.csv"), /no such file/],
    ["a directory", dir, /no regular file/],
    ["an empty file", file(""), /empty file/],
    ["an empty gzip", file(gzipSync(""), "f.csv.gz"), /empty file/],
    ["plain text named .gz", file("a,b\n", "f.csv.gz"), /not gzip/],
    ["a cut gzip", file(gzipSync("a,b\n".repeat(9999)).subarray(0, 60), "f.gz"), /unexpected end/],
    ["UTF-16", file(Buffer.from("\ufeffa,b\n1,2\n", "utf16le")), /UTF-16/],
    ["UTF-16 without a mark", file(Buffer.from("a,b\n1,2\n", "utf16le")), /NUL/],
    ["lines ended by CR alone", file("a,b\r1,2\r"), /CR alone.*tr '\\r' '\\n'/],
    ["the same with quotes", file('a,b\r1,"2"\r'), /CR alone/],
    ["a spreadsheet", file(Buffer.from("PK\u0003\u0004rest")), /zip archive/],
  ])("refuses %s", async (_name, path, message) => {
    await expect(surveyFile(path)).rejects.toThrow(message);
  });
  test("a file that changes afterwards is told", async () => {
    const path = file("a,b\n1,2\n");
    const survey = await surveyFile(path);
    await requireUnchanged(survey);
    writeFileSync(path, "a,b\n1,2\n3,4\n");
    await expect(requireUnchanged(survey)).rejects.toThrow(/changed/);
  });
});

describe("readRows()", () => {
  test("numbers lines, skips blank ones, takes CRLF, a mark and a missing last line end", async () => {
    expect(await rowsOf(file("\ufeffa,b\r\n1,2\r\n\r\n3,4"))).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, cells: ["1", "2"] },
      { line: 4, cells: ["3", "4"] },
    ]);
  });
  test("takes quotes; a record over two lines counts by its first", async () => {
    expect(await rowsOf(file('a,b\n"x, ""y""",2\n"two\nlines",3\n\n5,6\n'))).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, cells: ['x, "y"', "2"] },
      { line: 3, cells: ["two\nlines", "3"] },
      { line: 6, cells: ["5", "6"] },
    ]);
  });
  test.each([
    ["LF", "\n", "\n", "\n"],
    ["CRLF", "\r\n", "\r\n", "\r\n"],
    ["a header in LF, rows in CRLF", "\n", "\r\n", "\r\n"],
    ["a header in CRLF, rows in LF", "\r\n", "\n", "\n"],
    ["CRLF within a record, LF after it", "\n", "\n", "\r\n"],
  ])("counts the lines of a quoted file with %s", async (_name, head, end, inner) => {
    const text = `\ufeffa,b${head}1,"two${inner}lines"${end}${end}3,4${end}"x${inner}y${inner}",5${end}6,7`;
    expect(await rowsOf(file(text))).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, cells: ["1", `two${inner}lines`] },
      { line: 5, cells: ["3", "4"] },
      { line: 6, cells: [`x${inner}y${inner}`, "5"] },
      { line: 9, cells: ["6", "7"] },
    ]);
  });
  test("counts the lines of a quoted file over many chunks", async () => {
    const record = (i: number) =>
      `"${i}\r\n",${"é".repeat(i % 50)}\r\n${i % 3 === 0 ? "\r\n" : ""}`;
    const text = Array.from({ length: 30_000 }, (_, i) => record(i)).join("");
    const rows = await rowsOf(file(gzipSync(text), "f.gz"));
    let line = 1;
    for (const [i, row] of rows.entries()) {
      if (row.line !== line) expect({ i, line: row.line }).toEqual({ i, line });
      line += i % 3 === 0 ? 3 : 2;
    }
    expect(rows).toHaveLength(30_000);
  });
  test("a stray quote inside a field is text", async () => {
    expect((await rowsOf(file('a,b\nruler 12",2\n')))[1]).toEqual({
      line: 2,
      cells: ['ruler 12"', "2"],
    });
  });
  test("a quote that is never closed is refused before anything is read for sending", async () => {
    const survey = await surveyFile(file('a,b\r\n1,"2\r\n"\r\n3,"4\r\n5,6\r\n'));
    await expect(requireReadable(survey, ",")).rejects.toThrow(/line 4: Quote Not Closed/);
  });
  test.each([["a,b\n1,2\n\xff,4\n5,é\n"], ['"a",b\n1,2\n\xff,4\n5,é\n']])(
    "tells which line is not UTF-8 (%j)",
    async (text) => {
      const bytes = Buffer.concat(
        [...text].map((c) => (c === "\xff" ? Buffer.from([0xff]) : Buffer.from(c))),
      );
      expect(await rowsOf(file(bytes))).toEqual([
        { line: 1, cells: ["a", "b"] },
        { line: 2, cells: ["1", "2"] },
        { line: 3, fault: expect.stringContaining("not UTF-8") },
        { line: 4, cells: ["5", "é"] },
      ]);
    },
  );
  test("a line beyond the limit is an error, not a full memory", async () => {
    await expect(rowsOf(file(`a,b\n${"x".repeat(1_000_000)}`))).rejects.toThrow(/line 2 is over/);
  });
  test("lines across chunks come out whole", async () => {
    const line = (i: number) => `${i},${"é".repeat(i % 50)}`;
    const text = Array.from({ length: 60_000 }, (_, i) => line(i)).join("\n");
    const rows = await rowsOf(file(gzipSync(`${text}\n`), "f.gz"));
    expect(rows).toHaveLength(60_000);
    expect(rows.findIndex((r, i) => !("cells" in r) || r.cells.join(",") !== line(i))).toBe(-1);
    expect(rows.findIndex((r, i) => r.line !== i + 1)).toBe(-1);
  });
});
