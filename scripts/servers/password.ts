// Owns the passwords of our own Postgres and Redis: on loopback every user of the machine could reach them else.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The password of the server that keeps its data in `dir`: letters and digits, made once, readable by its owner only. */
export function ownPassword(dir: string): string {
  const file = join(dir, "password");
  mkdirSync(dir, { recursive: true });
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, randomBytes(24).toString("hex"), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return readFileSync(file, "utf8");
}
