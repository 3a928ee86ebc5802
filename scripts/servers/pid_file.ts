// Owns pid files: who runs a server (or the whole of `onhand up`) in a data directory. They outlive
// a SIGKILL of their writer, so that the next start finds what was left behind.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { identify, isAlive, type ProcessIdentity } from "../../shared/process_identity.ts";
import { makeDirectory } from "../make_directory.ts";
import { ServerError } from "./server_error.ts";

/** What a pid file says: a process, and the port it listens on where it has one. */
export type PidRecord = ProcessIdentity & { name: string; port?: number };

/** Writes the record of a live process, whole or not at all. */
export function writePidFile(path: string, record: PidRecord): void {
  makeDirectory(dirname(path));
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(record)}\n`);
  renameSync(temporary, path);
}

/** The record of a pid file, or undefined when it is missing or torn. */
export function readPidFile(path: string): PidRecord | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Partial<PidRecord>;
    if (typeof value.pid !== "number" || typeof value.startedAt !== "string") return undefined;
    return {
      pid: value.pid,
      startedAt: value.startedAt,
      boot: value.boot ?? "",
      name: value.name ?? "?",
      ...(typeof value.port === "number" ? { port: value.port } : {}),
    };
  } catch {
    return undefined;
  }
}

/** The process of a pid file if it still lives. */
export function livingRecord(path: string): PidRecord | undefined {
  const record = readPidFile(path);
  return record && isAlive(record) ? record : undefined;
}

/** Held from `claimFile` until `release`. `rename` tells others what the holder does now. */
export type Claim = { release(): void; rename(name: string): void };

/**
 * Takes a pid file for this process: only one live process can hold it; what a dead one left is
 * taken over. Throws ServerError `already_running` naming the holder.
 */
export function claimFile(path: string, name: string, hint: string): Claim {
  makeDirectory(dirname(path));
  const self = identify(process.pid);
  if (!self) throw new ServerError("start_failed", "Cannot read this process's own identity");
  const record: PidRecord = { ...self, name };
  for (let attempt = 0; attempt < 10; attempt++) {
    if (createWhole(path, `${JSON.stringify(record)}\n`)) {
      return {
        release: () => releaseFile(path, self),
        rename: (next) => writePidFile(path, { ...self, name: next }),
      };
    }
    const holder = livingRecord(path);
    if (holder) {
      throw new ServerError(
        "already_running",
        `Cannot claim ${path}: ${holder.name} runs as process ${holder.pid}`,
        { hint, retryable: true },
      );
    }
    discardStale(path);
  }
  throw new ServerError("already_running", `Cannot claim ${path}: others keep taking it`, {
    hint,
    retryable: true,
  });
}

/** Creates a file with its content in one step (a link), so no reader sees it half written. */
function createWhole(path: string, content: string): boolean {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, content);
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function releaseFile(path: string, self: ProcessIdentity): void {
  const holder = readPidFile(path);
  if (holder && holder.pid === self.pid && holder.startedAt === self.startedAt) {
    rmSync(path, { force: true });
  }
}

/**
 * Removes a dead holder's file. It is moved aside first and looked at again: if another process
 * took over in between, its file goes back where it was.
 */
function discardStale(path: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (livingRecord(aside)) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process took over meanwhile; it is the holder now.
    }
  }
  rmSync(aside, { force: true });
}
