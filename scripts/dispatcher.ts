// Owns the command line `onhand`: finds the command's file, runs it, and turns whatever it throws into
// one line and an exit code (1 failed, 2 wrong use). Commands are imported only when they are called.
import { existsSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { describeError, OnhandError } from "../shared/errors.ts";
import { ResultIsNo } from "./command_line.ts";

/** Each command lives in commands/<name>.ts and exports `command(): Command`. */
const COMMANDS: Record<string, string> = {
  up: "run everything on this machine, with servers it finds or fetches",
  run: "run one role (stock, forecast, http), for many machines",
  topology: "apply, show or examine streams, buckets and the mapping",
  stock: "show a SKU's levels, now or as of a time",
  import: "stream a sales file through the log",
  verify: "fold log and ledger again and compare with Postgres and Redis",
  dead: "list, show and redrive what was set aside",
  bench: "measure throughput and latency, checked for correctness",
  forecast: "forecast every series of a file",
  backtest: "replay sales through reorder policies, read at equal fill",
  replay: "what happened again under other reorder points, in a sandbox",
  sim: "run the seeded simulation",
};

/** What may keep the process alive once its command is done, before it is ended all the same. */
const LINGER_MAX_MS = 2_000;

/** Of a command whose reader was gone, as a shell tells it of other tools: 128 and the number of SIGPIPE. */
const UNREAD = 141;

/** Runs the command line and sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  tolerateOutput(args[0] ?? "");
  // A fault of ours that no command caught ends in one line, too. `up` puts its own care in place.
  process.on("uncaughtException", (error) => process.exit(exitCodeOf(error)));
  process.exitCode = await run(args);
  setTimeout(() => process.exit(), LINGER_MAX_MS).unref();
}

/**
 * Whoever reads our output may have seen enough (`onhand dead ls | head`): that is the end, without a word. What serves
 * goes on whatever becomes of its output (a reader or a terminal that is gone, a full disk), and drains when the signal
 * comes that ended the reader (`npm start | tee`).
 */
function tolerateOutput(command: string): void {
  const serves = command === "up" || command === "run";
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (serves) return;
    if (error.code !== "EPIPE") throw error;
    process.exit(process.exitCode || UNREAD);
  });
  // There is nobody to tell.
  process.stderr.on("error", () => {});
}

async function run(args: readonly string[]): Promise<number> {
  try {
    const program = await programFor(args);
    await program.parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return exitCodeOf(error);
  }
}

async function programFor(args: readonly string[]): Promise<Command> {
  const program = new Command("onhand")
    .description("Real-time inventory hub. In a clone: npm run -s onhand -- COMMAND")
    .showHelpAfterError("(see --help)");
  const wanted = args.find((arg) => !arg.startsWith("-"));
  const called = wanted === "help" ? args[args.indexOf("help") + 1] : wanted;
  for (const [name, description] of Object.entries(COMMANDS)) {
    const command = name === called ? await load(name) : new Command(name).description(description);
    program.addCommand(command);
  }
  overrideExits(program);
  return program;
}

async function load(name: string): Promise<Command> {
  const file = new URL(`./commands/${name}.ts`, import.meta.url);
  if (!existsSync(file)) {
    throw new OnhandError("usage", `The command "${name}" is not part of this version yet`);
  }
  const module = (await import(file.href)) as { command(): Command };
  return module.command();
}

/** Makes commander throw instead of ending the process, at every depth. */
function overrideExits(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) overrideExits(child);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof ResultIsNo) return 1;
  // commander has printed its own help or complaint by now.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const debug = process.env.ONHAND_DEBUG === "1" && error instanceof Error;
  const line = describeError(error).replaceAll(/\s*\n\s*/g, " ");
  process.stderr.write(`onhand: ${debug ? error.stack : line}\n`);
  return error instanceof OnhandError && ["usage", "bad_config"].includes(error.code) ? 2 : 1;
}
