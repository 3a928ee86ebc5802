// Owns the simulated effect streams: what the relay published, with every repeat.
import type { OutboxRow } from "../../actors/runtime/ports.ts";

export type PublishedEffect = { shard: number; row: OutboxRow };

export class SimEffects {
  readonly published: PublishedEffect[] = [];
  /** Called on each publication, repeats included. */
  onPublish: (effect: PublishedEffect) => void = () => {};

  publish(shard: number, row: OutboxRow): void {
    const effect = { shard, row: structuredClone(row) };
    this.published.push(effect);
    this.onPublish(effect);
  }
}
