import type { Msg } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import { OUTLET_BYTES } from "../../shared/limits.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { outletOf } from "../../streams/outlet.ts";
import { privateNats } from "../support/servers.ts";

let server: NatsServer;
let nc: NatsConnection;

beforeAll(async () => {
  server = await privateNats({ shards: 1 });
  nc = await connectNats(server.url, { name: "outlet" });
});
afterAll(async () => {
  await nc?.close();
  await server?.stop();
});

/** What a subscriber of `subject` gets while `work` publishes. */
async function heard(subject: string, work: () => void): Promise<Msg[]> {
  const messages: Msg[] = [];
  const subscription = nc.subscribe(subject, {
    callback: (_, message) => {
      messages.push(message);
    },
  });
  await nc.flush();
  work();
  await new Promise((resolve) => setImmediate(resolve));
  await nc.flush();
  subscription.unsubscribe();
  return messages;
}

describe("Outlet", () => {
  it("is one for all who write to a connection", () => {
    expect(outletOf(nc)).toBe(outletOf(nc));
  });

  it("publishes text, reply and header as the client's own publish does", async () => {
    const texts = ["", "plain", "Grüße, 漢字, 👋", '{"qty":-2}'];
    const messages = await heard("o.>", () => {
      const outlet = outletOf(nc);
      for (const text of texts) outlet.publish("o.münchen", text);
      outlet.publish("o.reply", "asks", "_INBOX.x");
      outlet.publish("o.both", "grüßt", "_INBOX.y", { name: "Onhand-Reply-To", value: "_INBOX.z" });
      outlet.publish("o.header", "", "", { name: "Nats-Msg-Id", value: "1" });
    });
    expect(messages.slice(0, 4).map((m) => [m.subject, m.string(), m.reply])).toEqual(
      texts.map((text) => ["o.münchen", text, ""]),
    );
    expect(messages[4]?.reply).toBe("_INBOX.x");
    expect(messages[5]?.string()).toBe("grüßt");
    expect(messages[5]?.reply).toBe("_INBOX.y");
    expect(messages[5]?.headers?.get("Onhand-Reply-To")).toBe("_INBOX.z");
    expect(messages[6]?.headers?.get("Nats-Msg-Id")).toBe("1");
    expect(messages).toHaveLength(7);
  });

  it("keeps the order beyond its buffer, and takes a message larger than that", async () => {
    const large = "x".repeat(OUTLET_BYTES + 10);
    const messages = await heard("many", () => {
      const outlet = outletOf(nc);
      for (let n = 0; n < 20_000; n++) outlet.publish("many", `${n} ${"y".repeat(40)}`);
      outlet.publish("many", large);
      outlet.publish("many", "last");
    });
    const numbers = messages
      .slice(0, 20_000)
      .map((message) => Number.parseInt(message.string(), 10));
    expect(numbers).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
    expect(messages.slice(20_000).map((message) => message.string())).toEqual([large, "last"]);
  });

  it("throws when a message is larger than the server takes, or the connection closed", async () => {
    expect(() => outletOf(nc).publish("big", "x".repeat(1_048_577))).toThrow(/1048577 bytes/);
    const other = await connectNats(server.url, { name: "gone" });
    const outlet = outletOf(other);
    await other.close();
    expect(() => outlet.publish("late", "x")).toThrow(/closed/);
  });
});
