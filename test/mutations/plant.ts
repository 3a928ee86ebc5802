// Planting a bug: texts of the sources are replaced as they are loaded, in a process of its own. The sources
// themselves are never touched.
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

export type Patch = {
  /** Path within the repository. */
  file: string;
  /** Text that stands exactly once in the file. */
  find: string;
  replace: string;
};

export const REPO = fileURLToPath(new URL("../..", import.meta.url));
/** Environment name under which a child is told its patches, as JSON. */
export const PATCHES = "ONHAND_MUTATION_PATCHES";

/** The patches this process was told to plant. */
export function patchesToPlant(): Patch[] {
  return JSON.parse(process.env[PATCHES] ?? "[]") as Patch[];
}

/**
 * The source with the patches of its file in it.
 * @throws Error when a text does not stand there exactly once: the mutation is out of date
 */
export function planted(path: string, source: string, patches: readonly Patch[]): string {
  const file = relative(REPO, path);
  let text = source;
  for (const patch of patches) {
    if (patch.file !== file) continue;
    const places = text.split(patch.find).length - 1;
    if (places !== 1)
      throw new Error(
        `Cannot plant a bug in ${file}: its text stands there ${places} times, expected once: ${patch.find}`,
      );
    text = text.replace(patch.find, () => patch.replace);
  }
  return text;
}
