// Owns the lines that could not be imported: counted, the first few kept to be shown, all of them
// written to a CSV file beside the system's data. The file is made at the first reject: until then what an earlier
// run left there stays.

import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { describeError } from "../../shared/errors.ts";
import { IMPORT_REJECTS_SHOWN_MAX } from "../../shared/limits.ts";
import { makeDirectory } from "../make_directory.ts";

export type Reject = { line: number; why: string };

const MAY_LACK = { throwIfNoEntry: false } as const;

/** Whether both paths lead to one file; false when there is none at one of them. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { ...MAY_LACK, bigint: true }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** Why no list can be written there, or undefined. What stands there stays; only its directory is made. */
export function unwritable(path: string): string | undefined {
  try {
    const found = statSync(path, MAY_LACK);
    if (found?.isDirectory()) return `${path} is a directory`;
    if (found === undefined) makeDirectory(dirname(path));
    accessSync(found === undefined ? dirname(path) : path, constants.W_OK);
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

export class Rejects {
  count = 0;
  readonly first: Reject[] = [];
  readonly path: string;
  #file: number | undefined;

  /** @param path where to write */
  constructor(path: string) {
    this.path = path;
  }

  add(line: number, why: string): void {
    this.count++;
    if (this.first.length < IMPORT_REJECTS_SHOWN_MAX) this.first.push({ line, why });
    this.#file ??= this.#open();
    writeSync(this.#file, `${line},"${why.replaceAll('"', '""')}"\n`);
  }

  /** The whole file was read: without a reject, an earlier run's list is no longer true. */
  complete(): void {
    const isStale = this.count === 0 && lstatSync(this.path, MAY_LACK)?.isFile();
    if (isStale) rmSync(this.path, { force: true });
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): number {
    makeDirectory(dirname(this.path));
    const file = openSync(this.path, "w");
    writeSync(file, "line,why\n");
    return file;
  }
}
