import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import type { Decision } from "../../shared/decisions.ts";
import type { Command } from "../../shared/messages.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { partition } from "../../streams/partition.ts";
import { tillPermissions } from "../../streams/permissions.ts";
import { PublishError } from "../../streams/publish_error.ts";
import { createPublisher } from "../../streams/publisher.ts";
import { logSubject, toToken } from "../../streams/subjects.ts";
import { applyTopology } from "../../streams/topology.ts";
import { privateNats } from "../support/servers.ts";
import { startFakeActor } from "./fake_actor.ts";

const TOPOLOGY = { epoch: 1, shards: 4 };
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
let counter = 0;
const sale = (sku: string, more: Partial<Command> = {}): Command =>
  ({ type: "sale", id: `c-${counter++}`, sku, location: "store-1", qty: 1, ...more }) as Command;

/** Runs `body` with a server and a topology of its own, and ends everything after it. */
async function withServer(
  body: (server: NatsServer, connect: () => Promise<NatsConnection>) => Promise<void>,
): Promise<void> {
  const server = await privateNats({ shards: TOPOLOGY.shards });
  const open: NatsConnection[] = [];
  const connect = async () => {
    const nc = await connectNats(server.url, { name: "test" });
    open.push(nc);
    return nc;
  };
  try {
    await applyTopology(await connect(), TOPOLOGY);
    await body(server, connect);
  } finally {
    await Promise.all(open.map((nc) => nc.close()));
    await server.stop();
  }
}

/** Whether the server answers a ping within 100 ms. */
function answers(nc: NatsConnection): Promise<boolean> {
  return Promise.race([nc.flush().then(() => true), sleep(100).then(() => false)]);
}

let server: NatsServer;
let nc: NatsConnection;
beforeAll(async () => {
  server = await privateNats({
    shards: 4,
    users: [
      { user: "all", password: "p" },
      { user: "till", password: "p", permissions: tillPermissions("store-1") },
    ],
  });
  nc = await connectNats(server.url.replace("//", "//all:p@"), { name: "test" });
  await applyTopology(nc, TOPOLOGY);
});
afterAll(async () => {
  await nc?.close();
  await server?.stop();
});

describe("createPublisher() in bundles", () => {
  it("decide() gives each command its own decision, in few entries", async () => {
    const actor = startFakeActor(nc, TOPOLOGY);
    const publisher = createPublisher(nc, TOPOLOGY);
    const commands = Array.from({ length: 1_000 }, (_, i) => sale(`SKU-${i % 300}`));
    const decisions = await Promise.all(commands.map((command) => publisher.decide(command)));
    expect(decisions.map((d) => d.id)).toEqual(commands.map((c) => c.id));
    expect(decisions.every((d) => d.outcome === "applied")).toBe(true);
    for (const [i, decision] of decisions.entries())
      expect(decision.shard).toBe(partition(toToken(commands[i]!.sku), 4));
    expect(publisher.stats()).toMatchObject({ commands: 0, bytes: 0, waiting: 0, repeated: 0 });
    expect(publisher.stats().sent).toBeLessThan(40);
    await publisher.close();
    actor.stop();
  });

  it("post() waits for the ack only and tells where the command stands", async () => {
    const publisher = createPublisher(nc, TOPOLOGY);
    const sku = "größe.ü *";
    const first = await publisher.post(sale(sku));
    const second = await publisher.post(sale(sku));
    expect(first.stream).toBe(`STOCK-1-${partition(toToken(sku), 4)}`);
    expect(second).toEqual({ stream: first.stream, seq: first.seq + 1 });
    await publisher.close();
  });

  it("mints an id before the first sending", async () => {
    const actor = startFakeActor(nc, TOPOLOGY);
    const publisher = createPublisher(nc, TOPOLOGY);
    const decision = await publisher.decide({
      type: "sale",
      sku: "A",
      location: "store-1",
      qty: 1,
    });
    expect(decision.id).toMatch(/^[A-Za-z0-9]{22}$/);
    await publisher.close();
    actor.stop();
  });

  it("keeps the order of one SKU, also for holds over several", async () => {
    await withServer(async (_server, connect) => {
      const publisher = createPublisher(await connect(), TOPOLOGY);
      const inShard0 = Array.from({ length: 400 }, (_, i) => `S-${i}`).filter(
        (sku) => partition(sku, 4) === 0,
      );
      const sent = new Map<string, string[]>();
      for (let i = 0; i < 5_000; i++) {
        const [a, b] = [inShard0[i % 7]!, inShard0[(i * 3) % 11]!];
        const lines = [
          { sku: a, qty: 1 },
          { sku: b, qty: 1 },
        ];
        const command =
          i % 5 === 0
            ? ({
                type: "hold",
                id: `h-${i}`,
                sku: a,
                location: "-",
                hold: `h-${i}`,
                lines,
                ttlMs: 1000,
              } as Command)
            : sale(a);
        for (const sku of new Set(i % 5 === 0 ? [a, b] : [a]))
          sent.set(sku, [...(sent.get(sku) ?? []), command.id!]);
        expect(publisher.trySend(command)).toBe(true);
        if (i % 97 === 0) await sleep(0);
      }
      const actor = startFakeActor(await connect(), TOPOLOGY);
      await publisher.close();
      await expect.poll(() => actor.seen.length, { timeout: 5_000 }).toBe(5_000);
      const ids = actor.seen.map((s) => s.id);
      const place = new Map(ids.map((id, i) => [id, i]));
      for (const wanted of sent.values()) {
        const places = wanted.map((id) => place.get(id)!);
        expect(places).toEqual([...places].sort((x, y) => x - y));
      }
      expect(actor.entries).toBeLessThan(400);
      actor.stop();
    });
  });

  it("refuses a hold whose lines live in several shards, and a command too large", async () => {
    const publisher = createPublisher(nc, TOPOLOGY);
    const [a, b] = ["SKU-1", "SKU-2", "SKU-3", "SKU-4", "SKU-5"].filter(
      (sku, _, all) => sku === all[0] || partition(sku, 4) !== partition(all[0]!, 4),
    );
    const lines = [
      { sku: a!, qty: 1 },
      { sku: b!, qty: 1 },
    ];
    const hold = { type: "hold", id: "x", sku: a, location: "-", hold: "x", lines, ttlMs: 1 };
    await expect(publisher.decide(hold as Command)).rejects.toMatchObject({
      code: "command_of_several_shards",
      sent: false,
    });
    const serials = Array.from({ length: 1_000 }, () => "x".repeat(1_100));
    await expect(publisher.post(sale("A", { serials }))).rejects.toMatchObject({
      code: "command_too_large",
      sent: false,
    });
    expect(publisher.stats()).toMatchObject({ commands: 0, bytes: 0 });
    await publisher.close();
  });

  it("bounds what is under way: trySend() says false, ready() and post() wait", async () => {
    const publisher = createPublisher(nc, { ...TOPOLOGY, commandsMax: 100 });
    let settled = 0;
    let sent = 0;
    while (publisher.trySend(sale("A"), () => settled++)) sent++;
    expect(sent).toBe(100);
    expect(publisher.stats().commands).toBe(100);
    await publisher.ready();
    expect(publisher.stats().commands).toBeLessThanOrEqual(75);
    await Promise.all(Array.from({ length: 500 }, () => publisher.post(sale("A"))));
    await publisher.close();
    expect(settled).toBe(100);
    expect(() => publisher.trySend(sale("A"))).toThrow(PublishError);
    const narrow = createPublisher(nc, { ...TOPOLOGY, bytesMax: 1_000 });
    let fits = 0;
    while (narrow.trySend(sale("A"))) fits++;
    expect(fits).toBeLessThan(20);
    await narrow.close();
  });

  it("takes JSON that is ready made", async () => {
    const actor = startFakeActor(nc, TOPOLOGY);
    const publisher = createPublisher(nc, TOPOLOGY);
    const command = sale("Z-1");
    const json = JSON.stringify(command);
    await publisher.post({ sku: "Z-1", location: "store-1", id: command.id!, json });
    await expect.poll(() => actor.seen.some((s) => s.id === command.id)).toBe(true);
    await publisher.close();
    actor.stop();
  });
});

describe("createPublisher() when it is full", () => {
  it("lets nobody overtake who waits for room", async () => {
    await withServer(async (_server, connect) => {
      const connection = await connect();
      const publisher = createPublisher(connection, {
        ...TOPOLOGY,
        mode: "single",
        commandsMax: 8,
      });
      const posted: Promise<unknown>[] = [];
      const [first, second] = [sale("X"), sale("X")];
      // The first ack makes room for one, and the second call comes while the first still waits.
      const onFirstAck = () => {
        if (posted.length > 1) return;
        expect(publisher.trySend(sale("X"))).toBe(false);
        posted.push(publisher.post(second));
      };
      for (let i = 0; i < 8; i++) expect(publisher.trySend(sale(`O-${i}`), onFirstAck)).toBe(true);
      posted.push(publisher.post(first));
      await expect.poll(() => posted.length).toBe(2);
      await Promise.all(posted);
      await publisher.close();
      const actor = startFakeActor(connection, TOPOLOGY);
      await expect.poll(() => actor.seen.length).toBe(10);
      const ofX = actor.seen.filter((s) => s.sku === "X").map((s) => s.id);
      expect(ofX).toEqual([first.id, second.id]);
      actor.stop();
    });
  });

  it("bounds the calls that wait, and how long they do", async () => {
    await withServer(async (server, connect) => {
      const publisher = createPublisher(await connect(), {
        ...TOPOLOGY,
        commandsMax: 10,
        callsMax: 100,
        giveUpMs: 400,
      });
      await server.kill();
      await expect.poll(() => publisher.stats().connected).toBe(false);
      const codes = (calls: Promise<unknown>[]) =>
        Promise.all(
          calls.map((call) =>
            call.then(
              () => "stored",
              (error: PublishError) => `${error.code} ${error.sent}`,
            ),
          ),
        );
      const inTime = codes([
        ...Array.from({ length: 60 }, () => publisher.post(sale("A"))),
        ...Array.from({ length: 40 }, () => publisher.decide(sale("A"), { deadlineMs: 300 })),
      ]);
      expect(publisher.stats()).toMatchObject({ commands: 10, waiting: 100 });
      const tooMany = [publisher.post(sale("A")), publisher.decide(sale("A"))];
      expect(await codes(tooMany)).toEqual(["publisher_full false", "publisher_full false"]);
      expect(new Set(await inTime)).toEqual(new Set(["publish_not_sent false"]));
      expect(publisher.stats()).toMatchObject({ commands: 0, bytes: 0, waiting: 0 });
      await publisher.close();
    });
  });

  it("lets a call in when those before it were given up", async () => {
    await withServer(async (server, connect) => {
      const publisher = createPublisher(await connect(), { ...TOPOLOGY, commandsMax: 5 });
      await server.kill();
      await expect.poll(() => publisher.stats().connected).toBe(false);
      const decided = Array.from({ length: 5 }, () =>
        publisher.decide(sale("A"), { deadlineMs: 100 }),
      );
      const posted = publisher.post(sale("A"));
      await Promise.allSettled(decided);
      await server.start();
      expect((await posted).seq).toBe(1);
      await publisher.close();
    });
  });
});

describe("createPublisher() and an actor that does not answer", () => {
  it("frees its slots by the ack: others are stored meanwhile", async () => {
    const publisher = createPublisher(nc, TOPOLOGY);
    const waiting = Array.from({ length: 50 }, () =>
      publisher.decide(sale("SLOW"), { deadlineMs: 400 }),
    );
    await sleep(50);
    const started = performance.now();
    await Promise.all(Array.from({ length: 50 }, () => publisher.post(sale("SLOW"))));
    expect(performance.now() - started).toBeLessThan(300);
    const results = await Promise.all(waiting);
    expect(results.every((r) => "status" in r && r.status === "pending")).toBe(true);
    expect((results[0] as { id: string }).id).toMatch(/^c-/);
    expect(publisher.stats().waiting).toBe(0);
    await publisher.close();
  });
});

describe("createPublisher() with single entries", () => {
  it("publishSingle() and mode single make one entry per command, mapped or computed", async () => {
    await withServer(async (_server, connect) => {
      const actor = startFakeActor(await connect(), TOPOLOGY);
      const connection = await connect();
      const bundles = createPublisher(connection, TOPOLOGY);
      const singles = createPublisher(connection, { ...TOPOLOGY, mode: "single" });
      const mapped = createPublisher(connection, {
        epoch: 0,
        shards: 1,
        mode: "single",
        via: "cmd",
      });
      const stored = await bundles.publishSingle(sale("S.1"));
      expect(stored.stream).toBe(`STOCK-1-${partition(toToken("S.1"), 4)}`);
      const decisions = await Promise.all(
        [singles, mapped].flatMap((publisher) =>
          Array.from({ length: 100 }, (_, i) => publisher.decide(sale(`S.${i % 9}`))),
        ),
      );
      expect(decisions.every((d) => d.outcome === "applied" && d.index === 0)).toBe(true);
      expect((await mapped.post(sale("S.1"))).stream).toBe(stored.stream);
      await expect.poll(() => actor.entries).toBe(202);
      for (const publisher of [bundles, singles, mapped]) await publisher.close();
      actor.stop();
    });
  });

  it("keeps the order of one SKU, and without keepOrder stores all the same", async () => {
    await withServer(async (_server, connect) => {
      const connection = await connect();
      const ordered = createPublisher(connection, { ...TOPOLOGY, mode: "single" });
      const loose = createPublisher(connection, { ...TOPOLOGY, mode: "single", keepOrder: false });
      const sent: string[] = [];
      for (let i = 0; i < 300; i++) {
        const command = sale("ONE");
        sent.push(command.id!);
        ordered.trySend(command);
      }
      let settled = 0;
      for (let i = 0; i < 9_000; i++) loose.trySend(sale(`M-${i % 50}`), () => settled++);
      await ordered.close();
      await loose.close();
      expect(settled).toBe(9_000);
      const actor = startFakeActor(await connect(), TOPOLOGY);
      await expect.poll(() => actor.seen.length, { timeout: 5_000 }).toBe(9_300);
      expect(actor.seen.filter((s) => s.sku === "ONE").map((s) => s.id)).toEqual(sent);
      actor.stop();
    });
  });
});

describe("createPublisher() refused", () => {
  it("tells a denied publish at once, as surely not stored", async () => {
    const till = await connectNats(server.url.replace("//", "//till:p@"), { name: "till" });
    const mapped = createPublisher(till, { epoch: 0, shards: 1, mode: "single", via: "cmd" });
    const started = performance.now();
    await expect(mapped.post(sale("A", { location: "store-2" as never }))).rejects.toMatchObject({
      code: "publish_denied",
      sent: false,
      retryable: false,
    });
    const bundles = createPublisher(till, TOPOLOGY);
    await expect(bundles.post(sale("A"))).rejects.toMatchObject({ code: "publish_denied" });
    expect(performance.now() - started).toBeLessThan(1_000);
    expect((await mapped.post(sale("A"))).seq).toBeGreaterThan(0);
    await mapped.close();
    await bundles.close();
    await till.close();
  });

  it("tells a command without a name to make a subject of, before anything is counted", async () => {
    const sku = "\ud800";
    for (const options of [{}, { mode: "single" }, { mode: "single", keepOrder: false }] as const) {
      const publisher = createPublisher(nc, { ...TOPOLOGY, ...options });
      const line = { sku, qty: 1 };
      for (const names of [{ sku }, { location: sku }, { sku: "" }, { lines: [line] }]) {
        const posted = publisher.post(sale("A", names as Partial<Command>));
        await expect(posted).rejects.toMatchObject({ code: "command_nameless", sent: false });
      }
      expect(publisher.stats()).toMatchObject({ commands: 0, bytes: 0, waiting: 0 });
      expect((await publisher.post(sale("A"))).seq).toBeGreaterThan(0);
      await publisher.close();
    }
  });

  it("tells a full log, and no stream at all, as surely not stored", async () => {
    await withServer(async (_server, connect) => {
      const connection = await connect();
      const jsm = await jetstreamManager(connection);
      const publisher = createPublisher(connection, { ...TOPOLOGY, giveUpMs: 600 });
      const sku = "FULL";
      const stream = `STOCK-1-${partition(sku, 4)}`;
      await publisher.post(sale(sku));
      await jsm.streams.update(stream, { max_bytes: 300 });
      await expect(publisher.post(sale(sku, { ref: "x".repeat(150) }))).rejects.toMatchObject({
        code: "log_full",
        sent: false,
        message: expect.stringContaining("is full (maximum bytes exceeded)"),
      });
      await jsm.streams.delete(stream);
      await expect(publisher.post(sale(sku))).rejects.toMatchObject({
        code: "publish_no_stream",
        sent: false,
      });
      await publisher.close();
    });
  });

  it("repeats and gives up however short the waits are", async () => {
    const bare = await privateNats({ shards: 1 });
    const connection = await connectNats(bare.url, { name: "test" });
    const options = { ...TOPOLOGY, ackTimeoutMs: 10, giveUpMs: 300 };
    const publisher = createPublisher(connection, options);
    const posted = publisher.post(sale("A")).catch((error: PublishError) => error.code);
    expect(await Promise.race([posted, sleep(2_000)])).toBe("publish_no_stream");
    expect(publisher.stats().repeated).toBeGreaterThan(0);
    await publisher.close();
    await connection.close();
    await bare.stop();
  });

  it("stores after all when the stream comes back while it tries", async () => {
    await withServer(async (_server, connect) => {
      const connection = await connect();
      const jsm = await jetstreamManager(connection);
      const publisher = createPublisher(connection, TOPOLOGY);
      const stream = `STOCK-1-${partition("A", 4)}`;
      await jsm.streams.delete(stream);
      const posted = publisher.post(sale("A"));
      await sleep(200);
      await applyTopology(connection, TOPOLOGY);
      expect(await posted).toEqual({ stream, seq: 1 });
      await publisher.close();
    });
  });
});

describe("createPublisher() and a server that dies", () => {
  it("sends nothing while there is no connection, and says so at the deadline", async () => {
    await withServer(async (server, connect) => {
      const connection = await connect();
      const publisher = createPublisher(connection, TOPOLOGY);
      await publisher.post(sale("A"));
      await server.kill();
      await expect.poll(() => publisher.stats().connected).toBe(false);
      await expect(publisher.decide(sale("A"), { deadlineMs: 100 })).rejects.toMatchObject({
        code: "publish_not_sent",
        sent: false,
      });
      expect(publisher.stats()).toMatchObject({ commands: 0, waiting: 0 });
      const posted = publisher.post(sale("A"));
      await server.start();
      expect((await posted).seq).toBe(2);
      await publisher.close();
    });
  });

  it("stores every acked command, decides every command, and keeps each SKU's order over kills", async () => {
    await withServer(async (server, connect) => {
      const actor = startFakeActor(await connect(), TOPOLOGY);
      const publisher = createPublisher(await connect(), { ...TOPOLOGY, ackTimeoutMs: 300 });
      const decided: { command: Command; decision: Decision }[] = [];
      const failures: unknown[] = [];
      let stop = false;
      const callers = Array.from({ length: 32 }, async (_, n) => {
        for (let i = 0; !stop; i++) {
          const command = sale(`K-${(n + i) % 20}`);
          await publisher
            .decide(command)
            .then((decision) => decided.push({ command, decision }))
            .catch((error) => failures.push(error));
        }
      });
      const delays: number[] = [];
      for (let round = 0; round < 4; round++) {
        await sleep(200);
        await server.kill();
        await sleep(150);
        const before = decided.length;
        await server.start();
        const back = performance.now();
        await expect
          .poll(() => decided.length, { interval: 5, timeout: 5_000 })
          .toBeGreaterThan(before + 100);
        delays.push(Math.round(performance.now() - back));
      }
      stop = true;
      await Promise.all(callers);
      await publisher.close();
      expect(failures).toEqual([]);
      expect(actor.halts).toEqual([]);
      expect(Math.max(...delays)).toBeLessThan(1_000);
      const inLog = new Map(actor.seen.map((s) => [s.id, s]));
      for (const { command, decision } of decided) {
        expect(decision.id).toBe(command.id);
        expect(inLog.has(command.id!)).toBe(true);
      }
      console.log(
        `publisher: ${decided.length} decided over 4 kills, ${actor.repeats} repeats in the log, ` +
          `decisions after the server is back, ms: ${delays.join(", ")}`,
      );
      actor.stop();
    });
  }, 40_000);
});

describe("createPublisher() and a server that hangs", () => {
  it("decides everything after the server thaws, each command applied once", async () => {
    await withServer(async (server, connect) => {
      const actor = startFakeActor(await connect(), TOPOLOGY);
      const publisher = createPublisher(await connect(), { ...TOPOLOGY, ackTimeoutMs: 300 });
      const probe = await connect();
      await publisher.decide(sale("F"));
      server.signal("SIGSTOP");
      // On a busy machine it may run on for a moment.
      while (await answers(probe)) await sleep(10);
      const commands = Array.from({ length: 50 }, (_, i) => sale(`F-${i % 10}`));
      const waiting = commands.map((command) => publisher.decide(command));
      await sleep(2_500);
      server.signal("SIGCONT");
      const thawed = performance.now();
      const decisions = await Promise.all(waiting);
      const thawMs = Math.round(performance.now() - thawed);
      console.log(`publisher: all decided ${thawMs} ms after a frozen server thawed`);
      expect(thawMs).toBeLessThan(3_000);
      expect(decisions.map((d) => d.id)).toEqual(commands.map((c) => c.id));
      expect(publisher.stats().repeated).toBeGreaterThan(0);
      expect(actor.halts).toEqual([]);
      const applied = new Set(actor.seen.map((s) => s.id));
      expect(applied.size).toBe(51);
      await publisher.close();
      actor.stop();
    });
  }, 15_000);
});

describe("logSubject()", () => {
  it("is what the server's mapping makes of cmdSubject()", () => {
    expect(logSubject(1, 2, "a.b", "c d")).toBe("inv.log.1.2.a%2Eb.c%20d");
  });
});
