import { describe, expect, it } from "vitest";
import { OnhandError } from "../../shared/errors.ts";
import { connectNats, natsFault, onConnection } from "../../streams/connection.ts";
import { privateNats, sharedServers } from "../support/servers.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("connectNats()", () => {
  it("tells an address where nobody answers, without the password, as retryable", async () => {
    const failed = connectNats("nats://me:secret@127.0.0.1:1", { name: "test" });
    await expect(failed).rejects.toMatchObject({ code: "nats_unreachable", retryable: true });
    await expect(failed).rejects.toThrow(/^Cannot connect to NATS at nats:\/\/127\.0\.0\.1:1: /);
    await expect(connectNats("nats://", { name: "test" })).rejects.toBeInstanceOf(OnhandError);
  });

  it("tells an address with a login that is not encoded, and never any part of the login", async () => {
    for (const login of ["me:Q%Z", "me:Q/Z", "me:Q,Z", "me:Q#Z", "me:Q?Z", "me:Q@Z"]) {
      for (const url of [`nats://${login}@127.0.0.1:1`, `nats://a:b@x:1, nats://${login}@y:1`]) {
        const error = await connectNats(url, { name: "test" }).catch((e: unknown) => e);
        expect(error).toMatchObject({ code: "nats_unreachable" });
        expect(JSON.stringify([error, (error as Error).message])).not.toMatch(/me:|Q|Z|a:b/);
      }
    }
    const failed = connectNats("nats://me:100%@127.0.0.1:1", { name: "test" });
    await expect(failed).rejects.toThrow(/percent-encoded\), found nats:\/\/127\.0\.0\.1:1$/);
  });

  it("refuses an address of a kind it does not speak, such as a WebSocket's", async () => {
    const { nats: url } = sharedServers();
    for (const scheme of ["ws", "wss", "http"])
      await expect(
        connectNats(url.replace("nats:", `${scheme}:`), { name: "test" }),
      ).rejects.toThrow(/expected nats:\/\/.*found (ws|wss|http):\/\//);
  });

  it("tells a wrong password apart", async () => {
    const server = await privateNats({ users: [{ user: "a", password: "right" }] });
    try {
      const address = (login: string) => server.url.replace("//", `//${login}@`);
      await expect(connectNats(address("a:wrong"), { name: "test" })).rejects.toMatchObject({
        code: "nats_unauthorized",
        retryable: false,
      });
      await (await connectNats(address("a:right"), { name: "test" })).close();
      const given = { name: "test", user: "a", password: "right" };
      await (await connectNats(server.url, given)).close();
    } finally {
      await server.stop();
    }
  });

  it("takes several addresses and waits for the first server to come up", async () => {
    const server = await privateNats();
    await server.stop();
    const connecting = connectNats(`nats://127.0.0.1:1,${server.url}`, {
      name: "test",
      waitMs: 5_000,
    });
    await sleep(300);
    await server.start();
    const nc = await connecting;
    await nc.flush();
    await nc.close();
    await server.stop();
  });
});

describe("onConnection()", () => {
  it("tells all listeners of a lost, a regained and a closed connection, in their order", async () => {
    const server = await privateNats();
    const nc = await connectNats(server.url, { name: "test" });
    const told: string[] = [];
    const listener = (name: string) => ({
      onDisconnect: () => told.push(`${name} lost`),
      onReconnect: () => told.push(`${name} back`),
      onClose: () => told.push(`${name} closed`),
    });
    onConnection(nc, listener("a"));
    const stop = onConnection(nc, listener("b"));
    await server.kill();
    await expect.poll(() => told).toEqual(["a lost", "b lost"]);
    await sleep(300);
    await server.start();
    const back = performance.now();
    await expect.poll(() => told.slice(2), { interval: 5 }).toEqual(["a back", "b back"]);
    expect(performance.now() - back).toBeLessThan(500);
    stop();
    await nc.close();
    await expect.poll(() => told.slice(4)).toEqual(["a closed"]);
    await server.stop();
  });
});

describe("natsFault()", () => {
  it("keeps errors of ours and makes the rest retryable unless the server refused", async () => {
    const own = new OnhandError("x", "y");
    expect(natsFault("do", own)).toBe(own);
    expect(natsFault("read it", new Error("timeout"))).toMatchObject({
      code: "nats_unavailable",
      retryable: true,
      message: "Cannot read it: timeout",
    });
    const nc = await connectNats(sharedServers().nats, { name: "test" });
    const { jetstreamManager } = await import("@nats-io/jetstream");
    const jsm = await jetstreamManager(nc);
    const refused = await jsm.streams.info("NO-SUCH").catch((error: unknown) => error);
    expect(natsFault("look", refused)).toMatchObject({ code: "nats_refused", retryable: false });
    await nc.close();
  });
});
