// Owns files that carry secrets: written whole, readable by their owner only. And the secrets of our own servers.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** A reader finds the old text or the new one, never a part. */
export function writePrivate(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** What a file says, or undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** Of our own Postgres and Redis, which every user of the machine could reach else: letters and digits, too many to guess. */
export const newPassword = (): string => randomBytes(24).toString("hex");
