// What a run makes beforehand (frames, who waits for what) is garbage to collect before it starts: copied by the
// first collections of the run instead, it stopped the load, and so what was measured, for 35 to 70 ms.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Moves all that lives to where short collections do not look. */
export function settleHeap(): void {
  collect();
}
