// Owns the simulated Redis: levels by key, set if newer, and a watermark per shard.
//
// R1. A level is replaced only by one of a higher version (S18); watermarks only rise.
// R2. The content may go (`lose`), as a Redis without persistence loses it.
import type { LevelWrite } from "../../actors/runtime/ports.ts";

export class SimRegistry {
  /** Called when a level takes the place of another. */
  onReplaced: (before: LevelWrite, after: LevelWrite) => void = () => {};
  readonly levels = new Map<string, LevelWrite>();
  readonly watermarks = new Map<number, number>();

  /** @returns the watermark that stood there before */
  write(
    shard: number,
    levels: readonly LevelWrite[],
    watermark: number | undefined,
    standing: number,
  ): number {
    for (const level of levels) {
      const key = `${level.skuToken} ${level.locationToken}`;
      const before = this.levels.get(key);
      if (before !== undefined && before.version >= level.version) continue;
      if (before !== undefined) this.onReplaced(before, level);
      this.levels.set(key, { ...level });
    }
    const before = this.watermarks.get(shard) ?? 0;
    if (watermark !== undefined && before >= standing && watermark > before)
      this.watermarks.set(shard, watermark);
    return before;
  }

  lose(): void {
    this.levels.clear();
    this.watermarks.clear();
  }
}
