import { type NatsConnection, RequestError } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import { connectNats } from "../../streams/connection.ts";
import { doctor } from "../../streams/doctor.ts";
import {
  adminPermissions,
  edgePermissions,
  stockPermissions,
  tillPermissions,
} from "../../streams/permissions.ts";
import { bundleSubject, cmdSubject, logSubject } from "../../streams/subjects.ts";
import { applyTopology, readTopology, trimLog } from "../../streams/topology.ts";
import { privateNats } from "../support/servers.ts";

let server: NatsServer;
const connections: NatsConnection[] = [];
const as = async (user: string): Promise<NatsConnection> => {
  const url = server.url.replace("nats://", `nats://${user}:secret@`);
  const nc = await connectNats(url, { name: user });
  connections.push(nc);
  return nc;
};

/** "stored", or why not. A denied publish has no answer but the server's error. */
async function attempt(nc: NatsConnection, subject: string): Promise<string> {
  let denied = false;
  const watch = (async () => {
    for await (const status of nc.status())
      if (status.type === "error" && status.error.message.includes("Permissions Violation"))
        denied = true;
  })();
  void watch;
  try {
    const reply = await nc.request(subject, "{}", { timeout: 400 });
    return reply.json<{ seq?: number }>().seq === undefined ? "refused" : "stored";
  } catch (error) {
    if (denied || String(error).includes("Permissions Violation")) return "denied";
    return error instanceof RequestError && error.isNoResponders() ? "no stream" : String(error);
  }
}

beforeAll(async () => {
  server = await privateNats({
    shards: 4,
    users: [
      { user: "till", password: "secret", permissions: tillPermissions("store.3") },
      { user: "edge", password: "secret", permissions: edgePermissions() },
      { user: "stock", password: "secret", permissions: stockPermissions() },
      { user: "admin", password: "secret", permissions: adminPermissions() },
    ],
  });
  await applyTopology(await as("admin"), { shards: 4 });
});
afterAll(async () => {
  await Promise.all(connections.map((nc) => nc.close()));
  await server?.stop();
});

describe("tillPermissions()", () => {
  it("lets a till publish for its own location, mapped or not", async () => {
    const till = await as("till");
    expect(await attempt(till, cmdSubject("store.3", "SKU 1"))).toBe("stored");
    expect(await attempt(till, logSubject(1, 2, "store.3", "SKU 1"))).toBe("stored");
  });

  it("denies another location, mapped or not", async () => {
    const till = await as("till");
    expect(await attempt(till, cmdSubject("store-4", "SKU-1"))).toBe("denied");
    expect(await attempt(till, logSubject(1, 2, "store-4", "SKU-1"))).toBe("denied");
    // The location's text is one token: no dot or star of it reaches further.
    expect(await attempt(till, "inv.cmd.store.3")).toBe("denied");
  });

  it("denies bundles, effects and JetStream's interface", async () => {
    const till = await as("till");
    expect(await attempt(till, bundleSubject(1, 2))).toBe("denied");
    expect(await attempt(till, "inv.need.store%2E3.SKU-1")).toBe("denied");
    expect(await attempt(till, "$JS.API.STREAM.PURGE.STOCK-1-0")).toBe("denied");
  });
});

describe("edgePermissions()", () => {
  it("allow commands of all locations, bundles and the topology, not the trimming of logs", async () => {
    const edge = await as("edge");
    expect(await attempt(edge, cmdSubject("store-4", "SKU-1"))).toBe("stored");
    expect(await attempt(edge, bundleSubject(1, 2))).toBe("stored");
    expect(await readTopology(edge)).toEqual({ epoch: 1, shards: 4 });
    expect(await attempt(edge, "$JS.API.STREAM.PURGE.STOCK-1-0")).toBe("denied");
  });
});

describe("stockPermissions()", () => {
  it("allow effects and trimming, not purging the buckets", async () => {
    const stock = await as("stock");
    expect(await attempt(stock, "inv.need.store-4.SKU-1")).toBe("stored");
    expect(await trimLog(stock, "STOCK-1-2", 2)).toBe(1);
    expect(await attempt(stock, "$JS.API.STREAM.PURGE.KV_onhand-lease")).toBe("denied");
  });
});

describe("doctor()", () => {
  it("tells a till that it may do nothing of this, and an admin that all is well", async () => {
    const admin = await doctor(await as("admin"));
    expect(admin.filter((c) => !c.ok)).toEqual([]);
    const till = await doctor(await as("till"));
    expect(till.find((c) => c.name === "JetStream")?.ok).toBe(false);
  });

  it("proves bundles and mapping to an edge, and names what an edge may not look at", async () => {
    const checks = await doctor(await as("edge"));
    expect(checks.filter((c) => !c.ok).map((c) => c.name)).toEqual(["shard count"]);
    expect(checks.find((c) => c.name === "shard count")?.found).toContain("$JS.API.STREAM.NAMES");
  });
});
