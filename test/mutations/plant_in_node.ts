// Loaded before everything else (`node --import`) by a process that hunts a bug: plants it.
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { patchesToPlant, planted } from "./plant.ts";

const patches = patchesToPlant();

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.startsWith("file:") || loaded.source === undefined || loaded.source === null)
      return loaded;
    const source =
      typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source);
    return { ...loaded, source: planted(fileURLToPath(url), source, patches) };
  },
});
