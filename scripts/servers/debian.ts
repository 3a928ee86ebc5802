// Owns fetching packages from Debian's signed archive without root and without installing anything:
// an apt with its own lists, state and archives, whose files are unpacked into a directory of ours.
// apt checks the archive's signature and every file's hash.
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeDirectory } from "../make_directory.ts";
import { findOnPath } from "./executable.ts";
import { ServerError } from "./server_error.ts";

const run = promisify(execFile);
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** An apt of our own over one suite; `close` removes its lists (over 100 MB). */
export type DebianArchive = {
  readonly suite: string;
  readonly mirror: string;
  update(): Promise<void>;
  /** The version of a package's file, as the archive offers it. */
  offered(name: string): Promise<string | undefined>;
  /** The package and what it needs beyond what this machine already has. */
  plan(name: string): Promise<string[]>;
  /** Downloads the packages and unpacks them into `into`. */
  unpack(packages: readonly string[], into: string): Promise<void>;
  close(): void;
};

/** The release name of this Debian machine ("bookworm"), or undefined on anything else. */
export function debianRelease(): string | undefined {
  const os = osRelease();
  const tools = findOnPath("apt-get") && findOnPath("dpkg-deb") && existsSync(KEYRING);
  if (process.platform !== "linux" || os.ID !== "debian" || !tools) return undefined;
  return os.VERSION_CODENAME;
}

/** What this machine calls itself, for messages: "linux/x64, ubuntu". */
export function machineName(): string {
  const id = osRelease().ID;
  return `${process.platform}/${process.arch}${id ? `, ${id}` : ""}`;
}

/** Opens one suite of the archive this machine already uses; nothing is downloaded yet. */
export function openArchive(workDir: string, suite: string, release: string): DebianArchive {
  const mirror = ownMirror(release);
  const dir = join(workDir, `apt-${suite}-${process.pid}`);
  for (const part of ["lists/partial", "archives/partial", "state"]) {
    makeDirectory(join(dir, part));
  }
  const sources = join(dir, "sources.list");
  writeFileSync(sources, `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`);
  const flags = aptFlags(dir, sources);
  const apt = async (args: readonly string[], cwd: string): Promise<string> => {
    const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
    const options = { cwd, env, maxBuffer: 64 << 20 };
    return (await run("apt-get", ["-q", ...flags, ...args], options)).stdout;
  };
  return {
    suite,
    mirror,
    update: async () => {
      await apt(["update"], dir);
    },
    offered: async (name) => {
      const uris = await apt(["download", "--print-uris", name], dir);
      return new RegExp(`${name}_(?:\\d+%3a)?(\\d+\\.\\d+\\.\\d+)`).exec(uris)?.[1];
    },
    plan: async (name) => {
      const text = await apt(["-s", "--no-install-recommends", "install", name], dir);
      return [...text.matchAll(/^Inst (\S+) /gm)].map((match) => match[1] ?? "");
    },
    unpack: async (packages, into) => {
      const downloads = join(dir, "download");
      makeDirectory(downloads);
      makeDirectory(into);
      await apt(["download", ...packages], downloads);
      for (const file of readdirSync(downloads).filter((name) => name.endsWith(".deb"))) {
        await run("dpkg-deb", ["-x", join(downloads, file), into]);
      }
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}

function aptFlags(dir: string, sources: string): string[] {
  const options = {
    "Dir::Etc::sourcelist": sources,
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::State": join(dir, "state"),
    "Dir::State::lists": join(dir, "lists"),
    "Dir::State::status": "/var/lib/dpkg/status",
    "Dir::State::extended_states": join(dir, "state", "extended_states"),
    "Dir::Cache": dir,
    "Dir::Cache::archives": join(dir, "archives"),
    "Acquire::Languages": "none",
    "Acquire::Retries": "3",
    "Debug::NoLocking": "1",
    "APT::Sandbox::User": "root",
    "APT::Get::List-Cleanup": "0",
    "APT::Update::Error-Mode": "any",
  };
  return Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}

/** The archive this machine already uses for its own release; no host is named in this house. */
function ownMirror(release: string): string {
  // --no-release-info: else apt lists nothing on a machine that never ran "apt-get update".
  const format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
  const args = ["indextargets", "--no-release-info", "--format", format, "Created-By: Packages"];
  const rows = execFileSync("apt-get", args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  })
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , component]) => component === "main");
  const rolling = /^(stable|testing|unstable|sid)$/;
  const own =
    rows.find(([, suite]) => suite === release) ??
    rows.find(([, suite]) => rolling.test(suite ?? ""));
  if (own?.[0]) return own[0];
  throw new ServerError("fetch_failed", `apt on this machine has no source for "${release} main"`, {
    hint: "Add one to /etc/apt/sources.list, or install the server by hand.",
  });
}

function osRelease(): Record<string, string> {
  try {
    const lines = readFileSync("/etc/os-release", "utf8").split("\n");
    const pairs = lines
      .filter((line) => line.includes("="))
      .map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at), line.slice(at + 1).replace(/^"|"$/g, "")];
      });
    return Object.fromEntries(pairs) as Record<string, string>;
  } catch {
    return {};
  }
}
