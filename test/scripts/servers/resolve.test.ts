// Finding and fetching, with an apt-get and a dpkg-deb of our own on PATH: nothing is downloaded.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { debianRelease } from "../../../scripts/servers/debian.ts";
import { resolveNats, resolveRedis } from "../../../scripts/servers/resolve.ts";
import { spawnScript } from "../../support/onhand.ts";
import { privateDir } from "../../support/servers.ts";

const onDebian = debianRelease() !== undefined;
const MODULE = new URL("../../../scripts/servers/resolve.ts", import.meta.url).href;

function program(path: string, lines: readonly string[]): string {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o755 });
  return path;
}

const server = (dir: string, words: string) => program(join(dir, "server"), [`echo "${words}"`]);

/** An archive that offers `version`, and takes a while; what it was asked is in `log`. */
function fakeArchive(version: string): { bin: string; log: string } {
  const bin = privateDir("bin");
  const log = join(bin, "log");
  program(join(bin, "apt-get"), [
    `case "$*" in`,
    `*indextargets*) echo "http://archive.example ${debianRelease() ?? "bookworm"} main" ;;`,
    `*" update") echo update >> ${log}; sleep 0.3 ;;`,
    `*--print-uris*) echo "'http://archive.example/nats-server_${version}-1_amd64.deb' x 1 y" ;;`,
    `*"download nats-server") echo download >> ${log}; sleep 0.3; touch nats-server.deb ;;`,
    `*) exit 9 ;;`,
    "esac",
  ]);
  program(join(bin, "dpkg-deb"), [
    "mkdir -p $3/usr/sbin",
    `printf '#!/bin/sh\\necho nats-server: v${version}\\n' > $3/usr/sbin/nats-server`,
    "chmod 755 $3/usr/sbin/nats-server",
  ]);
  return { bin, log };
}

/** resolveNats() in a process of its own; its program or its error's code. */
async function resolveApart(bin: string, cacheDir: string): Promise<string> {
  const options = JSON.stringify({ cacheDir, usePath: false });
  const code = `const { resolveNats } = await import(${JSON.stringify(MODULE)});
    try { const found = await resolveNats(${options}); console.log(found.bin, found.version); }
    catch (error) { console.log(error.code, error.message); }`;
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, ONHAND_NATS_SERVER: "" };
  const child = spawnScript(code, env);
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  await new Promise((resolve) => child.once("close", resolve));
  return output.trim();
}

test("resolveNats() takes the program it is given", async () => {
  const given = server(privateDir(), "nats-server: v2.15.1");
  expect(await resolveNats({ natsServer: given })).toEqual({
    bin: given,
    version: "2.15.1",
    env: {},
  });
});

test.each([
  ["one that is too old", "nats-server: v2.10.27"],
  ["one that says no version", "hello"],
])("resolveNats() refuses %s, saying what to do", async (_name, words) => {
  const given = server(privateDir(), words);
  await expect(resolveNats({ natsServer: given })).rejects.toMatchObject({
    code: "server_unusable",
    hint: "Point ONHAND_NATS_SERVER at one, or unset it to let it be found or fetched.",
  });
});

test("resolveRedis() finds a valkey-server on PATH", async () => {
  const dir = privateDir();
  program(join(dir, "valkey-server"), ["echo Valkey server v=9.1.2"]);
  const before = process.env.PATH;
  process.env.PATH = dir;
  try {
    const found = await resolveRedis({ cacheDir: privateDir() });
    expect(found.version).toMatch(/^\d+\.\d+\.\d+$/);
  } finally {
    process.env.PATH = before;
  }
});

test("resolveNats() fetches once for many processes, and then never", async () => {
  const { bin, log } = fakeArchive("2.99.0");
  const cacheDir = privateDir();
  const found = await Promise.all(Array.from({ length: 4 }, () => resolveApart(bin, cacheDir)));
  if (!onDebian) {
    for (const text of found) expect(text).toMatch(/^server_not_found .*Or use Docker/);
    return;
  }
  const expected = `${join(cacheDir, "nats/usr/sbin/nats-server")} 2.99.0`;
  expect(found).toEqual([expected, expected, expected, expected]);
  expect(await resolveApart(bin, cacheDir)).toBe(expected);
  expect(readFileSync(log, "utf8")).toBe("update\ndownload\n");
  expect(readdirSync(cacheDir)).toEqual(["nats"]);
});

test("resolveNats() replaces a cached program that does not run", async () => {
  const { bin } = fakeArchive("2.99.0");
  const cacheDir = privateDir();
  program(join(cacheDir, "nats/usr/sbin/nats-server"), ["exit 1"]);
  const found = await resolveApart(bin, cacheDir);
  expect(found).toMatch(onDebian ? / 2\.99\.0$/ : /^server_not_found/);
});

test("resolveNats() tells what each suite offered when none will do, and leaves no litter", async () => {
  const { bin } = fakeArchive("2.10.27");
  const cacheDir = privateDir();
  const found = await resolveApart(bin, cacheDir);
  const tried = "testing: 2.10.27; unstable: 2.10.27; stable: 2.10.27";
  expect(found).toContain(onDebian ? `fetch_failed` : "server_not_found");
  if (onDebian) expect(found).toContain(tried);
  expect(existsSync(cacheDir) ? readdirSync(cacheDir) : []).toEqual([]);
});

test("resolveNats() takes over the fetch of a process that died, and clears up after it", async () => {
  const { bin } = fakeArchive("2.99.0");
  const cacheDir = privateDir();
  mkdirSync(join(cacheDir, `apt-testing-${2 ** 22 + 1}`, "lists"), { recursive: true });
  mkdirSync(join(cacheDir, `nats.${2 ** 22 + 1}.stage`));
  const alive = `redis.${process.pid}.stage`;
  mkdirSync(join(cacheDir, alive));
  const dead = { pid: 2 ** 22 + 1, startedAt: "1", boot: "", name: "dead" };
  writeFileSync(join(cacheDir, "nats.fetching"), JSON.stringify(dead));
  expect(await resolveApart(bin, cacheDir)).toMatch(onDebian ? / 2\.99\.0$/ : /^server_not_found/);
  if (onDebian) expect(readdirSync(cacheDir).sort()).toEqual(["nats", alive]);
});
