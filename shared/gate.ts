// Owns who may go first where only so many may go at once.

/** Lets at most `width` works run at once; the others wait in order, urgent ones before the rest. */
export class Gate {
  readonly #width: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #urgent: (() => void)[] = [];

  constructor(width: number) {
    this.#width = width;
  }

  /**
   * Runs `work` when its turn comes; resolves or rejects as it does.
   * @param work may call `leave` when only waiting is left of it: then the next one starts beside it
   */
  async run<T>(
    work: (leave: () => void) => Promise<T>,
    options: { urgent?: boolean } = {},
  ): Promise<T> {
    if (this.#running < this.#width) this.#running++;
    // Whoever leaves hands its place on.
    else
      await new Promise<void>((resolve) =>
        (options.urgent === true ? this.#urgent : this.#waiting).push(resolve),
      );
    let isInside = true;
    const leave = (): void => {
      if (!isInside) return;
      isInside = false;
      const next = this.#urgent.shift() ?? this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    };
    try {
      return await work(leave);
    } finally {
      leave();
    }
  }
}
