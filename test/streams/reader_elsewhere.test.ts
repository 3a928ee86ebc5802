// The reader on servers that are set up otherwise than ours.
import { jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { openReader, type ReaderOptions } from "../../streams/reader.ts";
import { privateNats } from "../support/servers.ts";

const STREAM = "READ";
const login = (url: string, who: string) => url.replace("//", `//${who}:p@`);

async function makeStream(nc: NatsConnection, payloads: Uint8Array[]): Promise<void> {
  await (await jetstreamManager(nc)).streams.add({ name: STREAM, subjects: ["read.>"] });
  for (const payload of payloads) await nc.request("read.x", payload, { timeout: 5_000 });
}

function collect(nc: NatsConnection, options: Partial<ReaderOptions> = {}) {
  const lengths: number[] = [];
  const halts: string[] = [];
  const reader = openReader(nc, {
    stream: STREAM,
    fromSeq: 1,
    onEntry: ({ payload }) => lengths.push(payload.length),
    onHalt: (reason, message) => halts.push(`${reason}: ${message}`),
    ...options,
  });
  return { lengths, halts, reader };
}

describe("openReader()", () => {
  it("reads an entry as large as a server takes that takes more than ours", async () => {
    const payloadBytesMax = 8 * 1024 * 1024;
    const server = await privateNats({ shards: 1 });
    await server.reload({ payloadBytesMax });
    const nc = await connectNats(server.url, { name: "test" });
    await makeStream(
      nc,
      [1, payloadBytesMax, 2].map((bytes) => new Uint8Array(bytes)),
    );
    const { lengths, halts, reader } = collect(nc);
    await expect.poll(() => lengths, { timeout: 3_000 }).toEqual([1, payloadBytesMax, 2]);
    expect(halts).toEqual([]);
    await reader.stop();
    await nc.close();
    await server.stop();
  });

  it("says once why it cannot be opened, for as long as it tries", async () => {
    const permissions = { publish: { allow: ["$JS.API.STREAM.INFO.*"] } };
    const users = [
      { user: "all", password: "p" },
      { user: "some", password: "p", permissions },
    ];
    const server = await privateNats({ shards: 1, users });
    const admin = await connectNats(login(server.url, "all"), { name: "test" });
    await makeStream(admin, [new Uint8Array(1)]);
    const nc = await connectNats(login(server.url, "some"), { name: "test" });
    const waits: string[] = [];
    const onWait = (error: unknown) => waits.push((error as Error).message);
    const { lengths, halts, reader } = collect(nc, { onWait });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(waits).toEqual([
      expect.stringMatching(/^Cannot open a consumer of READ: Permissions Violation for Publish/),
    ]);
    expect([lengths, halts, reader.opens]).toEqual([[], [], 0]);
    await reader.stop();
    await Promise.all([admin.close(), nc.close()]);
    await server.stop();
  });
});
