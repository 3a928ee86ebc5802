// The command line: what it lists, how it ends, and how it reaches its own Node.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runOnhand, spawnOnhand } from "../support/onhand.ts";
import { privateDir } from "../support/servers.ts";

const BIN = fileURLToPath(new URL("../../scripts/bin/onhand.mjs", import.meta.url));

const NO_RULES = join(privateDir(), "policy.json");
writeFileSync(NO_RULES, '{"rules":[]}');

test("--help lists every command and ends with 0", async () => {
  const { code, stdout } = await runOnhand(["--help"]);
  expect(code).toBe(0);
  for (const name of ["up", "run", "topology", "stock", "import", "verify", "dead", "bench"]) {
    expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  }
});

test("output nobody reads ends without a word, as that of other tools does", async () => {
  const script = fileURLToPath(new URL("../../scripts/onhand.ts", import.meta.url));
  const child = spawn(process.execPath, [script, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  expect({ code, stderr }).toEqual({ code: 141, stderr: "" });
});

test("one Ctrl-C that comes twice, from the terminal and from npm, tells what was done", async () => {
  const child = spawnOnhand(["sim", "--seconds", "60", "--trace", "--json"]);
  let stdout = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  // The trace of the first run: more are to come.
  if (child.stderr !== null) await once(child.stderr, "data");
  child.stderr?.resume();
  const end = once(child, "close");
  child.kill("SIGINT");
  // Another one, for two of the same may become one on their way.
  child.kill("SIGTERM");
  const [code] = await end;
  expect([code, JSON.parse(stdout || "null")]).toEqual([
    130,
    expect.objectContaining({ ok: true }),
  ]);
});

test("up --help tells its options", async () => {
  const { code, stdout } = await runOnhand(["up", "--help"]);
  expect(code).toBe(0);
  for (const option of [
    "--port",
    "--data",
    "--shards",
    "--host",
    "--threads",
    "--demo",
    "--json",
  ]) {
    expect(stdout).toContain(option);
  }
});

test.each([
  ["an unknown command", ["fly"], "error: unknown command 'fly'"],
  ["an unknown option", ["up", "--fly"], "error: unknown option '--fly'"],
  [
    "a setting out of range",
    ["up", "--port", "70000"],
    "onhand: Cannot read the settings: ONHAND_PORT",
  ],
  ["a wrong number", ["up", "--demo-speed", "fast"], "expected a number > 0"],
  ["a role there is none of", ["run", "fly", "--data", "/nowhere"], 'there is no role "fly"'],
  ["a policy file without rules", ["replay", "--what-if", NO_RULES], "rules: expected 1 to 10000"],
])("%s ends with 2 and a line that says so", async (_name, args, line) => {
  const { code, stdout, stderr } = await runOnhand([...args]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(line);
  expect(stderr).not.toContain("    at ");
});

test("stock with neither Redis nor Postgres is one line, which promises nothing", async () => {
  const env = {
    ONHAND_NATS_URL: "nats://127.0.0.1:1",
    ONHAND_DATABASE_URL: "postgres://127.0.0.1:1/x",
    ONHAND_REDIS_URL: "redis://127.0.0.1:1",
  };
  const { code, stdout, stderr } = await runOnhand(["stock", "A"], env);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^onhand: Cannot reach Postgres.*\n$/);
});

test("ONHAND_DEBUG=1 adds the stack to an error", async () => {
  const { stderr } = await runOnhand(["up", "--port", "x"], { ONHAND_DEBUG: "1" });
  expect(stderr).toContain("    at ");
});

test("a Redis that is not there is one line, exit code 1, and nothing stays running", async () => {
  const data = privateDir();
  const env = { ONHAND_REDIS_SERVER: "/nowhere/redis-server" };
  const { code, stdout, stderr } = await runOnhand(["up", "--data", data, "--port", "0"], env);
  expect([code, stdout]).toEqual([1, ""]);
  const last = stderr.trim().split("\n").at(-1);
  expect(last).toBe(
    "onhand: Cannot use ONHAND_REDIS_SERVER=/nowhere/redis-server: not a redis-server >= 6.2.0. " +
      "Point ONHAND_REDIS_SERVER at one, or unset it to let it be found or fetched.",
  );
  for (const file of ["up.pid", "nats/nats.pid", "postgres/postgres.pid", "endpoints.json"]) {
    expect(existsSync(join(data, file))).toBe(false);
  }
});

test("bin/onhand.mjs runs under the machine's own Node and passes arguments and exit code", () => {
  // The first Node of PATH that is not the project's: 20 on the machines we promise to run on.
  const path = (process.env.PATH ?? "")
    .split(delimiter)
    .filter((dir) => !dir.includes("node_modules"));
  const node = path.map((dir) => join(dir, "node")).find(existsSync) ?? process.execPath;
  const help = execFileSync(node, [BIN, "--help"], { encoding: "utf8" });
  expect(help).toContain("Usage: onhand");
  const wrong = spawnSync(node, [BIN, "fly"], { encoding: "utf8" });
  expect(wrong.status).toBe(2);
});
