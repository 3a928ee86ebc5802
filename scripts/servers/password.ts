// Owns the passwords of our own Postgres and Redis: on loopback every user of the machine could reach them else.
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** The password kept in `file`, or undefined when there is none. */
export function keptPassword(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Letters and digits, too many to guess. */
export const newPassword = (): string => randomBytes(24).toString("hex");

/** Keeps it, readable by its owner only. */
export function keepPassword(file: string, password: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, password, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
