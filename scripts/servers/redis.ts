// Owns starting redis-server. It keeps nothing on disk: what is in it is a cache of the truth, and
// `onhand verify --repair` or the next owner of a shard fills it again.
import { join, resolve } from "node:path";
import { makeDirectory } from "../make_directory.ts";
import { newPassword, readIfThere, writePrivate } from "./private_file.ts";
import { ask } from "./probe.ts";
import { type ResolveOptions, resolveRedis } from "./resolve.ts";
import { type RunningServer, startServer } from "./server_process.ts";

/** `databases`: how many numbered databases it offers (default 16). */
export type StartRedisOptions = {
  dir: string;
  port: number;
  databases?: number;
  logFile?: string;
  pidFile?: string;
  dieWithParent?: boolean;
  resolve?: ResolveOptions;
};

/** Starts redis-server on loopback, with a password of its own. Throws ServerError. */
export async function startRedis(options: StartRedisOptions): Promise<RunningServer> {
  const program = await resolveRedis(options.resolve);
  const dir = resolve(options.dir);
  makeDirectory(dir);
  // The password stands in a file, because everybody sees the arguments of a process.
  const configFile = join(dir, "redis.conf");
  const kept = /^requirepass (\w+)$/m.exec(readIfThere(configFile) ?? "")?.[1];
  const password = kept ?? newPassword();
  if (kept === undefined) writePrivate(configFile, `requirepass ${password}\n`);
  const args = [configFile, "--bind", "127.0.0.1", "--port", String(options.port), "--dir", dir];
  args.push("--save", "", "--appendonly", "no", "--databases", String(options.databases ?? 16));
  return startServer({
    kind: "redis",
    url: `redis://:${password}@127.0.0.1:${options.port}`,
    port: options.port,
    pidFile: options.pidFile ?? join(dir, "redis.pid"),
    logFile: options.logFile ?? join(dir, "redis.log"),
    command: { bin: program.bin, args, env: { ...process.env, ...program.env } },
    stopSignal: "SIGTERM",
    stopGraceMs: 5_000,
    isReady: async (pid) => {
      const enough = (text: string) => /process_id:\d+\r\n/.test(text) || text.startsWith("-");
      const answer = await ask(options.port, `AUTH ${password}\r\nINFO server\r\n`, enough);
      return answer?.includes(`process_id:${pid}\r\n`) ?? false;
    },
    ...(options.dieWithParent === undefined ? {} : { dieWithParent: options.dieWithParent }),
  });
}
