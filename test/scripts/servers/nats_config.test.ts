import { expect, test } from "vitest";
import { type NatsSettings, natsConfig } from "../../../scripts/servers/nats_config.ts";
import { tillPermissions } from "../../../streams/permissions.ts";

const settings: NatsSettings = {
  port: 4222,
  dir: "/data/jetstream",
  shards: 8,
  epoch: 1,
  sync: "default",
};

test("natsConfig() writes loopback, JetStream and the mapping", () => {
  expect(
    natsConfig(settings),
  ).toBe(`# Written by onhand at each start and at each change of epoch or shards; edits are lost.
host: "127.0.0.1"
port: 4222
max_payload: 1048576
jetstream {
  store_dir: "/data/jetstream"
}
mappings = {
  "inv.cmd.*.*": "inv.log.1.{{partition(8,2)}}.{{wildcard(1)}}.{{wildcard(2)}}"
}
`);
});

test("natsConfig() forces writes to disk when told to", () => {
  expect(natsConfig({ ...settings, sync: "always" })).toContain("  sync_interval: always\n");
  expect(natsConfig(settings)).not.toContain("sync_interval");
});

test("natsConfig() follows epoch and shards, and can leave the mapping out", () => {
  expect(natsConfig({ ...settings, epoch: 7, shards: 16 })).toContain(
    "inv.log.7.{{partition(16,2)}}.",
  );
  expect(natsConfig({ ...settings, mapping: false })).not.toContain("mappings");
});

test("natsConfig() writes users with their permissions", () => {
  const text = natsConfig({
    ...settings,
    users: [{ user: "till-3", password: 'a "b" \\c', permissions: tillPermissions("store-3") }],
  });
  expect(text).toContain(`    { user: "till-3", password: "a \\"b\\" \\\\c"`);
  expect(text).toContain(
    `        publish: { allow: ["inv.cmd.store-3.*", "inv.log.*.*.store-3.*"], deny: ["inv.log.*.*.bundle"] }`,
  );
});

test.each([
  ["port 0", { port: 0 }],
  ["shards 0", { shards: 0 }],
  ["a fraction of an epoch", { epoch: 1.5 }],
  ["a line break in the directory", { dir: "/data\nport: 1" }],
])("natsConfig() refuses %s", (_name, wrong) => {
  expect(() => natsConfig({ ...settings, ...wrong })).toThrow(RangeError);
});
