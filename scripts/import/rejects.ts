// Owns the lines that could not be imported: counted, the first few kept to be shown, all of them
// written to a CSV file beside the system's data. The file is made at the first reject.

import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { IMPORT_REJECTS_SHOWN_MAX } from "../../shared/limits.ts";

export type Reject = { line: number; why: string };

export class Rejects {
  count = 0;
  readonly first: Reject[] = [];
  readonly path: string;
  #file: number | undefined;

  /** @param path where to write; what an earlier run left there is removed */
  constructor(path: string) {
    this.path = path;
    rmSync(path, { force: true });
  }

  add(line: number, why: string): void {
    this.count++;
    if (this.first.length < IMPORT_REJECTS_SHOWN_MAX) this.first.push({ line, why });
    this.#file ??= this.#open();
    writeSync(this.#file, `${line},"${why.replaceAll('"', '""')}"\n`);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): number {
    mkdirSync(dirname(this.path), { recursive: true });
    const file = openSync(this.path, "w");
    writeSync(file, "line,why\n");
    return file;
  }
}
