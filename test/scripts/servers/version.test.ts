import { expect, test } from "vitest";
import { compareVersions, parseVersion } from "../../../scripts/servers/version.ts";

test.each([
  ["nats-server: v2.15.1", "2.15.1"],
  ["Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "7.0.15"],
  ["Valkey server v=9.1.2 sha=00000000", "9.1.2"],
  ["postgres (PostgreSQL) 18.4", "18.4"],
  ["postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"],
  ["postgres (PostgreSQL) 19devel", undefined],
  ["", undefined],
])("parseVersion() reads %j", (output, expected) => {
  expect(parseVersion(output)).toBe(expected);
});

test.each([
  ["2.12.0", "2.12.0", 0],
  ["2.9.30", "2.12.0", -1],
  ["2.12.1", "2.12.0", 1],
  ["10.0.0", "9.99.99", 1],
])("compareVersions(%s, %s) has the sign of %d", (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
});
