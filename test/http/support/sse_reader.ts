// A reader of server-sent events for tests: collects events, tells the last id, can be cut.

export type SseEvent = { event: string; data: unknown; id: string };

export class SseReader {
  readonly events: SseEvent[] = [];
  lastId = "";
  #aborter = new AbortController();
  #wake: () => void = () => {};
  #done = false;

  static async open(url: string, headers: Record<string, string> = {}): Promise<SseReader> {
    const reader = new SseReader();
    const response = await fetch(url, { headers, signal: reader.#aborter.signal });
    if (response.status !== 200 || response.body === null) {
      throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
    }
    void reader.#read(response.body).catch(() => {});
    return reader;
  }

  /** Levels seen so far, in order. */
  get levels(): { sku: string; location: string; version: string; available: number }[] {
    return this.events.filter((one) => one.event === "level").map((one) => one.data) as never;
  }

  get ended(): boolean {
    return this.#done;
  }

  /** Waits until `condition` holds of what was read. */
  async until(condition: (reader: SseReader) => boolean, timeoutMs = 5_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!condition(this)) {
      if (performance.now() > end) {
        throw new Error(
          `not within ${timeoutMs} ms; read ${JSON.stringify(this.events.slice(-5))}`,
        );
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 20);
      });
    }
  }

  close(): void {
    this.#aborter.abort();
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body) {
        rest += decoder.decode(chunk, { stream: true });
        const blocks = rest.split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.#take(block);
        this.#wake();
      }
    } finally {
      this.#done = true;
      this.#wake();
    }
  }

  #take(block: string): void {
    let event = "message";
    let data: string | undefined;
    for (const line of block.split("\n")) {
      if (line.startsWith("id: ")) this.lastId = line.slice(4);
      else if (line.startsWith("event: ")) event = line.slice(7);
      else if (line.startsWith("data: ")) data = line.slice(6);
    }
    if (data !== undefined) this.events.push({ event, data: JSON.parse(data), id: this.lastId });
  }
}
