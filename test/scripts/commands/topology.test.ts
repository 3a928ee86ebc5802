import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../../scripts/servers/nats.ts";
import { privateDir, privateNats } from "../../support/servers.ts";

const ROOT = resolve(import.meta.dirname, "..", "..", "..");
let server: NatsServer;
let bare: NatsServer;
beforeAll(async () => {
  server = await privateNats({ shards: 4 });
  bare = await privateNats({ mapping: false });
});
afterAll(async () => {
  await Promise.all([server?.stop(), bare?.stop()]);
});

type Ran = { code: number; stdout: string; stderr: string };
function onhand(args: string[], url = server.url, more = {}): Promise<Ran> {
  const env = { ...process.env, ...more, ONHAND_NATS_URL: url, ONHAND_DATA: privateDir("data") };
  return new Promise((done) => {
    execFile(
      process.execPath,
      ["scripts/onhand.ts", "topology", ...args],
      { cwd: ROOT, env },
      (error, stdout, stderr) =>
        done({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

describe("onhand topology", () => {
  it("doctor says no, and how to mend it, before anything was applied", async () => {
    const ran = await onhand(["doctor"]);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain("onhand topology apply");
    expect((await onhand(["show"])).stderr).toContain("onhand topology apply");
  });

  it("apply makes everything, and a second time nothing; show and doctor agree", async () => {
    const first = await onhand(["apply", "--shards", "4", "--json"]);
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({
      topology: { epoch: 1, shards: 4 },
      changed: true,
      mapping: { ok: true },
    });
    const second = await onhand(["apply"]);
    expect(second.stdout).toContain("nothing to change");
    const show = JSON.parse((await onhand(["show", "--json"])).stdout);
    expect(show).toMatchObject({ epoch: 1, shards: 4, logs: [{ lastSeq: 0 }, {}, {}, {}] });
    const doctor = await onhand(["doctor"]);
    expect(doctor.stdout).toMatch(/^ok {4}server version: 2\./);
    expect(doctor.stdout).not.toContain("WRONG");
    expect(doctor.code).toBe(0);
  });

  it("apply keeps the life of a lease that was chosen, until another one is", async () => {
    const apply = async (env = {}) => (await onhand(["apply"], server.url, env)).stdout;
    expect(await apply({ ONHAND_LEASE_TTL_MS: "5000" })).toContain(
      "max_age 2000000000 -> 5000000000",
    );
    expect(await apply()).toContain("nothing to change");
    expect(await apply({ ONHAND_LEASE_TTL_MS: "2000" })).toContain("5000000000 -> 2000000000");
  });

  it("apply refuses another shard count, and a count that is none", async () => {
    const other = await onhand(["apply", "--shards", "8"]);
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("go on without --shards"),
    });
    expect((await onhand(["apply", "--shards", "many"])).code).toBe(2);
  });

  it("apply refuses a log too small to work, and takes the limit of one away again", async () => {
    for (const option of ["--log-bytes", "--effect-bytes"]) {
      for (const given of ["1", "0", "16777215", "16MiB"]) {
        const { code, stderr } = await onhand(["apply", option, given]);
        expect([code, stderr]).toEqual([
          2,
          expect.stringContaining(
            `${option} is "${given}", expected a whole number of at least 16777216`,
          ),
        ]);
      }
    }
    const limited = await onhand(["apply", "--log-bytes", "16777216"]);
    expect(limited.stdout).toContain("updated STOCK-1-3: max_bytes -1 -> 16777216");
    expect((await onhand(["apply"])).stdout).toContain("nothing to change");
    const free = await onhand(["apply", "--log-bytes", "unlimited"]);
    expect(free.stdout).toContain("updated STOCK-1-3: max_bytes 16777216 -> -1");
    expect((await onhand(["apply", "--effect-bytes", "unlimited"])).code).toBe(2);
  });

  it("apply prints the mapping for a server that has none, and doctor fails until it is there", async () => {
    const applied = await onhand(["apply", "--shards", "4"], bare.url);
    expect(applied.code).toBe(0);
    expect(applied.stdout).toContain(
      '"inv.cmd.*.*": "inv.log.1.{{partition(4,2)}}.{{wildcard(1)}}.{{wildcard(2)}}"',
    );
    expect((await onhand(["doctor"], bare.url)).code).toBe(1);
    await bare.reload({ mapping: true, shards: 4 });
    expect((await onhand(["doctor"], bare.url)).code).toBe(0);
  });
});
