// Pure.
// First in, first out, without shifting arrays.

export class Fifo<T> {
  private items: T[] = [];
  private head = 0;
  /** Items that still stand for something, as their owner counts them. */
  live = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  push(item: T): void {
    this.items.push(item);
  }

  peek(): T | undefined {
    return this.items[this.head];
  }

  shift(): T | undefined {
    const item = this.items[this.head];
    if (item === undefined) return undefined;
    this.head += 1;
    if (this.head > 1024 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  /** Forgets all that `isWanted` does not want. */
  keep(isWanted: (item: T) => boolean): void {
    this.items = [...this].filter(isWanted);
    this.head = 0;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = this.head; i < this.items.length; i++) yield this.items[i] as T;
  }
}
