// Owns the small client for tills, storefronts and other programs that write the stock of one place.
// It needs an address and a login, no shard count: the server's mapping finds the shard.
//
//     const till = await StockClient.connect("nats://till-3:secret@nats.example", {
//       location: "store-3",
//       channel: "pos",
//     });
//     await till.sale({ sku: "SKU-1094-MD", qty: 2, ref: "receipt-77" });      // stored for good
//     const answer = await till.decide({ type: "hold", hold: "cart-9", sku, qty: 1, ttlMs: 600_000 },
//       { deadlineMs: 500 });                                                  // and decided
//     const stop = till.onLevel((level) => show(level.sku, level.atp));
//     await till.close();
//
// C1. A fact is stamped with the time of the call (`at`), so a sale made while NATS is away counts
//     for the moment it was made.
// C2. While NATS is away calls wait in memory: 10,000 at most, one more fails with `publisher_full`; what
//     could not be sent within an hour fails with `publish_not_sent`. A till that must not lose them
//     in a crash keeps its own journal and sends again under the same ids.
// C3. Commands of one SKU keep their order; each has an id before it is first sent.

import type { Decision, Level } from "../shared/decisions.ts";
import type { Command, CommandType } from "../shared/messages.ts";
import { type ConnectOptions, connectNats, type NatsConnection } from "./connection.ts";
import { createPublisher, type Pending, type Publisher, type Stored } from "./publisher.ts";
import { toToken } from "./subjects.ts";

export type StockClientOptions = Partial<ConnectOptions> & {
  /** The place this client writes for, unless a command names another it may write for. */
  location: string;
  /** Put on commands that name none. */
  channel?: string;
};

/** A command as a client writes it: the location may be left out, bundles are not for clients. */
type Written<C> = C extends { lines: unknown }
  ? never
  : C extends Command
    ? Omit<C, "location"> & { location?: string }
    : never;
export type ClientCommand = Written<Command>;
type Fields<T extends CommandType> = Omit<Extract<ClientCommand, { type: T }>, "type">;

const CALLS_MAX = 10_000;
const GIVE_UP_MS = 3_600_000;

export class StockClient {
  readonly location: string;
  readonly #channel: string | undefined;
  readonly #nc: NatsConnection;
  readonly #publisher: Publisher;

  private constructor(nc: NatsConnection, options: StockClientOptions) {
    this.#nc = nc;
    this.location = options.location;
    this.#channel = options.channel;
    this.#publisher = createPublisher(nc, {
      epoch: 0,
      shards: 1,
      mode: "single",
      via: "cmd",
      commandsMax: CALLS_MAX,
      callsMax: CALLS_MAX,
      giveUpMs: GIVE_UP_MS,
    });
  }

  /** @throws OnhandError `nats_unreachable` or `nats_unauthorized`. */
  static async connect(url: string, options: StockClientOptions): Promise<StockClient> {
    const name = options.name ?? `till ${options.location}`;
    return new StockClient(await connectNats(url, { ...options, name }), options);
  }

  /** Stores a command; it is decided soon after. @throws PublishError. */
  send(command: ClientCommand): Promise<Stored> {
    return this.#publisher.post(this.#complete(command));
  }

  /** Stores a command and waits for its decision. @throws PublishError. */
  decide(command: ClientCommand): Promise<Decision>;
  /** The same; `{ status: "pending", id }` when the deadline passes and it is or may be stored. */
  decide(command: ClientCommand, options: { deadlineMs: number }): Promise<Decision | Pending>;
  decide(command: ClientCommand, options?: { deadlineMs: number }): Promise<Decision | Pending> {
    const complete = this.#complete(command);
    return options === undefined
      ? this.#publisher.decide(complete)
      : this.#publisher.decide(complete, options);
  }

  sale(fields: Fields<"sale">): Promise<Stored> {
    return this.send({ type: "sale", ...fields });
  }
  return(fields: Fields<"return">): Promise<Stored> {
    return this.send({ type: "return", ...fields });
  }
  receipt(fields: Fields<"receipt">): Promise<Stored> {
    return this.send({ type: "receipt", ...fields });
  }
  adjust(fields: Fields<"adjust">): Promise<Stored> {
    return this.send({ type: "adjust", ...fields });
  }
  count(fields: Fields<"count">): Promise<Stored> {
    return this.send({ type: "count", ...fields });
  }

  /** Calls `listener` with each new level of `location` (default ours; `*` for all), until stopped. */
  onLevel(listener: (level: Level) => void, location: string = this.location): () => void {
    const token = location === "*" ? "*" : toToken(location);
    const subscription = this.#nc.subscribe(`inv.level.${token}.*`, {
      callback: (error, message) => {
        if (error === null) listener(message.json<Level>());
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Waits up to `timeoutMs` for what is under way, then disconnects. */
  async close(timeoutMs?: number): Promise<void> {
    await this.#publisher.close(timeoutMs);
    await this.#nc.close();
  }

  #complete(command: ClientCommand): Command {
    return {
      at: new Date().toISOString(),
      ...(this.#channel === undefined ? {} : { channel: this.#channel }),
      location: this.location,
      ...command,
    } as Command;
  }
}
