// Owns making directories. Node's own recursive mkdir never ends where a directory cannot be made and the system says
// that its parent is missing, which is there: as below /proc.

import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Makes a directory with those above it, where they are missing. @throws what the system says */
export function makeDirectory(path: string, options: { mode?: number } = {}): void {
  if (isDirectory(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent, options);
  try {
    mkdirSync(path, options);
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (!isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
